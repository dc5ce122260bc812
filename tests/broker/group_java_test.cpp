// Apache Kafka's own consumer and console tools, from its jars.

#include "harness/kafka_server.hpp"
#include "tests/broker/group_clients.hpp"

#include <gmock/gmock.h>

#include <regex>
#include <set>

namespace outbox::broker {
namespace {

using namespace std::chrono_literals;
using harness::child_process;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class java_groups : public test::group_clients {
protected:
    static harness::child_options
    java(const std::string& tool, std::vector<std::string> arguments) {
        std::vector<std::string> argv{
            "java",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Xmx192m",
            "-cp",
            harness::kafka_jars() + "/*",
            tool};
        argv.insert(argv.end(), arguments.begin(), arguments.end());
        return {.argv = std::move(argv)};
    }
    /// kafka-consumer-groups; both of its streams.
    std::string groups_tool(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--bootstrap-server", broker_->address()});
        const auto result = harness::run_to_end(
            java(
                "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
                std::move(arguments)
            ),
            60s
        );
        return result.stdout_text + result.stderr_text;
    }
    /// kafka-verifiable-consumer; says what it reads in one line of JSON a look.
    child_process& verifiable(const std::string& assignor) {
        return consumers_.emplace_back(java(
            "org.apache.kafka.tools.VerifiableConsumer",
            {"--bootstrap-server",
             broker_->address(),
             "--topic",
             "orders",
             "--group-id",
             "java",
             "--reset-policy",
             "earliest",
             "--session-timeout",
             "6000",
             "--assignment-strategy",
             "org.apache.kafka.clients.consumer." + assignor}
        ));
    }
    /// The records read by anybody, as "partition:offset".
    std::set<std::string> offsets_read() const {
        static const std::regex range(
            R"("partition":(\d+),"count":\d+,"minOffset":(\d+),"maxOffset":(\d+))"
        );
        std::set<std::string> all;
        for (const auto& consumer : consumers_) {
            const std::string text = consumer.stdout_text();
            for (std::sregex_iterator at(text.begin(), text.end(), range), end; at != end; ++at)
                for (int offset = std::stoi((*at)[2]); offset <= std::stoi((*at)[3]); ++offset)
                    all.insert((*at)[1].str() + ":" + std::to_string(offset));
        }
        return all;
    }
    void wait_until_all_read_in_java() {
        harness::wait_until(
            [&] { return offsets_read().size() == static_cast<std::size_t>(produced_); },
            60s,
            "every record to be read"
        );
    }
};

TEST_F(java_groups, verifiable_consumers_rebalance_and_skip_nothing) {
    for (const std::string assignor : {"RangeAssignor", "CooperativeStickyAssignor"}) {
        SCOPED_TRACE(assignor);
        const std::size_t before = consumers_.size();
        produce(300);
        child_process& first = verifiable(assignor);
        wait_until_all_read_in_java();
        child_process& second = verifiable(assignor);
        second.wait_for_line(R"(partitions_assigned","partitions":\[\{)", 60s);
        produce(300);
        wait_until_all_read_in_java();
        first.stop(SIGTERM);
        produce(300);
        wait_until_all_read_in_java();
        second.stop(SIGTERM);
        EXPECT_EQ(consumers_.size(), before + 2);
    }
}

TEST_F(java_groups, the_console_tool_describes_resets_and_deletes) {
    produce(200);
    child_process& consumer = verifiable("RangeAssignor");
    wait_until_all_read_in_java();
    harness::wait_until(
        [&] { return consumer.stdout_text().find("offsets_committed") != std::string::npos; },
        30s,
        "the consumer to commit"
    );
    EXPECT_THAT(
        groups_tool({"--describe", "--group", "java"}),
        ContainsRegex("java +orders +0 +[0-9]+ +[0-9]+ +0 +consumer-java")
    );
    EXPECT_THAT(groups_tool({"--list", "--state"}), ContainsRegex("java +Stable"));
    EXPECT_THAT(
        groups_tool({"--describe", "--group", "java", "--members", "--verbose"}),
        ContainsRegex("java +consumer-java.* 4 +\\(0,1,2,3\\)")
    );
    EXPECT_THAT(
        groups_tool(
            {"--reset-offsets",
             "--group",
             "java",
             "--topic",
             "orders",
             "--to-earliest",
             "--execute"}
        ),
        HasSubstr("inactive")
    );
    EXPECT_THAT(groups_tool({"--delete", "--group", "java"}), HasSubstr("not empty"));
    consumer.stop(SIGTERM);

    EXPECT_THAT(
        groups_tool(
            {"--reset-offsets",
             "--group",
             "java",
             "--topic",
             "orders:0",
             "--to-offset",
             "3",
             "--execute"}
        ),
        ContainsRegex("java +orders +0 +3")
    );
    EXPECT_THAT(
        groups_tool({"--describe", "--group", "java"}),
        ContainsRegex("java +orders +0 +3 +")
    );
    broker_->kill();
    broker_->start();
    EXPECT_THAT(
        groups_tool({"--describe", "--group", "java"}),
        ContainsRegex("java +orders +0 +3 +")
    );
    EXPECT_THAT(
        groups_tool({"--delete-offsets", "--group", "java", "--topic", "orders:0"}),
        ContainsRegex("orders +0 +Successful")
    );
    EXPECT_THAT(groups_tool({"--delete", "--group", "java"}), HasSubstr("was successful"));
    EXPECT_THAT(groups_tool({"--list"}), Not(HasSubstr("java\n")));
}

} // namespace
} // namespace outbox::broker
