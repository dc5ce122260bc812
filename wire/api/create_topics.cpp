#include "wire/api/create_topics.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::create_topics_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::create_topics_response);
