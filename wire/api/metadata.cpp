#include "wire/api/metadata.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::metadata_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::metadata_response);
