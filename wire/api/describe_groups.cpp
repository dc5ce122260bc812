#include "wire/api/describe_groups.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::describe_groups_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::describe_groups_response);
