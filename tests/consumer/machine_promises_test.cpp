// What the machine promises, in stories too short and too rare for the simulation.

#include "outbox/consumer/consumer_machine.hpp"

#include <gmock/gmock.h>

#include <map>
#include <set>
#include <utility>
#include <vector>

namespace outbox {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

/// A machine, and what it has said so far.
class story {
public:
    explicit story(consumer_settings settings) : machine_(std::move(settings), random_) {}

    void tell(const consumer_event_type& event) {
        for (const auto& each : machine_.resume(now_, event))
            std::visit([this](const auto& a) { note(a); }, each);
    }
    void after(std::chrono::milliseconds time) {
        now_ += time;
        tell(consumer_event::woken{});
    }
    void assign(partition_handle p) { tell(consumer_event::assigned{.partition = p}); }
    /// The next record of the partition. Returns its ticket.
    ticket fetch(partition_handle p, std::uint64_t key, std::size_t bytes = 1) {
        const auto offset = next_offset_[p]++;
        tell(consumer_event::fetched{
            .partition = p,
            .ticket = ++last_ticket_,
            .offset = offset,
            .bytes = bytes,
            .lane = key});
        return last_ticket_;
    }
    void say(ticket t, outcome what) {
        tell(consumer_event::handled{.ticket = t, .result = std::move(what)});
    }
    /// All of the commit that is out.
    void answer_commit(consumer_event::commit_result result) {
        consumer_event::commit_answered answer;
        for (const auto& [p, offset] : std::exchange(committing, {}))
            answer.results.emplace_back(p, result);
        tell(answer);
    }
    const consumer_machine& operator*() const { return machine_; }
    const consumer_machine* operator->() const { return &machine_; }
    tick_point now() const { return now_; }

    std::vector<ticket> handed_out{};
    std::vector<consumer_action::send_on> sends{};
    std::vector<std::pair<partition_handle, std::int64_t>> committing{};
    std::set<partition_handle> paused{};
    std::vector<partition_handle> released{};
    std::vector<ticket> withdrawn{};
    bool is_finished = false;

private:
    void note(const consumer_action::hand_out& a) { handed_out.push_back(a.ticket); }
    void note(const consumer_action::send_on& a) { sends.push_back(a); }
    void note(const consumer_action::commit& a) { committing = a.offsets; }
    void note(const consumer_action::pause& a) { paused.insert(a.partition); }
    void note(const consumer_action::resume& a) { paused.erase(a.partition); }
    void note(const consumer_action::release& a) { released.push_back(a.partition); }
    void note(const consumer_action::forget&) {}
    void note(const consumer_action::withdraw& a) { withdrawn.push_back(a.ticket); }
    void note(const consumer_action::finished&) { is_finished = true; }

    seeded_random random_{1};
    tick_point now_{1h};
    consumer_machine machine_;
    std::map<partition_handle, std::int64_t> next_offset_;
    ticket last_ticket_ = 0;
};

constexpr partition_handle first = 1;
constexpr partition_handle second = 2;

/// The memory is full of one key that waits for an hour, and of what is behind it.
void fill(story& of, std::size_t bytes = 1) {
    of.assign(first);
    const auto failed = of.fetch(first, 7, bytes);
    of.say(failed, outcome::retry_after(1h));
    while (of->room() > 0)
        of.fetch(first, 7, bytes);
}

TEST(machine_promises, a_full_memory_stops_only_what_fills_it) {
    story consumer{{.prefetch_count_max = 4}};
    consumer.assign(second);
    fill(consumer);
    EXPECT_EQ(consumer->prefetched(), 4U);
    // A pause costs what the client has read ahead, so it comes only when nothing else helps.
    consumer.after(consumer_machine::full_patience - 1ms);
    EXPECT_THAT(consumer.paused, IsEmpty());
    EXPECT_EQ(consumer->room(), 0U);
    consumer.after(1ms);
    EXPECT_THAT(consumer.paused, ElementsAre(first));
    for (std::uint64_t key = 100; key < 110; ++key) {
        ASSERT_GT(consumer->room(), 0U) << "the other partition is not asked for";
        const auto t = consumer.fetch(second, key);
        EXPECT_EQ(consumer.handed_out.back(), t);
        consumer.say(t, outcome::ack());
    }
    EXPECT_THAT(consumer.paused, ElementsAre(first));
}

TEST(machine_promises, a_full_memory_is_exceeded_by_half_at_most) {
    constexpr std::size_t count_max = 100;
    constexpr partition_handle partition_count = 5;
    story consumer{{.prefetch_count_max = count_max}};
    for (partition_handle p = second; p <= partition_count; ++p) {
        consumer.assign(p);
        consumer.say(consumer.fetch(p, p), outcome::retry_after(1h));
    }
    fill(consumer);
    for (int seconds = 0; seconds < 20; ++seconds) {
        for (partition_handle p = 1; p <= partition_count; ++p) {
            // A source tells as much as it was asked for, all of it of one partition.
            const auto asked = consumer.paused.contains(p) ? 0 : consumer->room();
            for (std::size_t i = 0; i < asked; ++i)
                consumer.fetch(p, p);
            EXPECT_LE(consumer->prefetched(), count_max + count_max / 2);
        }
        consumer.after(1s);
    }
    EXPECT_THAT(consumer.paused, SizeIs(partition_count));
    EXPECT_GT(consumer->room(), 0U) << "nobody would hear of a rebalance";
}

TEST(machine_promises, a_partition_that_is_served_is_not_paused_because_another_is_full) {
    story consumer{{.call_count_max = 100, .prefetch_count_max = 40}};
    consumer.assign(second);
    fill(consumer);
    consumer.after(consumer_machine::full_patience);
    std::vector<ticket> waiting;
    for (std::uint64_t key = 0; key < 200; ++key) {
        while (consumer->room() > 0)
            waiting.push_back(consumer.fetch(second, 100 + key));
        ASSERT_FALSE(waiting.empty());
        consumer.after(consumer_machine::full_patience - 1ms);
        for (const auto t : std::exchange(waiting, {}))
            consumer.say(t, outcome::ack());
        EXPECT_THAT(consumer.paused, ElementsAre(first));
    }
}

using enum consumer_event::commit_result;

TEST(machine_promises, at_most_once_a_stop_commits_nothing_that_nobody_was_handed) {
    story consumer{{.call_count_max = 10, .at_most_once = true}};
    consumer.assign(first);
    const auto one = consumer.fetch(first, 1);
    EXPECT_THAT(consumer.committing, ElementsAre(std::pair{first, 1}));
    consumer.fetch(first, 2);
    consumer.fetch(first, 3);
    consumer.tell(consumer_event::stop_wanted{});
    consumer.answer_commit(committed);
    EXPECT_THAT(consumer.handed_out, ElementsAre(one)) << "it is committed, and nobody else's";
    consumer.say(one, outcome::ack());
    EXPECT_THAT(consumer.committing, IsEmpty());
    EXPECT_THAT(consumer.released, ElementsAre(first));
}

TEST(machine_promises, at_most_once_who_is_out_of_patience_commits_no_further_either) {
    story consumer{{.at_most_once = true}};
    consumer.assign(first);
    consumer.fetch(first, 1);
    consumer.fetch(first, 2);
    consumer.tell(consumer_event::revoked{first});
    consumer.answer_commit(failed);
    EXPECT_THAT(consumer.committing, ElementsAre(std::pair{first, 1})) << "it tries again";
    consumer.after(consumer_settings{}.revoke_patience);
    consumer.answer_commit(failed);
    // Either may have been done all the same, and nobody was handed the message.
    EXPECT_THAT(consumer.committing, ElementsAre(std::pair{first, 0}));
    consumer.answer_commit(committed);
    EXPECT_THAT(consumer.handed_out, IsEmpty());
    EXPECT_THAT(consumer.released, ElementsAre(first));
}

TEST(machine_promises, at_most_once_nothing_is_committed_while_nothing_is_handed_out) {
    story consumer{{.at_most_once = true}};
    consumer.assign(first);
    consumer.tell(consumer_event::paused{});
    const auto t = consumer.fetch(first, 1);
    EXPECT_THAT(consumer.committing, IsEmpty());
    consumer.tell(consumer_event::resumed{});
    consumer.answer_commit(committed);
    EXPECT_THAT(consumer.handed_out, ElementsAre(t));
}

TEST(machine_promises, at_most_once_a_pause_does_not_keep_what_nobody_was_handed_committed) {
    story consumer{{.at_most_once = true}};
    consumer.assign(first);
    consumer.fetch(first, 1);
    consumer.tell(consumer_event::paused{});
    consumer.answer_commit(failed); // its answer may have been lost
    EXPECT_THAT(consumer.committing, IsEmpty());
    consumer.tell(consumer_event::stop_wanted{});
    EXPECT_THAT(consumer.committing, ElementsAre(std::pair{first, 0}));
    EXPECT_THAT(consumer.released, IsEmpty());
    consumer.answer_commit(committed);
    EXPECT_THAT(consumer.released, ElementsAre(first));
}

TEST(machine_promises, a_wait_of_an_earlier_policy_ends_in_memory_where_the_new_one_has_no_topic) {
    for (const auto& delays : {std::vector<std::chrono::milliseconds>{}, {10ms, 1s}}) {
        story consumer{
            {.ordered = false, .retries = {.delays = delays}, .place = retry_place::any}};
        consumer.assign(first);
        consumer.tell(consumer_event::fetched{
            .partition = first,
            .ticket = 1,
            .attempt = 2,
            .held_until = consumer.now() + 1min,
            .due = consumer.now() + 2min});
        consumer.after(1min);
        EXPECT_THAT(consumer.sends, IsEmpty()) << "to which topic?";
        EXPECT_THAT(consumer.handed_out, IsEmpty());
        EXPECT_THAT(consumer.paused, IsEmpty()) << "what is behind it may be due before it";
        consumer.after(1min);
        EXPECT_THAT(consumer.handed_out, ElementsAre(1U));
    }
}

TEST(machine_promises, a_stop_ends_though_nobody_says_who_has_the_partition) {
    for (const bool in_hand : {false, true}) {
        story consumer{{.stop_patience = 10s}};
        consumer.assign(first);
        consumer.assign(second);
        consumer.say(consumer.fetch(first, 1), outcome::ack());
        if (in_hand)
            consumer.fetch(first, 2);
        consumer.after(1s);
        ASSERT_THAT(consumer.committing, SizeIs(1));
        consumer.answer_commit(consumer_event::commit_result::fenced);
        consumer.after(1h); // and librdkafka does not take it away
        EXPECT_THAT(consumer.released, IsEmpty());
        consumer.tell(consumer_event::stop_wanted{});
        EXPECT_EQ(consumer.is_finished, !in_hand);
        if (in_hand) {
            EXPECT_LE(consumer->next_deadline(), consumer.now() + 10s);
            consumer.after(10s);
        }
        EXPECT_TRUE(consumer.is_finished);
        EXPECT_THAT(consumer.released, ::testing::UnorderedElementsAre(first, second));
    }
}

TEST(machine_promises, while_a_commit_is_refused_nothing_is_handed_out) {
    story consumer{{.call_count_max = 1, .commit_interval = 200ms}};
    consumer.assign(first);
    consumer.assign(second);
    consumer.say(consumer.fetch(first, 1), outcome::ack());
    const auto in_hand = consumer.fetch(first, 2);
    consumer.fetch(second, 3);
    consumer.after(200ms);
    ASSERT_THAT(consumer.committing, SizeIs(1));
    consumer.handed_out.clear();
    consumer.answer_commit(consumer_event::commit_result::refused);
    EXPECT_THAT(consumer.withdrawn, ElementsAre(in_hand));
    consumer.say(in_hand, outcome::ack());
    EXPECT_THAT(consumer.handed_out, IsEmpty()) << "also of a partition that was not in the commit";
    for (int i = 0; i < 3; ++i) {
        consumer.after(200ms);
        ASSERT_THAT(consumer.committing, Not(IsEmpty())) << "it is repeated";
        consumer.answer_commit(consumer_event::commit_result::forgotten);
    }
    EXPECT_THAT(consumer.handed_out, IsEmpty());
    consumer.after(200ms);
    EXPECT_EQ(consumer.committing.at(0), std::pair(first, std::int64_t{2}));
    consumer.answer_commit(consumer_event::commit_result::committed);
    EXPECT_THAT(consumer.handed_out, SizeIs(1));
}

TEST(machine_promises, a_partition_that_is_taken_away_leaves_no_doubt_behind) {
    story consumer{{.call_count_max = 1}};
    consumer.assign(first);
    consumer.assign(second);
    consumer.say(consumer.fetch(first, 1), outcome::ack());
    consumer.after(1s);
    consumer.answer_commit(consumer_event::commit_result::refused);
    consumer.handed_out.clear();
    consumer.fetch(second, 3);
    EXPECT_THAT(consumer.handed_out, IsEmpty());
    consumer.tell(consumer_event::revoked{.partition = first, .lost = true});
    EXPECT_THAT(consumer.handed_out, SizeIs(1));
}

TEST(machine_promises, at_most_once_a_refused_commit_is_repeated_unless_others_may_have_had_it) {
    for (const bool is_known : {true, false}) {
        story consumer{{.at_most_once = true}};
        consumer.assign(first);
        const auto covered = consumer.fetch(first, 1);
        consumer.after(1s);
        ASSERT_THAT(consumer.committing, SizeIs(1));
        consumer.answer_commit(
            is_known ? consumer_event::commit_result::refused
                     : consumer_event::commit_result::forgotten
        );
        consumer.after(1s);
        EXPECT_THAT(consumer.handed_out, IsEmpty());
        ASSERT_THAT(consumer.committing, SizeIs(1));
        consumer.answer_commit(consumer_event::commit_result::committed);
        const auto next = consumer.fetch(first, 2);
        consumer.after(1s);
        consumer.answer_commit(consumer_event::commit_result::committed);
        if (is_known)
            EXPECT_THAT(consumer.handed_out, ElementsAre(covered, next));
        else
            EXPECT_THAT(consumer.handed_out, ElementsAre(next));
        EXPECT_EQ(consumer->counts().given_up, is_known ? 0U : 1U);
    }
}

} // namespace
} // namespace outbox
