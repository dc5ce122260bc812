#include "outbox/target/kafka/verdict.hpp"

#include <librdkafka/rdkafka.h>

namespace outbox::kafka {

verdict judge(int code) noexcept {
    switch (static_cast<rd_kafka_resp_err_t>(code)) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return verdict::delivered;

    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    // The cluster has no such topic and does not make one, and topic.metadata.propagation.max.ms
    // has passed.
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        return verdict::address_refused;

    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
        return verdict::content_refused;

    // Also CLUSTER_AUTHORIZATION_FAILED: without the right to produce idempotently nothing can be
    // sent at all.
    default:
        return verdict::lost;
    }
}

} // namespace outbox::kafka
