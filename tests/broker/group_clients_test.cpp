// Groups of the consumers that people have, unmodified, from Debian: they come, go and are killed
// while records are written, and every record is counted.

#include "tests/broker/group_clients.hpp"

#include <gmock/gmock.h>

namespace outbox::broker {
namespace {

using namespace std::chrono_literals;
using harness::child_process;
using test::group_clients;

TEST_F(group_clients, kcat_goes_on_where_the_group_was_also_after_kill_9_of_the_broker) {
    const auto read_to_the_end = [&] {
        child_process& consumer = kcat("shop", {"-e"});
        EXPECT_TRUE(consumer.wait(30s).ok()) << consumer.stderr_text();
        return lines_of(consumer);
    };
    produce(1000);
    EXPECT_EQ(read_to_the_end(), 1000u);
    produce(10);
    broker_->kill();
    broker_->start();
    EXPECT_EQ(read_to_the_end(), 10u);
    EXPECT_EQ(read_to_the_end(), 0u);
    ASSERT_TRUE(broker_->stop().ok());
    broker_->start();
    produce(5);
    EXPECT_EQ(read_to_the_end(), 5u);
    for (const auto& [record, times] : read())
        ASSERT_EQ(times, 1) << "record " << record;
}

TEST_F(group_clients, kcats_come_leave_and_are_killed_and_no_record_is_skipped) {
    produce(500); // and so makes the topic; kcat would look for it again only minutes later
    child_process& first = kcat("shop");
    wait_until_all_read();
    child_process& second = kcat("shop");
    harness::wait_until(
        [&] {
            produce(20);
            return lines_of(second) > 0;
        },
        30s,
        "the second to have its share"
    );
    // At a signal kcat drops what it has been given and not printed, and commits it.
    wait_until_all_read();
    first.stop(SIGTERM);
    produce(500);
    wait_until_all_read();
    child_process& third = kcat("shop");
    harness::wait_until(
        [&] {
            produce(20);
            return lines_of(third) > 0;
        },
        30s,
        "the third to have its share"
    );
    second.signal(SIGKILL);
    produce(500);
    wait_until_all_read();
}

struct python_group {
    const char* name;
    const char* library;
    const char* assignor;
    bool is_static = false;
};

class python_groups : public group_clients, public testing::WithParamInterface<python_group> {
protected:
    child_process& join(int number) {
        std::vector<std::string> more{"consume", "shop", "orders", GetParam().assignor};
        if (GetParam().is_static)
            more.push_back("instance-" + std::to_string(number));
        return python(GetParam().library, std::move(more));
    }
    void wait_for_share(child_process& of) {
        harness::wait_until(
            [&] {
                produce(20);
                return lines_of(of) > 0;
            },
            30s,
            "the newcomer to have its share"
        );
    }
};

TEST_P(python_groups, rebalance_while_records_are_written_and_none_is_skipped) {
    produce(300);
    child_process& first = join(1);
    wait_until_all_read();
    child_process& second = join(2);
    wait_for_share(second);
    child_process& third = join(3);
    wait_for_share(third);
    second.stop(SIGTERM);
    produce(300);
    wait_until_all_read();
    third.signal(SIGKILL);
    produce(300);
    child_process& again = join(3);
    wait_for_share(again);
    first.signal(SIGKILL);
    produce(300);
    wait_until_all_read();
    EXPECT_TRUE(again.stop(SIGTERM).ok()) << again.stderr_text();
}

INSTANTIATE_TEST_SUITE_P(
    ,
    python_groups,
    testing::Values(
        python_group{"confluent_range", "confluent", "range"},
        python_group{"confluent_roundrobin", "confluent", "roundrobin"},
        python_group{"confluent_cooperative", "confluent", "cooperative-sticky"},
        python_group{"confluent_static", "confluent", "range", true},
        python_group{"kafka_range", "kafka", "range"},
        python_group{"kafka_roundrobin", "kafka", "roundrobin"}
    ),
    [](const auto& of) { return std::string(of.param.name); }
);

TEST_F(group_clients, who_was_stopped_for_longer_than_its_session_cannot_commit) {
    produce(1);
    child_process& stopped = python("confluent", {"hold", "shop", "orders"});
    stopped.wait_for_line("^holding", 30s);
    stopped.signal(SIGSTOP);
    child_process& heir = python("confluent", {"consume", "shop", "orders", "range"});
    harness::wait_until([&] { return lines_of(heir) == 1; }, 30s, "another to read the record");
    stopped.signal(SIGUSR1);
    stopped.signal(SIGCONT);
    EXPECT_THAT(
        stopped.wait_for_line("^(refused|committed)", 30s),
        testing::AnyOf("refused UNKNOWN_MEMBER_ID", "refused ILLEGAL_GENERATION")
    );
}

} // namespace
} // namespace outbox::broker
