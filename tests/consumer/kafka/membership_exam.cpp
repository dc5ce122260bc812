// Members that come and go, freeze, stop, and lose their broker, with a real server.

#include "harness/child_process.hpp"
#include "harness/temp_dir.hpp"
#include "harness/wait_until.hpp"
#include "tests/consumer/kafka/exam_parts.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <set>

namespace outbox::kafka {
namespace {

using namespace std::chrono_literals;
using harness::wait_until;
using ::testing::ElementsAre;

TEST(membership_exam, members_share_and_take_over_from_each_other) {
    send_numbers("exam.share", 300);
    const consumer_options what{.group = group_name{"share"}, .subjects = {subject{"exam.share"}}};
    std::set<std::string> seen;
    const auto collect = [&](const member& from) {
        for (auto& each : from.payloads())
            seen.insert(std::move(each));
    };
    member one{what};
    one.wait_for(1);
    {
        member two{what};
        wait_until(
            [&] { return !two->progress().empty() && !one->progress().empty(); },
            60s,
            "both to have partitions"
        );
        mailbag more;
        for (int i = 300; i < 600; ++i)
            more.add("exam.share", "k" + std::to_string(i % 50), std::to_string(i));
        send(more);
        wait_until(
            [&] {
                collect(one);
                collect(two);
                return seen.size() == 600;
            },
            60s,
            "everything to arrive at one or the other"
        );
    }
    send_numbers("exam.share", 50, 50);
    wait_until_committed(one, "exam.share");
    EXPECT_EQ(one->stats().counts.fenced_commits, 0U);
}

TEST(membership_exam, a_broker_that_was_away_costs_nothing) {
    send_numbers("exam.away", 50);
    member one{{.group = group_name{"away"}, .subjects = {subject{"exam.away"}}}};
    one.wait_for(50);
    the_cluster().kill();
    the_cluster().start();
    mailbag bag;
    bag.add("exam.away", "k", "after");
    send(bag);
    wait_until(
        [&] {
            const auto all = one.payloads();
            return std::count(all.begin(), all.end(), "after") > 0;
        },
        60s,
        "the message that was sent afterwards"
    );
    wait_until_committed(one, "exam.away");
}

TEST(membership_exam, a_stop_waits_for_what_is_in_hand_but_not_for_ever) {
    send_numbers("exam.stop", 1);
    const consumer_options what{
        .group = group_name{"stop"},
        .subjects = {subject{"exam.stop"}},
        .stop_patience = 50ms};
    std::atomic<bool> let_go = false;
    {
        member one{what, [&](const delivery&) {
                       wait_until([&] { return let_go.load(); }, 60s, "the test");
                       return outcome::ack();
                   }};
        one.wait_for(1);
        one->request_stop();
        // The group is left while the handler still runs: somebody else gets the message.
        member two{what};
        two.wait_for(1);
        let_go = true;
    }
}

TEST(membership_exam, who_was_frozen_is_fenced_and_says_so) {
    send_numbers("exam.frozen", 1);
    const harness::temp_dir folder;
    const auto fifo = (folder / "go").string();
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    harness::child_process frozen{
        {.argv = {OUTBOX_CONSUMER_CHILD, the_cluster().brokers(), "frozen", "exam.frozen", fifo}}};
    frozen.wait_for_line("^in hand 0$", 60s);
    frozen.signal(SIGSTOP);
    member other{{.group = group_name{"frozen"}, .subjects = {subject{"exam.frozen"}}}};
    other.wait_for(1); // after the session of the other one
    frozen.signal(SIGCONT);
    std::ofstream{fifo} << "go";
    frozen.wait_for_line("^handled 0$", 60s);
    frozen.wait_for_line("lost exam.frozen|was refused, because another member", 60s);
    wait_until_committed(other, "exam.frozen");
    EXPECT_EQ(frozen.stop(), harness::exit_status{}) << frozen.stderr_text();
    EXPECT_THAT(frozen.stdout_text(), ::testing::HasSubstr("fenced 1\n"));
    EXPECT_THAT(other.payloads(), ElementsAre("0"));
}

} // namespace
} // namespace outbox::kafka
