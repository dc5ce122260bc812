// outbox-broker as a program: what it prints, how it ends, what it refuses.

#include "harness/broker_server.hpp"
#include "harness/child_process.hpp"
#include "harness/free_port.hpp"
#include "harness/program_path.hpp"
#include "harness/wait_until.hpp"
#include "tests/broker/raw_client.hpp"
#include "wire/apis.hpp"
#include "wire/record_batch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

namespace outbox::broker {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;

harness::run_result run_broker(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), harness::our_program("outbox-broker").string());
    return harness::run_to_end({.argv = std::move(arguments)}, 30s);
}

std::string write(const std::filesystem::path& file, const std::string& text) {
    std::ofstream(file) << text;
    return file;
}

wire::produce_request produce(bytes_view batch) {
    return {
        .acks = -1,
        .timeout_ms = 1000,
        .topics = {{.name = "t", .partitions = {{.index = 0, .records = batch}}}}};
}
wire::fetch_request fetch(std::int64_t offset, std::int32_t wait_ms) {
    return {
        .max_wait_ms = wait_ms,
        .min_bytes = 1,
        .topics = {
            {.name = "t",
             .partitions = {
                 {.index = 0, .fetch_offset = offset, .partition_max_bytes = 100'000}}}}};
}

TEST(broker_program, prints_one_line_with_the_port_that_it_chose) {
    const harness::temp_dir dir;
    harness::child_process broker({
        .argv =
            {harness::our_program("outbox-broker"),
             "--data-dir",
             dir / "data",
             "--listen",
             "127.0.0.1:0"},
    });
    const std::string line = broker.wait_for_line("listening", 30s);
    EXPECT_THAT(line, MatchesRegex("outbox-broker listening on 127\\.0\\.0\\.1:[0-9]+"));
    const auto port = static_cast<std::uint16_t>(std::stoi(line.substr(line.rfind(':') + 1)));
    test::raw_client client(port);
    EXPECT_EQ(client.ask(wire::metadata_request{}, 4)->brokers.at(0).port, port);
    EXPECT_EQ(broker.stop(), harness::exit_status{});
    EXPECT_EQ(broker.stdout_text(), line + "\n");
}

TEST(broker_program, sigterm_answers_who_waits_and_exits_0) {
    harness::broker_server broker;
    test::raw_client client(broker.port());
    client.ask(wire::metadata_request{.topics = {{{.name = "t"}}}}, 4);
    client.send(fetch(0, 60'000), 11);
    test::raw_client idle(broker.port());
    idle.ask(wire::api_versions_request{}, 0);
    broker.process().signal(SIGTERM);
    EXPECT_EQ(
        client.receive_as<wire::fetch_api>(11)->topics.at(0).partitions.at(0).error,
        wire::error_code::none
    );
    EXPECT_TRUE(client.closed_within(10s));
    EXPECT_TRUE(idle.closed_within(10s));
    EXPECT_EQ(broker.process().wait(20s), harness::exit_status{});
}

TEST(broker_program, acknowledged_records_survive_kill_9) {
    harness::broker_server broker;
    std::int64_t next = 0;
    for (int life = 0; life < 5; ++life) {
        test::raw_client client(broker.port());
        client.ask(wire::metadata_request{.topics = {{{.name = "t"}}}}, 4);
        for (int i = 0; i < 20; ++i) {
            const bytes batch =
                wire::make_batch({.base_timestamp = 1'800'000'000'000}, {{.value = "x"}});
            EXPECT_EQ(client.ask(produce(batch), 7)->topics[0].partitions[0].base_offset, next++);
        }
        broker.kill();
        broker.start();
        test::raw_client again(broker.port());
        EXPECT_EQ(again.ask(fetch(0, 0), 11)->topics[0].partitions[0].high_watermark, next);
    }
}

wire::offset_commit_request commit(const std::string& group, std::int64_t offset) {
    return {
        .group_id = group,
        .topics = {{.name = "t", .partitions = {{.index = 0, .offset = offset}}}}};
}
std::int64_t committed(test::raw_client& client, const std::string& group) {
    return client.ask(wire::offset_fetch_request{.group_id = group, .topics = {{{"t", {0}}}}}, 5)
        ->topics.at(0)
        .partitions.at(0)
        .offset;
}

TEST(broker_program, acknowledged_commits_survive_kill_9) {
    constexpr int records = 2000;
    constexpr std::int64_t groups = 3;
    harness::broker_server broker;
    {
        test::raw_client client(broker.port());
        client.ask(wire::metadata_request{.topics = {{{.name = "t"}}}}, 4);
        const bytes batch = wire::make_batch(
            {.base_timestamp = 1'800'000'000'000},
            std::vector<wire::record>(records, {.value = "x"})
        );
        ASSERT_EQ(
            client.ask(produce(batch), 7)->topics[0].partitions[0].error,
            wire::error_code::none
        );
    }
    const auto name = [](std::int64_t i) { return "group-" + std::to_string(i % groups); };
    std::int64_t next = 0;
    std::map<std::string, std::int64_t> acked;
    for (int life = 0; life < 6; ++life) {
        test::raw_client client(broker.port());
        // Killed with many more on their way than have been answered.
        const std::int64_t first = next;
        for (int i = 0; i < 100; ++i, ++next)
            client.send(commit(name(next), next), 7);
        for (std::int64_t i = first; i < first + 30; ++i) {
            const auto got = client.receive_as<wire::offset_commit_api>(7);
            ASSERT_EQ(got->topics[0].partitions[0].error, wire::error_code::none);
            acked[name(i)] = i;
        }
        broker.kill();
        broker.start();
        test::raw_client again(broker.port());
        for (const auto& [group, offset] : acked) {
            const std::int64_t found = committed(again, group);
            EXPECT_GE(found, offset) << group << " went back, in life " << life;
            EXPECT_LT(found, next);
            acked[group] = found; // seen by a client: it must not go back either
        }
    }
}

TEST(broker_program, a_commit_beyond_the_end_of_what_a_crash_left_is_put_back) {
    harness::broker_server broker;
    {
        test::raw_client client(broker.port());
        client.ask(wire::metadata_request{.topics = {{{.name = "t"}}}}, 4);
        const bytes batch = wire::make_batch({}, {{.value = "x"}});
        client.ask(produce(batch), 7);
        client.ask(commit("ahead", 100), 7);
    }
    ASSERT_TRUE(broker.stop().ok());
    broker.start();
    {
        test::raw_client client(broker.port());
        EXPECT_EQ(committed(client, "ahead"), 100) << "nothing was lost by a clean stop";
    }
    broker.kill();
    broker.start();
    test::raw_client client(broker.port());
    EXPECT_EQ(committed(client, "ahead"), 1);
    EXPECT_THAT(broker.process().stderr_text(), HasSubstr("'ahead' goes back to offset 1 of t-0"));
}

TEST(broker_program, refuses_a_data_directory_that_another_process_holds) {
    harness::broker_server broker;
    const auto second = run_broker({"--data-dir", broker.data_dir(), "--listen", "127.0.0.1:0"});
    EXPECT_EQ(second.status.code, 1);
    EXPECT_EQ(second.stdout_text, "");
    EXPECT_THAT(
        second.stderr_text,
        AllOf(HasSubstr(broker.data_dir().string()), HasSubstr("process"))
    );
    test::raw_client client(broker.port());
    EXPECT_EQ(client.ask(wire::api_versions_request{}, 0)->error, wire::error_code::none);
}

TEST(broker_program, refuses_a_port_that_is_taken) {
    harness::broker_server broker;
    const harness::temp_dir dir;
    const auto second = run_broker({"--data-dir", dir / "data", "--listen", broker.address()});
    EXPECT_EQ(second.status.code, 1);
    EXPECT_THAT(second.stderr_text, AllOf(HasSubstr(broker.address()), HasSubstr("--listen")));
}

TEST(broker_program, refuses_a_data_directory_that_cannot_be_written) {
    const harness::temp_dir dir;
    const std::string file = write(dir / "file", "not a directory");
    const auto result = run_broker({"--data-dir", file, "--listen", "127.0.0.1:0"});
    EXPECT_EQ(result.status.code, 1);
    EXPECT_THAT(result.stderr_text, HasSubstr(file));
}

TEST(broker_program, explains_mistakes_on_the_command_line_with_exit_code_2) {
    const harness::temp_dir dir;
    const std::string data = dir / "data";
    EXPECT_EQ(run_broker({}).status.code, 2);
    EXPECT_EQ(run_broker({"--data-dir", data, "--flush", "sometimes"}).status.code, 2);
    EXPECT_EQ(run_broker({"--data-dir", data, "--frobnicate"}).status.code, 2);
    for (const char* listen :
         {"nonsense", ":9092", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:-1"}) {
        const auto result = run_broker({"--data-dir", data, "--listen", listen});
        EXPECT_EQ(result.status.code, 2) << listen;
        EXPECT_THAT(result.stderr_text, HasSubstr("HOST:PORT"));
    }
    EXPECT_EQ(run_broker({"--help"}).status.code, 0);
}

TEST(broker_program, names_the_nearest_neighbour_of_an_unknown_configuration_key) {
    const harness::temp_dir dir;
    const auto file = write(dir / "broker.toml", "data_dir = \"d\"\nlisten_on = \"127.0.0.1:0\"\n");
    const auto result = run_broker({"--config", file});
    EXPECT_EQ(result.status.code, 2);
    EXPECT_THAT(result.stderr_text, AllOf(HasSubstr("listen_on"), HasSubstr("listen")));
}

TEST(broker_program, takes_its_settings_from_the_file_and_the_command_line_wins) {
    const harness::temp_dir dir;
    const auto file = write(
        dir / "broker.toml",
        "data_dir = \"" + (dir / "data").string() + "\"\n" +
            "listen = \"127.0.0.1:1\"\nadvertise = \"broker.example:7777\"\nflush = \"async\"\n"
            "flush_interval = \"250ms\"\n[topics]\npartitions = 2\nmessage_max = \"64KiB\"\n"
    );
    harness::child_process broker({
        .argv =
            {harness::our_program("outbox-broker"), "--config", file, "--listen", "127.0.0.1:0"},
    });
    const std::string line = broker.wait_for_line("listening", 30s);
    test::raw_client client(static_cast<std::uint16_t>(std::stoi(line.substr(line.rfind(':') + 1)))
    );
    const auto metadata = client.ask(wire::metadata_request{.topics = {{{.name = "t"}}}}, 8);
    EXPECT_EQ(metadata->brokers.at(0).host, "broker.example");
    EXPECT_EQ(metadata->brokers.at(0).port, 7777);
    EXPECT_EQ(metadata->topics.at(0).partitions.size(), 2u);
    const auto configs = client.ask(
        wire::describe_configs_request{
            .resources =
                {{.type = 2,
                  .name = "t",
                  .keys = {{"flush.messages", "flush.ms", "max.message.bytes"}}}}},
        1
    );
    const auto& rows = configs->results.at(0).configs;
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows[0].value, "9223372036854775807");
    EXPECT_EQ(rows[1].value, "250");
    EXPECT_EQ(rows[2].value, "65536");
}

} // namespace
} // namespace outbox::broker
