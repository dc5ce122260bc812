#include "tests/broker/broker_fixture.hpp"

#include "harness/wait_until.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

namespace outbox::broker {
namespace {

using namespace std::chrono_literals;
using wire::error_code;
using strings = std::vector<std::string>;

class durability : public test::broker_fixture {
protected:
    void SetUp() override {
        broker_fixture::SetUp();
        make_topic("orders");
    }
    /// What has been appended. The zeros that the log writes ahead do not count, nor those at the
    /// end of a batch.
    std::size_t log_bytes(const std::string& partition) const {
        std::size_t sum = 0;
        for (const auto& file : std::filesystem::directory_iterator(dir_ / "data" / partition))
            if (file.path().extension() == ".log") {
                std::ifstream in{file.path(), std::ios::binary};
                const std::string all{std::istreambuf_iterator<char>{in}, {}};
                sum += all.find_last_not_of('\0') + 1;
            }
        return sum;
    }
};

TEST_F(durability, nothing_is_acknowledged_or_shown_before_it_is_on_disk) {
    auto writer = connect();
    auto reader = connect();
    disk_.hold_syncs();
    const auto sent = writer.send(produce_of("orders", 0, batch_of({"precious"})), 7);
    reader.send(fetch_of("orders", 0, 0, 60'000), 11);
    EXPECT_TRUE(writer.silent_for(200ms));
    EXPECT_TRUE(reader.silent_for(0ms));
    auto third = connect();
    EXPECT_EQ(row(third.ask(fetch_of("orders", 0, 0), 11)).high_watermark, 0);
    disk_.release_syncs();
    EXPECT_EQ(writer.receive_as<wire::produce_api>(7).correlation_id, sent);
    EXPECT_EQ(
        values_of(row(reader.receive_as<wire::fetch_api>(11)).records.value()),
        strings{"precious"}
    );
}

TEST_F(durability, acks_1_waits_for_the_disk_as_well) {
    auto writer = connect();
    disk_.hold_syncs();
    writer.send(produce_of("orders", 0, batch_of({"precious"}), 1), 7);
    EXPECT_TRUE(writer.silent_for(200ms));
    disk_.release_syncs();
    EXPECT_EQ(row(writer.receive_as<wire::produce_api>(7)).error, error_code::none);
}

TEST_F(durability, requests_that_come_during_one_flush_share_the_next) {
    constexpr int producers = 8;
    constexpr int requests_each = 20;
    std::vector<test::raw_client> clients;
    for (int i = 0; i < producers; ++i)
        clients.push_back(connect());
    disk_.hold_syncs();
    for (int k = 0; k < requests_each; ++k)
        for (int i = 0; i < producers; ++i)
            clients[static_cast<std::size_t>(i)].send(produce_of("orders", 0, batch_of({"x"})), 7);
    // Data that waits for a held flush cannot be seen from outside, except in the log: all of it.
    harness::wait_until(
        [&] {
            // The last byte of a batch says that its record has no headers: 0.
            return log_bytes("orders-0") + 1 >= producers * requests_each * batch_of({"x"}).size();
        },
        10s,
        "all requests to be appended while the disk is busy"
    );
    const int before = disk_.syncs();
    disk_.release_syncs();
    for (auto& client : clients)
        for (int k = 0; k < requests_each; ++k)
            EXPECT_EQ(row(client.receive_as<wire::produce_api>(7)).error, error_code::none);
    EXPECT_LE(disk_.syncs() - before, 2) // the one that was held, and one for all the others
        << "flushes for " << producers * requests_each << " acknowledged requests";
}

TEST_F(durability, async_topics_are_acknowledged_while_the_disk_is_busy) {
    auto client = connect();
    const auto made = client.ask(
        wire::create_topics_request{
            .topics =
                {{.name = "fast",
                  .num_partitions = 1,
                  .replication_factor = 1,
                  .configs = {{.name = "flush.messages", .value = "10000"}}}},
            .timeout_ms = 1000},
        4
    );
    ASSERT_EQ(made->topics[0].error, error_code::none)
        << made->topics[0].error_message.value_or("");
    disk_.hold_syncs();
    EXPECT_EQ(row(client.ask(produce_of("fast", 0, batch_of({"x"})), 7)).error, error_code::none);
    EXPECT_EQ(values_of(row(client.ask(fetch_of("fast", 0, 0), 11)).records.value()), strings{"x"});
}

TEST_F(durability, flush_async_is_the_default_of_topics_that_do_not_say) {
    auto with = options();
    with.log.topic_defaults.flush_messages = std::numeric_limits<std::int64_t>::max();
    start(with);
    make_topic("fast");
    auto client = connect();
    disk_.hold_syncs();
    EXPECT_EQ(row(client.ask(produce_of("fast", 0, batch_of({"x"})), 7)).error, error_code::none);
}

TEST_F(durability, a_full_disk_refuses_records_serves_readers_and_heals_without_a_restart) {
    auto client = connect();
    ASSERT_EQ(
        row(client.ask(produce_of("orders", 0, batch_of({"before"})), 7)).error,
        error_code::none
    );
    disk_.fill();
    EXPECT_EQ(
        row(client.ask(produce_of("orders", 0, batch_of({"refused"})), 7)).error,
        error_code::kafka_storage_error
    );
    EXPECT_EQ(
        values_of(row(client.ask(fetch_of("orders", 0, 0), 11)).records.value()),
        strings{"before"}
    );
    disk_.make_room();
    EXPECT_EQ(
        row(client.ask(produce_of("orders", 0, batch_of({"after"})), 7)).error,
        error_code::none
    );
    EXPECT_EQ(
        values_of(row(client.ask(fetch_of("orders", 0, 0), 11)).records.value()),
        (strings{"before", "after"})
    );
}

TEST_F(durability, a_retry_of_an_idempotent_producer_gets_the_old_offset_also_after_a_restart) {
    auto client = connect();
    const auto id = client.ask(wire::init_producer_id_request{.transaction_timeout_ms = 60'000}, 4);
    ASSERT_EQ(id->error, error_code::none);
    EXPECT_EQ(id->producer_epoch, 0);
    const auto batch = [&](std::int32_t sequence) {
        return batch_of(
            {"n" + std::to_string(sequence)},
            {.producer_id = id->producer_id, .producer_epoch = 0, .base_sequence = sequence}
        );
    };
    for (std::int32_t sequence = 0; sequence < 5; ++sequence)
        EXPECT_EQ(
            row(client.ask(produce_of("orders", 0, batch(sequence)), 7)).base_offset,
            sequence
        );
    const auto retry = client.ask(produce_of("orders", 0, batch(2)), 7);
    EXPECT_EQ(row(retry).error, error_code::none);
    EXPECT_EQ(row(retry).base_offset, 2);
    EXPECT_EQ(
        row(client.ask(produce_of("orders", 0, batch(9)), 7)).error,
        error_code::out_of_order_sequence_number
    );

    start(options());
    auto again = connect();
    EXPECT_EQ(row(again.ask(produce_of("orders", 0, batch(4)), 7)).base_offset, 4);
    EXPECT_EQ(row(again.ask(produce_of("orders", 0, batch(5)), 7)).base_offset, 5);
    EXPECT_EQ(row(again.ask(fetch_of("orders", 0, 0), 11)).high_watermark, 6);
    EXPECT_GT(again.ask(wire::init_producer_id_request{}, 1)->producer_id, id->producer_id)
        << "ids are never given twice";
}

TEST_F(durability, every_start_has_a_new_leader_epoch_everywhere) {
    auto client = connect();
    client.ask(produce_of("orders", 0, batch_of({"one"})), 7);
    const auto epoch = [&](test::raw_client& with) {
        return with.ask(wire::metadata_request{.topics = {{{.name = "orders"}}}}, 8)
            ->topics[0]
            .partitions[0]
            .leader_epoch;
    };
    const auto first = epoch(client);
    start(options());
    auto again = connect();
    EXPECT_EQ(epoch(again), first + 1);
    again.ask(produce_of("orders", 0, batch_of({"two"})), 7);
    const auto got = again.ask(fetch_of("orders", 0, 0), 11);
    bytes_view batches = row(got).records.value();
    EXPECT_EQ(wire::read_batch_header(batches)->partition_leader_epoch, first);
    batches.remove_prefix(wire::read_batch_header(batches)->total_bytes());
    EXPECT_EQ(wire::read_batch_header(batches)->partition_leader_epoch, first + 1);
}

} // namespace
} // namespace outbox::broker
