#include "wire/api/leave_group.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::leave_group_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::leave_group_response);
