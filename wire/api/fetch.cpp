#include "wire/api/fetch.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::fetch_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::fetch_response);
