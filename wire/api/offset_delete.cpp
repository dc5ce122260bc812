#include "wire/api/offset_delete.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::offset_delete_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::offset_delete_response);
