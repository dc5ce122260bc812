#pragma once
// A broker inside the test's own process, on a disk that the test controls.

#include "broker/server/server.hpp"
#include "harness/temp_dir.hpp"
#include "tests/broker/raw_client.hpp"
#include "tests/broker/test_disk.hpp"
#include "wire/apis.hpp"
#include "wire/record_batch.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <thread>

namespace outbox::broker::test {

/// Runs from the constructor to the destructor.
class running_broker {
public:
    running_broker(disk& files, server_options options)
        : server_(files, system_clock(), system_random(), std::move(options))
        , thread_([this] { server_.run(); }) {}
    ~running_broker() {
        server_.stop();
        thread_.join();
    }

    server& get() noexcept { return server_; }
    std::uint16_t port() const {
        const std::string address = server_.address();
        return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    }

private:
    server server_;
    std::thread thread_;
};

class broker_fixture : public testing::Test {
protected:
    server_options options() const {
        server_options out;
        out.listen_port = 0;
        out.log.directory = (dir_ / "data").string();
        return out;
    }
    void SetUp() override { start(options()); }
    void TearDown() override { disk_.release_syncs(); }

    void start(server_options with) {
        broker_.reset();
        broker_.emplace(disk_, std::move(with));
    }
    raw_client connect() const { return raw_client(broker_->port()); }

    /// Creates the topic by asking for it, as most clients do.
    void make_topic(const std::string& name) {
        auto client = connect();
        const auto answer = client.ask(wire::metadata_request{.topics = {{{.name = name}}}}, 8);
        ASSERT_EQ(answer->topics.at(0).error, wire::error_code::none);
    }

    static wire::produce_request produce_of(
        const std::string& topic,
        std::int32_t partition,
        bytes_view batch,
        std::int16_t acks = -1
    ) {
        return {
            .acks = acks,
            .timeout_ms = 30'000,
            .topics = {{.name = topic, .partitions = {{.index = partition, .records = batch}}}}};
    }
    static wire::fetch_request fetch_of(
        const std::string& topic,
        std::int32_t partition,
        std::int64_t offset,
        std::int32_t max_wait_ms = 0,
        std::int32_t bytes_max = 1024 * 1024
    ) {
        return {
            .max_wait_ms = max_wait_ms,
            .min_bytes = 1,
            .max_bytes = bytes_max,
            .topics = {
                {.name = topic,
                 .partitions = {
                     {.index = partition,
                      .fetch_offset = offset,
                      .partition_max_bytes = bytes_max}}}}};
    }
    /// Stamped with the present time unless `with` says otherwise.
    static bytes batch_of(std::vector<std::string> values, wire::batch_options with = {});
    /// The one partition row of an answer that has one topic with one partition.
    template <class Response>
    static const auto& row(const answer<Response>& got) {
        return got->topics.at(0).partitions.at(0);
    }
    /// Values of all records in whole, uncompressed or compressed, batches.
    static std::vector<std::string> values_of(bytes_view batches);

    harness::temp_dir dir_;
    test_disk disk_;
    std::optional<running_broker> broker_;
};

} // namespace outbox::broker::test
