#include "wire/api/offset_commit.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::offset_commit_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::offset_commit_response);
