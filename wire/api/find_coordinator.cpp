#include "wire/api/find_coordinator.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::find_coordinator_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::find_coordinator_response);
