// `outbox demo` is the promise of the README; here it must hold on each database, on our broker and
// on Apache Kafka.

#include "harness/child_process.hpp"
#include "harness/kafka_server.hpp"
#include "harness/program_path.hpp"
#include "harness/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include <fstream>

namespace outbox {
namespace {

using namespace std::chrono_literals;

nlohmann::json run_demo(std::vector<std::string> arguments) {
    const harness::temp_dir folder;
    const std::string file = (folder / "ledger.json").string();
    std::vector<std::string>
        argv{harness::our_program("outbox").string(), "demo", "--orders", "400", "--json", file};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const auto result = harness::run_to_end({.argv = std::move(argv)}, 150s);
    EXPECT_TRUE(result.status.ok()) << result.stdout_text << result.stderr_text;
    std::ifstream in{file};
    return in ? nlohmann::json::parse(in) : nlohmann::json{};
}

void expect_good_ledger(const nlohmann::json& ledger, int kills_min) {
    EXPECT_EQ(ledger.at("orders"), 400);
    EXPECT_EQ(ledger.at("committed").get<int>() + ledger.at("rolled_back").get<int>(), 400);
    EXPECT_GT(ledger.at("rolled_back"), 0);
    EXPECT_EQ(ledger.at("delivered"), ledger.at("committed"));
    for (const char* zero : {"lost", "phantom", "duplicate_effects", "order_breaks"})
        EXPECT_EQ(ledger.at(zero), 0) << zero;
    EXPECT_GE(ledger.at("duplicate_deliveries"), 0);
    EXPECT_GE(ledger.at("copies_suppressed"), ledger.at("committed"));
    EXPECT_GE(ledger.at("kills"), kills_min);
    EXPECT_GT(ledger.at("seconds"), 0.0);
}

TEST(demo, holds_on_sqlite) {
    expect_good_ledger(run_demo({}), 3);
}

TEST(demo, holds_on_postgresql) {
    expect_good_ledger(run_demo({"--db", "postgres"}), 3);
}

TEST(demo, holds_on_mariadb) {
    expect_good_ledger(run_demo({"--db", "mariadb"}), 3);
}

TEST(demo, holds_on_apache_kafka) {
    const harness::kafka_server kafka;
    expect_good_ledger(run_demo({"--broker", kafka.address()}), 2);
}

} // namespace
} // namespace outbox
