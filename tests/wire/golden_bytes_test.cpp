// Bytes that other implementations of the protocol wrote, or that follow from its published field
// lists, against ours. If one of these changes, an old client stops understanding us.

#include "outbox/base/hex.hpp"
#include "wire/apis.hpp"
#include "wire/header.hpp"
#include "wire/message.hpp"

#include <gtest/gtest.h>

namespace outbox::wire {
namespace {

template <class Message>
void expect_golden(const Message& message, std::int16_t version, std::string_view hex) {
    EXPECT_EQ(to_hex(encoded(message, version)), hex);
    const bytes data = from_hex(hex).value();
    reader in(data);
    Message read;
    decode(in, read, version);
    in.expect_end();
    EXPECT_TRUE(in.ok()) << in.error().message();
    EXPECT_EQ(read, message);
}

TEST(golden_bytes, messages_equal_those_of_kafka_python) {
    expect_golden(
        metadata_request{.topics = {{{.name = "orders"}, {.name = "a"}}}},
        0,
        "0000000200066f7264657273000161"
    );
    expect_golden(metadata_request{}, 1, "ffffffff");
    expect_golden(
        metadata_request{.topics = {{{.name = "orders"}}}},
        5,
        "0000000100066f726465727301"
    );
    expect_golden(
        metadata_response{
            .brokers = {{.node_id = 0, .host = "127.0.0.1", .port = 9092}},
            .cluster_id = "cid",
            .controller_id = 0,
            .topics =
                {{.name = "orders",
                  .partitions = {{.index = 1, .replica_nodes = {0}, .isr_nodes = {0}}}}}},
        5,
        "00000000000000010000000000093132372e302e302e3100002384ffff00036369640000000000000001000000"
        "066f72646572730000000001000000000001000000000000000100000000000000010000000000000000"
    );
    expect_golden(
        produce_request{
            .acks = -1,
            .timeout_ms = 1500,
            .topics = {{.name = "orders", .partitions = {{.index = 3, .records = "\1\2\3"}}}}},
        7,
        "ffffffff000005dc0000000100066f7264657273000000010000000300000003010203"
    );
    expect_golden(
        produce_response{
            .topics =
                {{.name = "orders",
                  .partitions = {{.index = 3, .error = error_code::unsupported_version}}}}},
        2,
        "0000000100066f726465727300000001000000030023ffffffffffffffffffffffffffffffff00000000"
    );
    expect_golden(
        produce_response{
            .topics =
                {{.name = "orders",
                  .partitions = {{.index = 3, .base_offset = 42, .log_start_offset = 7}}}}},
        5,
        "0000000100066f726465727300000001000000030000000000000000002affffffffffffffff00000000000000"
        "0700000000"
    );
    expect_golden(
        fetch_request{
            .max_wait_ms = 500,
            .min_bytes = 1,
            .max_bytes = 1000000,
            .topics =
                {{.name = "orders",
                  .partitions = {{.index = 3, .fetch_offset = 42, .partition_max_bytes = 65536}}}}},
        4,
        "ffffffff000001f400000001000f4240000000000100066f72646572730000000100000003000000000000002a"
        "00010000"
    );
    expect_golden(
        fetch_response{
            .topics =
                {{.name = "orders",
                  .partitions =
                      {{.index = 3,
                        .high_watermark = 50,
                        .last_stable_offset = 50,
                        .log_start_offset = 0,
                        .records = "\xaa\xbb"}}}}},
        11,
        "000000000000000000000000000100066f72646572730000000100000003000000000000000000320000000000"
        "0000320000000000000000ffffffffffffffff00000002aabb"
    );
    expect_golden(
        list_offsets_request{.topics = {{.name = "orders", .partitions = {{.timestamp = -1}}}}},
        1,
        "ffffffff0000000100066f72646572730000000100000000ffffffffffffffff"
    );
    expect_golden(
        list_offsets_response{
            .topics = {{.name = "orders", .partitions = {{.offset = 42, .leader_epoch = 5}}}}},
        4,
        "000000000000000100066f726465727300000001000000000000ffffffffffffffff000000000000002a000000"
        "05"
    );
    expect_golden(
        create_topics_request{
            .topics =
                {{.name = "orders",
                  .num_partitions = 4,
                  .replication_factor = 1,
                  .assignments = {{.partition_index = 0, .broker_ids = {0}}},
                  .configs = {{.name = "flush.messages", .value = "1"}}}},
            .timeout_ms = 1000,
            .validate_only = true},
        2,
        "0000000100066f72646572730000000400010000000100000000000000010000000000000001000e666c757368"
        "2e6d65737361676573000131000003e801"
    );
    expect_golden(
        create_topics_response{
            .topics =
                {{.name = "orders",
                  .error = error_code::topic_already_exists,
                  .error_message = "exists"}}},
        2,
        "000000000000000100066f726465727300240006657869737473"
    );
    expect_golden(
        create_partitions_request{
            .topics = {{.name = "orders", .count = 6, .assignments = {}}},
            .timeout_ms = 1000,
            .validate_only = true},
        0,
        "0000000100066f726465727300000006ffffffff000003e801"
    );
    expect_golden(
        create_partitions_request{
            .topics = {{.name = "t", .count = 2, .assignments = {{{.broker_ids = {1}}}}}},
            .timeout_ms = 1},
        2,
        "02"
        "0274"
        "00000002"
        "02"
        "02"
        "00000001"
        "00"
        "00"
        "00000001"
        "00"
        "00"
    );
    expect_golden(
        create_partitions_response{
            .topics = {{.name = "orders", .error = error_code::invalid_partitions}}},
        1,
        "000000000000000100066f72646572730025ffff"
    );
    expect_golden(
        delete_topics_request{.topic_names = {"orders"}, .timeout_ms = 1000},
        1,
        "0000000100066f7264657273000003e8"
    );
    expect_golden(
        delete_topics_response{
            .topics = {{.name = "orders", .error = error_code::unknown_topic_or_partition}}},
        1,
        "000000000000000100066f72646572730003"
    );
    expect_golden(
        describe_configs_request{
            .resources = {{.type = 2, .name = "orders", .keys = {{"retention.ms"}}}},
            .include_synonyms = true},
        1,
        "000000010200066f726465727300000001000c726574656e74696f6e2e6d7301"
    );
    expect_golden(
        api_versions_response{
            .api_keys = {{.api_key = 0, .max_version = 8}, {.api_key = 18, .max_version = 4}}},
        1,
        "00000000000200000000000800120000000400000000"
    );
    expect_golden(find_coordinator_request{.key = "g"}, 1, "00016700");
}

TEST(golden_bytes, the_first_request_of_librdkafka_is_read) {
    // What kcat 1.7.1 on librdkafka 2.0.2 sends first.
    const bytes data =
        from_hex("0012000300000001000772646b61666b61000b6c696272646b61666b6106322e302e3200")
            .value();
    reader in(data);
    const request_header header = read_request_header(in);
    EXPECT_EQ(
        header,
        (request_header{.api_key = 18, .version = 3, .correlation_id = 1, .client_id = "rdkafka"})
    );
    api_versions_request body;
    decode(in, body, header.version);
    in.expect_end();
    ASSERT_TRUE(in.ok()) << in.error().message();
    EXPECT_EQ(body.client_software_name, "librdkafka");
    EXPECT_EQ(body.client_software_version, "2.0.2");
}

TEST(golden_bytes, flexible_messages_follow_the_published_field_lists) {
    // Compact lengths are one more than the length, null is 0, and every structure ends with its
    // tagged fields.
    expect_golden(
        init_producer_id_request{
            .transaction_timeout_ms = 60000,
            .producer_id = 5,
            .producer_epoch = 1},
        4,
        "00"
        "0000ea60"
        "0000000000000005"
        "0001"
        "00"
    );
    expect_golden(
        init_producer_id_response{.producer_id = 7, .producer_epoch = 0},
        2,
        "00000000"
        "0000"
        "0000000000000007"
        "0000"
        "00"
    );
    expect_golden(
        api_versions_response{.api_keys = {{.api_key = 18, .max_version = 4}}},
        3,
        "0000"
        "02"
        "0012"
        "0000"
        "0004"
        "00"
        "00000000"
        "00"
    );
    expect_golden(
        list_offsets_request{
            .topics = {{.name = "t", .partitions = {{.index = 2, .timestamp = -1}}}}},
        6,
        "ffffffff"
        "00"
        "02"
        "0274"
        "02"
        "00000002"
        "ffffffff"
        "ffffffffffffffff"
        "00"
        "00"
        "00"
    );
    expect_golden(
        fetch_request{
            .max_wait_ms = 1,
            .min_bytes = 2,
            .max_bytes = 3,
            .topics =
                {{.name = "t",
                  .partitions = {{.index = 2, .fetch_offset = 9, .partition_max_bytes = 4}}}},
            .cluster_id = "c"},
        12,
        "ffffffff"
        "00000001"
        "00000002"
        "00000003"
        "00"
        "00000000"
        "ffffffff"
        "02"
        "0274"
        "02"
        "00000002"
        "ffffffff"
        "0000000000000009"
        "ffffffff"
        "ffffffffffffffff"
        "00000004"
        "00"
        "00"
        "01"
        "01"
        "01"
        "00"
        "02"
        "0263"
    );
    expect_golden(
        fetch_response{
            .topics =
                {{.name = "t",
                  .partitions =
                      {{.index = 2,
                        .error = error_code::offset_out_of_range,
                        .current_leader = {.leader_id = 1, .leader_epoch = 3},
                        .records = ""}}}}},
        12,
        "00000000"
        "0000"
        "00000000"
        "02"
        "0274"
        "02"
        "00000002"
        "0001"
        "ffffffffffffffff"
        "ffffffffffffffff"
        "ffffffffffffffff"
        "00"
        "ffffffff"
        "01"
        "01"
        "01"
        "09"
        "00000001"
        "00000003"
        "00"
        "00"
        "00"
    );
    expect_golden(
        create_topics_response{
            .topics =
                {{.name = "t",
                  .num_partitions = 4,
                  .replication_factor = 1,
                  .configs = {{{.name = "k", .value = "v", .config_source = 5}}}}}},
        5,
        "00000000"
        "02"
        "0274"
        "0000"
        "00"
        "00000004"
        "0001"
        "02"
        "026b"
        "0276"
        "00"
        "05"
        "00"
        "00"
        "00"
        "00"
    );
    expect_golden(
        delete_topics_request{.topic_names = {"t"}, .timeout_ms = 1},
        4,
        "02"
        "0274"
        "00000001"
        "00"
    );
}

TEST(golden_bytes, a_leader_epoch_takes_four_bytes) {
    // kafka-python 2.0.2 writes eight here, and never sends this version.
    expect_golden(
        list_offsets_request{
            .isolation_level = 1,
            .topics =
                {{.name = "orders", .partitions = {{.current_leader_epoch = 5, .timestamp = -2}}}}},
        4,
        "ffffffff"
        "01"
        "00000001"
        "00066f7264657273"
        "00000001"
        "00000000"
        "00000005"
        "fffffffffffffffe"
    );
}

TEST(golden_bytes, records_of_a_fetch_answer_are_empty_and_not_null) {
    // librdkafka reads a null record set as a malformed one.
    const fetch_response answer{.topics = {{.name = "t", .partitions = {{.records = ""}}}}};
    EXPECT_TRUE(to_hex(encoded(answer, 11)).ends_with("00000000"));
}

} // namespace
} // namespace outbox::wire
