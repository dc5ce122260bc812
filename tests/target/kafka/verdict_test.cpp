#include "outbox/target/kafka/verdict.hpp"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

namespace outbox::kafka {
namespace {

TEST(verdict, broken_way_is_never_the_messages_fault) {
    for (const auto code :
         {RD_KAFKA_RESP_ERR__TRANSPORT,
          RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
          RD_KAFKA_RESP_ERR__MSG_TIMED_OUT,
          RD_KAFKA_RESP_ERR__TIMED_OUT,
          RD_KAFKA_RESP_ERR__PURGE_QUEUE,
          RD_KAFKA_RESP_ERR__PURGE_INFLIGHT,
          RD_KAFKA_RESP_ERR__FATAL,
          RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE,
          RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
          RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
          RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
          RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
          RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
          RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
          RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
          RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
          RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID,
          RD_KAFKA_RESP_ERR__AUTHENTICATION,
          RD_KAFKA_RESP_ERR_UNKNOWN})
        EXPECT_EQ(judge(code), verdict::lost) << rd_kafka_err2name(code);
}

TEST(verdict, topic_that_takes_nothing_is_told_from_a_batch_with_poison_in_it) {
    EXPECT_EQ(judge(RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION), verdict::address_refused);
    EXPECT_EQ(judge(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED), verdict::address_refused);
    EXPECT_EQ(judge(RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC), verdict::address_refused);
    EXPECT_EQ(judge(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE), verdict::content_refused);
    EXPECT_EQ(judge(RD_KAFKA_RESP_ERR_INVALID_RECORD), verdict::content_refused);
}

} // namespace
} // namespace outbox::kafka
