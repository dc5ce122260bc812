#include "wire/api/produce.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::produce_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::produce_response);
