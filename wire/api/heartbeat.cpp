#include "wire/api/heartbeat.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::heartbeat_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::heartbeat_response);
