#include "wire/api/delete_topics.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::delete_topics_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::delete_topics_response);
