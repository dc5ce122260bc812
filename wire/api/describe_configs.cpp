#include "wire/api/describe_configs.hpp"

#include "wire/codec.hpp"

OUTBOX_WIRE_MESSAGE(outbox::wire::describe_configs_request);
OUTBOX_WIRE_MESSAGE(outbox::wire::describe_configs_response);
