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
#include <future>
#include <iterator>
#include <map>
#include <mutex>
#include <set>

namespace outbox::kafka {
namespace {

using namespace std::chrono_literals;
using harness::wait_until;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

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

/// What the callbacks of a member told, and what was in hand meanwhile.
class rebalance_notes {
public:
    void listen(consumer_options& to) {
        to.on_assigned = [this](const consumed_partition& which) {
            const std::lock_guard hold{mutex_};
            EXPECT_TRUE(owned_.insert(which).second);
        };
        to.on_revoked = [this](const consumed_partition& which, bool lost) {
            const std::lock_guard hold{mutex_};
            EXPECT_FALSE(lost);
            EXPECT_EQ(in_hand_[which], 0) << which.topic << "/" << which.partition;
            EXPECT_EQ(owned_.erase(which), 1U);
            revoked_.insert(which);
        };
    }
    void takes(const delivery& d) { change(d, 1); }
    void is_done_with(const delivery& d) { change(d, -1); }

    std::set<consumed_partition> owned() const {
        const std::lock_guard hold{mutex_};
        return owned_;
    }
    std::set<consumed_partition> revoked() const {
        const std::lock_guard hold{mutex_};
        return revoked_;
    }

private:
    void change(const delivery& d, int by) {
        const std::lock_guard hold{mutex_};
        in_hand_[{d.read_from.topic, d.read_from.partition}] += by;
    }

    mutable std::mutex mutex_;
    std::set<consumed_partition> owned_;
    std::set<consumed_partition> revoked_;
    std::map<consumed_partition, int> in_hand_;
};

TEST(membership_exam, a_partition_is_given_back_when_nothing_of_it_is_in_hand_any_more) {
    send_numbers("exam.rebalance", 80, 40); // of each key one, and one behind it
    rebalance_notes at_one;
    rebalance_notes at_two;
    std::atomic<bool> let_go = false;
    // Nothing is committed but what is given back: an older librdkafka loses all its partitions
    // when a commit falls between two generations.
    consumer_options what{
        .group = group_name{"rebalance"},
        .subjects = {subject{"exam.rebalance"}},
        .handlers = 40,
        .commit_interval = 10min,
        .revoke_patience = 60s};
    at_one.listen(what);
    member one{what, [&](const delivery& d) {
                   at_one.takes(d);
                   wait_until([&] { return let_go.load(); }, 60s, "the test");
                   at_one.is_done_with(d);
                   return outcome::ack();
               }};
    one.wait_for(40);
    wait_until([&] { return one->stats().prefetched == 80; }, 60s, "those behind to be read");
    EXPECT_EQ(at_one.owned().size(), 4U);

    at_two.listen(what);
    member two{what};
    wait_until(
        [&] { return one->stats().prefetched < 80; },
        60s,
        "the first to hear that it loses partitions, and to let go what is not in hand"
    );
    EXPECT_THAT(at_one.revoked(), IsEmpty());
    EXPECT_THAT(at_two.owned(), IsEmpty());
    let_go = true;
    wait_until(
        [&] { return one.seen().size() + two.seen().size() >= 80; },
        60s,
        "everything to be handled by one or the other"
    );
    EXPECT_THAT(at_two.owned(), Not(IsEmpty()));
    EXPECT_EQ(at_two.owned(), at_one.revoked());
    auto both = one.payloads();
    std::ranges::copy(two.payloads(), std::back_inserter(both));
    EXPECT_EQ(both.size(), 80U) << "what was done was not committed when it was given back";
    EXPECT_EQ(std::set(both.begin(), both.end()).size(), 80U);

    two.stop();
    EXPECT_THAT(at_two.owned(), IsEmpty()) << "told at the end as well";
    wait_until([&] { return at_one.owned().size() == 4; }, 60s, "the first to take over again");
    one.stop();
    EXPECT_THAT(at_one.owned(), IsEmpty());
    EXPECT_EQ(at_one.revoked().size(), 4U);
}

TEST(membership_exam, who_has_its_hands_full_hears_of_a_rebalance_all_the_same) {
    send_numbers("exam.full", 80, 40);
    rebalance_notes at_one;
    rebalance_notes at_two;
    std::atomic<bool> let_go = false;
    consumer_options what{
        .group = group_name{"full"},
        .subjects = {subject{"exam.full"}},
        .prefetch_count_max = 20,
        .commit_interval = 10min,
        .revoke_patience = 60s};
    at_one.listen(what);
    member one{what, [&](const delivery&) {
                   wait_until([&] { return let_go.load(); }, 120s, "the test");
                   return outcome::ack();
               }};
    wait_until([&] { return one->stats().prefetched == 20; }, 60s, "the first to be full");
    at_two.listen(what);
    member two{what};
    wait_until(
        [&] { return one->stats().prefetched < 20 || !at_one.revoked().empty(); },
        60s,
        "the first to hear that it loses partitions"
    );
    let_go = true;
    wait_until(
        [&] { return one.seen().size() + two.seen().size() >= 80; },
        60s,
        "everything to be handled by one or the other"
    );
    EXPECT_EQ(at_two.owned(), at_one.revoked());
    two.stop();
    wait_until([&] { return at_one.owned().size() == 4; }, 60s, "the first to take over again");
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
    frozen.wait_for_line("^exam\\.frozen/[0-3] is gone, lost$", 60s);
    wait_until_committed(other, "exam.frozen");
    EXPECT_EQ(frozen.stop(), harness::exit_status{}) << frozen.stderr_text();
    EXPECT_THAT(frozen.stdout_text(), ::testing::HasSubstr("fenced 1\n"));
    EXPECT_THAT(other.payloads(), ElementsAre("0"));
}

TEST(membership_exam, who_is_replaced_under_its_own_name_ends_and_says_so) {
    send_numbers("exam.same_name", 4);
    auto where = here();
    where.properties["group.instance.id"] = "till-1";
    const consumer_options what{
        .group = group_name{"same_name"},
        .subjects = {subject{"exam.same_name"}}};
    const auto run = [](kafka_consumer& one) {
        one.run([](const delivery&) { return outcome::ack(); });
    };
    kafka_consumer first{where, what};
    auto end = std::async(std::launch::async, [&] { run(first); });
    wait_until([&] { return first.stats().counts.acked == 4; }, 60s, "the first to be at work");
    kafka_consumer second{where, what};
    const std::jthread other{[&] { run(second); }};
    EXPECT_EQ(end.wait_for(60s), std::future_status::ready) << "it does not hear of it";
    first.request_stop();
    try {
        end.get();
        ADD_FAILURE() << "it ended as if it had been told to";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::conflict) << e.what();
        EXPECT_THAT(e.hint(), ::testing::HasSubstr("group.instance.id"));
    }
    send_numbers("exam.same_name", 4);
    wait_until([&] { return second.stats().counts.acked >= 4; }, 60s, "the second to go on");
    second.request_stop();
}

} // namespace
} // namespace outbox::kafka
