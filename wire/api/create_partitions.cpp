#include "wire/api/create_partitions.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::create_partitions_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::create_partitions_response);
