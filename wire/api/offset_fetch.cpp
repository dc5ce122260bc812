#include "wire/api/offset_fetch.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::offset_fetch_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::offset_fetch_response);
