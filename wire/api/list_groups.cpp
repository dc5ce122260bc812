#include "wire/api/list_groups.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::list_groups_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::list_groups_response);
