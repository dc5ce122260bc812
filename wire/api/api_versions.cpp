#include "wire/api/api_versions.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::api_versions_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::api_versions_response);
