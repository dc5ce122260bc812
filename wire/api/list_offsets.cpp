#include "wire/api/list_offsets.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::list_offsets_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::list_offsets_response);
