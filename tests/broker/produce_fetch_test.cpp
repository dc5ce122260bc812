#include "tests/broker/broker_fixture.hpp"

#include <algorithm>

namespace outbox::broker {
namespace {

using namespace std::chrono_literals;
using wire::error_code;
using strings = std::vector<std::string>;

class produce_fetch : public test::broker_fixture {
protected:
    void SetUp() override {
        broker_fixture::SetUp();
        make_topic("orders");
    }
};

TEST_F(produce_fetch, what_was_acknowledged_is_read_back_in_order_at_every_version) {
    auto client = connect();
    std::int64_t next = 0;
    strings sent;
    for (std::int16_t version = 3; version <= wire::produce_api::versions.max; ++version) {
        const auto text = "v" + std::to_string(version);
        const auto got = client.ask(produce_of("orders", 1, batch_of({text, text + "b"})), version);
        EXPECT_EQ(row(got).error, error_code::none);
        EXPECT_EQ(row(got).base_offset, next);
        next += 2;
        sent.push_back(text);
        sent.push_back(text + "b");
    }
    for (std::int16_t version = 4; version <= wire::fetch_api::versions.max; ++version) {
        const auto got = client.ask(fetch_of("orders", 1, 0), version);
        EXPECT_EQ(row(got).error, error_code::none);
        EXPECT_EQ(row(got).high_watermark, next);
        EXPECT_EQ(row(got).last_stable_offset, next);
        EXPECT_EQ(values_of(row(got).records.value()), sent) << "v" << version;
    }
}

TEST_F(produce_fetch, batches_of_every_codec_pass_through_as_they_came) {
    auto client = connect();
    for (const auto how :
         {wire::codec::none,
          wire::codec::gzip,
          wire::codec::snappy,
          wire::codec::lz4,
          wire::codec::zstd}) {
        bytes batch = batch_of({"a", "b", "c"}, {.compression = how});
        const auto produced = client.ask(produce_of("orders", 2, batch), 7);
        const auto got = client.ask(fetch_of("orders", 2, row(produced).base_offset), 11);
        wire::stamp_batch(batch, row(produced).base_offset, 1);
        EXPECT_EQ(row(got).records.value(), batch) << static_cast<int>(how);
    }
}

TEST_F(produce_fetch, an_offset_inside_a_batch_brings_the_whole_batch) {
    auto client = connect();
    client.ask(produce_of("orders", 0, batch_of({"a", "b", "c"})), 7);
    client.ask(produce_of("orders", 0, batch_of({"d"})), 7);
    const auto got = client.ask(fetch_of("orders", 0, 1), 11);
    EXPECT_EQ(values_of(row(got).records.value()), (strings{"a", "b", "c", "d"}));
}

TEST_F(produce_fetch, a_batch_larger_than_the_limit_is_returned_when_it_is_the_first) {
    auto client = connect();
    client.ask(produce_of("orders", 0, batch_of({bytes(5000, 'x')})), 7);
    client.ask(produce_of("orders", 1, batch_of({bytes(5000, 'y')})), 7);
    const auto one = client.ask(fetch_of("orders", 0, 0, 0, 100), 11);
    EXPECT_EQ(values_of(row(one).records.value()), strings{bytes(5000, 'x')});

    auto both = fetch_of("orders", 0, 0, 0, 100);
    both.topics[0].partitions.push_back({.index = 1, .fetch_offset = 0, .partition_max_bytes = 100}
    );
    const auto got = client.ask(both, 11);
    EXPECT_FALSE(got->topics[0].partitions[0].records->empty());
    EXPECT_TRUE(got->topics[0].partitions[1].records->empty()) << "the limit bends once";
    EXPECT_EQ(got->topics[0].partitions[1].high_watermark, 1);
}

TEST_F(produce_fetch, a_partition_named_a_thousand_times_is_fetched_once) {
    auto client = connect();
    client.ask(produce_of("orders", 0, batch_of({"a"})), 7);
    auto asked = fetch_of("orders", 0, 0);
    asked.topics[0].partitions.resize(1000, asked.topics[0].partitions[0]);
    asked.topics[0].partitions.push_back({.index = 1, .partition_max_bytes = 100});
    asked.topics.push_back(asked.topics[0]);
    const auto got = client.ask(asked, 11);
    ASSERT_EQ(got->topics.size(), 1u);
    ASSERT_EQ(got->topics[0].partitions.size(), 2u);
    EXPECT_EQ(values_of(got->topics[0].partitions[0].records.value()), strings{"a"});
    EXPECT_EQ(got->topics[0].partitions[1].index, 1);
}

TEST_F(produce_fetch, answers_come_in_request_order_and_acks_0_has_none) {
    auto client = connect();
    const auto fetch_first =
        client.send(fetch_of("orders", 3, 0, 10'000), 11); // waits for the next
    client.send(produce_of("orders", 3, batch_of({"silent"}), 0), 7);
    const auto all = client.send(produce_of("orders", 3, batch_of({"loud"}), -1), 7);
    const auto fetch_second = client.send(fetch_of("orders", 3, 1), 11);
    const auto versions = client.send(wire::api_versions_request{}, 0);

    const auto a = client.receive_as<wire::fetch_api>(11);
    EXPECT_EQ(a.correlation_id, fetch_first);
    EXPECT_EQ(values_of(row(a).records.value()).front(), "silent");
    const auto b = client.receive_as<wire::produce_api>(7);
    EXPECT_EQ(b.correlation_id, all);
    EXPECT_EQ(row(b).base_offset, 1);
    EXPECT_EQ(client.receive_as<wire::fetch_api>(11).correlation_id, fetch_second);
    EXPECT_EQ(client.receive_as<wire::api_versions_api>(0).correlation_id, versions);
}

TEST_F(produce_fetch, a_thousand_pipelined_requests_are_answered_in_order) {
    auto client = connect();
    std::vector<std::int32_t> sent;
    for (int i = 0; i < 1000; ++i)
        sent.push_back(client.send(produce_of("orders", i % 4, batch_of({std::to_string(i)})), 7));
    for (int i = 0; i < 1000; ++i) {
        const auto got = client.receive_as<wire::produce_api>(7);
        ASSERT_EQ(got.correlation_id, sent[static_cast<std::size_t>(i)]);
        ASSERT_EQ(row(got).base_offset, i / 4);
    }
}

TEST_F(produce_fetch, requests_that_come_with_the_end_of_a_large_one_are_answered) {
    auto client = connect();
    auto other = connect();
    const bytes large =
        client.frame_of(produce_of("orders", 0, batch_of({bytes(3 << 20, 'x')})), 7);
    client.send_raw(bytes_view(large).substr(0, large.size() - 1));
    for (int i = 0; i < 10; ++i) // meanwhile the broker has read what there was
        other.ask(wire::api_versions_request{}, 0);
    bytes rest{large.back()};
    for (int i = 0; i < 2; ++i)
        rest += client.frame_of(wire::api_versions_request{}, 0);
    client.send_raw(rest);
    EXPECT_EQ(row(client.receive_as<wire::produce_api>(7)).error, error_code::message_too_large);
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(client.receive_as<wire::api_versions_api>(0)->error, error_code::none);
    EXPECT_EQ(client.ask(wire::api_versions_request{}, 0)->error, error_code::none);
}

TEST_F(produce_fetch, a_waiting_fetch_is_woken_by_new_records) {
    auto reader = connect();
    auto writer = connect();
    reader.send(fetch_of("orders", 0, 0, 60'000), 11); // receive_as() does not wait as long
    EXPECT_TRUE(reader.silent_for(100ms));
    writer.ask(produce_of("orders", 1, batch_of({"elsewhere"})), 7);
    writer.ask(produce_of("orders", 0, batch_of({"here"})), 7);
    const auto got = reader.receive_as<wire::fetch_api>(11);
    EXPECT_EQ(values_of(row(got).records.value()), strings{"here"});
}

TEST_F(produce_fetch, a_fetch_waits_for_min_bytes) {
    auto reader = connect();
    auto writer = connect();
    auto request = fetch_of("orders", 0, 0, 60'000);
    const bytes batch = batch_of({bytes(1000, 'x')});
    request.min_bytes = static_cast<std::int32_t>(2 * batch.size());
    reader.send(request, 11);
    writer.ask(produce_of("orders", 0, batch), 7);
    EXPECT_TRUE(reader.silent_for(100ms));
    writer.ask(produce_of("orders", 0, batch), 7);
    EXPECT_EQ(values_of(row(reader.receive_as<wire::fetch_api>(11)).records.value()).size(), 2u);
}

TEST_F(produce_fetch, a_fetch_without_news_is_answered_after_its_wait_with_empty_records) {
    auto client = connect();
    const auto start = std::chrono::steady_clock::now();
    const auto got = client.ask(fetch_of("orders", 0, 0, 200), 11);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 190ms);
    ASSERT_TRUE(row(got).records.has_value()) << "null records confuse librdkafka";
    EXPECT_TRUE(row(got).records->empty());
    EXPECT_EQ(row(got).error, error_code::none);
}

TEST_F(produce_fetch, an_error_is_answered_at_once) {
    auto client = connect();
    const auto beyond = client.ask(fetch_of("orders", 0, 17, 60'000), 11);
    EXPECT_EQ(row(beyond).error, error_code::offset_out_of_range);
    const auto nobody = client.ask(fetch_of("nobody", 0, 0, 60'000), 11);
    EXPECT_EQ(row(nobody).error, error_code::unknown_topic_or_partition);
    auto fenced = fetch_of("orders", 0, 0, 60'000);
    fenced.topics[0].partitions[0].current_leader_epoch = 0;
    EXPECT_EQ(row(client.ask(fenced, 11)).error, error_code::fenced_leader_epoch);
    fenced.topics[0].partitions[0].current_leader_epoch = 99;
    EXPECT_EQ(row(client.ask(fenced, 11)).error, error_code::unknown_leader_epoch);
}

TEST_F(produce_fetch, deleting_a_topic_answers_those_who_wait_on_it) {
    auto reader = connect();
    auto admin = connect();
    reader.send(fetch_of("orders", 0, 0, 60'000), 11);
    EXPECT_TRUE(reader.silent_for(50ms));
    EXPECT_EQ(
        admin.ask(wire::delete_topics_request{.topic_names = {"orders"}, .timeout_ms = 1000}, 4)
            ->topics.at(0)
            .error,
        error_code::none
    );
    EXPECT_EQ(
        row(reader.receive_as<wire::fetch_api>(11)).error,
        error_code::unknown_topic_or_partition
    );
}

TEST_F(produce_fetch, old_produce_versions_are_refused_in_their_own_layout) {
    auto client = connect();
    for (std::int16_t version = 0; version < 3; ++version) {
        const auto got = client.ask(produce_of("orders", 0, batch_of({"x"})), version);
        EXPECT_EQ(row(got).error, error_code::unsupported_version);
    }
    EXPECT_EQ(row(client.ask(fetch_of("orders", 0, 0), 11)).high_watermark, 0);
}

TEST_F(produce_fetch, refused_batches_have_the_protocols_codes_and_leave_nothing) {
    auto client = connect();
    const auto code = [&](bytes_view batch) {
        return row(client.ask(produce_of("orders", 0, batch), 8)).error;
    };
    bytes bad = batch_of({"x"});
    bad.back() = static_cast<char>(bad.back() ^ 1);
    EXPECT_EQ(code(bad), error_code::corrupt_message);
    EXPECT_EQ(code(""), error_code::corrupt_message);
    EXPECT_EQ(code(batch_of({bytes(1'100'000, 'x')})), error_code::message_too_large);
    EXPECT_EQ(code(batch_of({"a"}) + batch_of({"b"})), error_code::invalid_record);
    EXPECT_EQ(
        row(client.ask(produce_of("orders", 4, batch_of({"x"})), 8)).error,
        error_code::unknown_topic_or_partition
    );
    EXPECT_EQ(
        row(client.ask(produce_of("orders", 0, batch_of({"x"}), 2), 8)).error,
        error_code::invalid_required_acks
    );
    EXPECT_EQ(row(client.ask(fetch_of("orders", 0, 0), 11)).high_watermark, 0);
    EXPECT_EQ(code(batch_of({"good"})), error_code::none);
}

TEST_F(produce_fetch, one_bad_partition_does_not_spoil_the_others) {
    auto client = connect();
    const bytes good = batch_of({"good"});
    const bytes other = batch_of({"other"});
    auto request = produce_of("orders", 0, good);
    request.topics[0].partitions.push_back({.index = 77, .records = other});
    request.topics[0].partitions.push_back({.index = 2, .records = other});
    const auto got = client.ask(request, 7);
    EXPECT_EQ(got->topics[0].partitions[0].error, error_code::none);
    EXPECT_EQ(got->topics[0].partitions[1].error, error_code::unknown_topic_or_partition);
    EXPECT_EQ(got->topics[0].partitions[2].error, error_code::none);
}

} // namespace
} // namespace outbox::broker
