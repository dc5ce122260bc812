#include "wire/api/join_group.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::join_group_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::join_group_response);
