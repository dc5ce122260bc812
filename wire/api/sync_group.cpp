#include "wire/api/sync_group.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::sync_group_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::sync_group_response);
