#include "wire/api/delete_groups.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::delete_groups_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::delete_groups_response);
