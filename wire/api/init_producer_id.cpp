#include "wire/api/init_producer_id.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::init_producer_id_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::init_producer_id_response);
