// The clients that people have, unmodified, from Debian: kcat, python3-confluent-kafka,
// python3-kafka.

#include "harness/broker_server.hpp"
#include "harness/child_process.hpp"
#include "harness/program_path.hpp"
#include "harness/wait_until.hpp"
#include "tests/broker/raw_client.hpp"
#include "wire/apis.hpp"
#include "wire/record_batch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

namespace outbox::broker {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr const char* codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
constexpr int count = 200;
constexpr int partitions = 4;

std::string run(std::vector<std::string> argv) {
    std::string title;
    for (const std::string& word : argv)
        title += word + " ";
    const auto result = harness::run_to_end({.argv = std::move(argv)}, 90s);
    EXPECT_TRUE(result.status.ok()) << title << "\n"
                                    << to_string(result.status) << "\n"
                                    << result.stdout_text << result.stderr_text;
    return result.stdout_text;
}

/// Debian's client libraries belong to Debian's interpreter, whatever comes first in PATH.
std::string python(
    const std::string& library,
    const std::string& verb,
    const harness::broker_server& broker,
    const std::string& topic,
    const std::string& codec
) {
    return run(
        {"/usr/bin/python3",
         OUTBOX_CLIENT_SCRIPT,
         library,
         verb,
         broker.address(),
         topic,
         codec,
         std::to_string(count)}
    );
}

/// kcat reads what to send from a file, one record per line.
std::string kcat(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), harness::system_program("kcat").string());
    return run(std::move(arguments));
}

class file_of_lines {
public:
    explicit file_of_lines(const std::string& codec) {
        std::string text;
        for (int i = 0; i < count; ++i)
            text += codec + "-" + std::to_string(i) + "\n";
        FILE* out = std::fopen((dir_ / "lines").c_str(), "w");
        std::fwrite(text.data(), 1, text.size(), out);
        std::fclose(out);
    }
    std::string path() const { return dir_ / "lines"; }

private:
    harness::temp_dir dir_;
};

TEST(real_clients, kcat_lists_the_broker_under_its_own_address) {
    const harness::broker_server broker;
    EXPECT_THAT(kcat({"-L", "-b", broker.address()}), HasSubstr("broker 1 at " + broker.address()));
}

/// The codec of the first batch of a partition, as stored.
int codec_of(
    const harness::broker_server& broker,
    const std::string& topic,
    std::int32_t partition
) {
    test::raw_client client(broker.port());
    const auto got = client.ask(
        wire::fetch_request{
            .topics =
                {{.name = topic,
                  .partitions = {{.index = partition, .partition_max_bytes = 1024 * 1024}}}}},
        11
    );
    const auto header = wire::read_batch_header(got->topics.at(0).partitions.at(0).records.value());
    return header ? header->codec_bits() : -1;
}

TEST(real_clients, kcat_produces_and_consumes_with_every_codec_also_after_kill_9) {
    harness::broker_server broker;
    for (const std::string codec : codecs) {
        const file_of_lines lines(codec);
        kcat(
            {"-P",
             "-b",
             broker.address(),
             "-t",
             "kcat-" + codec,
             "-p",
             "0",
             "-z",
             codec,
             "-X",
             "enable.idempotence=true",
             "-l",
             lines.path()}
        );
    }
    for (int pass = 0; pass < 2; ++pass) {
        for (int c = 0; c < 5; ++c) {
            const std::string codec = codecs[c];
            const std::string got = kcat(
                {"-C",
                 "-b",
                 broker.address(),
                 "-t",
                 "kcat-" + codec,
                 "-p",
                 "0",
                 "-o",
                 "beginning",
                 "-e",
                 "-q"}
            );
            std::string expected;
            for (int i = 0; i < count; ++i)
                expected += codec + "-" + std::to_string(i) + "\n";
            EXPECT_EQ(got, expected) << codec;
            EXPECT_EQ(codec_of(broker, "kcat-" + codec, 0), c)
                << "librdkafka compresses only for a broker that it believes can read it";
        }
        broker.kill();
        broker.start();
    }
}

class python_clients : public testing::TestWithParam<const char*> {};

TEST_P(python_clients, produce_and_consume_with_every_codec_also_after_kill_9) {
    harness::broker_server broker;
    for (const std::string codec : codecs)
        python(GetParam(), "produce", broker, "orders", codec);
    for (const std::string codec : codecs)
        EXPECT_EQ(
            python(GetParam(), "consume", broker, "orders", codec),
            std::to_string(5 * count) + "\n"
        );
    broker.kill();
    broker.start();
    for (const std::string codec : codecs) {
        EXPECT_EQ(
            python(GetParam(), "consume", broker, "orders", codec),
            std::to_string(5 * count) + "\n"
        );
        python(GetParam(), "produce", broker, "again-" + codec, codec);
        EXPECT_EQ(
            python(GetParam(), "consume", broker, "again-" + codec, codec),
            std::to_string(count) + "\n"
        );
    }
}

INSTANTIATE_TEST_SUITE_P(
    ,
    python_clients,
    testing::Values("confluent", "kafka"),
    [](const auto& library) { return std::string(library.param); }
);

TEST(real_clients, one_client_reads_what_another_wrote) {
    harness::broker_server broker;
    for (const std::string codec : codecs)
        python("confluent", "produce", broker, "mixed", codec);
    for (const std::string codec : codecs)
        EXPECT_EQ(
            python("kafka", "consume", broker, "mixed", codec),
            std::to_string(5 * count) + "\n"
        );
    std::size_t lines = 0;
    for (int p = 0; p < partitions; ++p) {
        const std::string got = kcat(
            {"-C",
             "-b",
             broker.address(),
             "-t",
             "mixed",
             "-p",
             std::to_string(p),
             "-o",
             "beginning",
             "-e",
             "-q"}
        );
        lines += static_cast<std::size_t>(std::count(got.begin(), got.end(), '\n'));
    }
    EXPECT_EQ(lines, 5u * count);
}

TEST(real_clients, an_idle_consumer_asks_no_more_than_it_has_to) {
    const harness::broker_server broker;
    test::raw_client(broker.port()).ask(wire::metadata_request{.topics = {{{.name = "idle"}}}}, 4);
    harness::child_process consumer({
        .argv =
            {harness::system_program("kcat"),
             "-C",
             "-b",
             broker.address(),
             "-t",
             "idle",
             "-o",
             "beginning",
             "-X",
             "debug=protocol",
             "-X",
             "fetch.wait.max.ms=200"},
    });
    // "%7|SECONDS.MILLISECONDS|SEND|… Sent FetchRequest …"
    const auto asked_at = [&] {
        std::istringstream lines{consumer.stderr_text()};
        std::vector<double> seconds;
        for (std::string line; std::getline(lines, line);)
            if (line.starts_with("%7|") && line.find("Sent FetchRequest") != std::string::npos)
                seconds.push_back(std::stod(line.substr(3)));
        return seconds;
    };
    harness::wait_until([&] { return asked_at().size() >= 12; }, 60s, "a dozen questions");
    // Each is held for 200 ms. By kcat's own clock: a busy machine makes it longer, never shorter.
    const std::vector<double> seconds = asked_at();
    EXPECT_GE(seconds[11] - seconds[1], 10 * 0.2 - 0.05);
}

} // namespace
} // namespace outbox::broker
