// The limits of what a consumer reads ahead and parks, each brought to its edge: the machine alone,
// with a log that it asks as its loop would.

#include "outbox/consumer/consumer_machine.hpp"

#include <gmock/gmock.h>

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <utility>
#include <variant>
#include <vector>

namespace outbox {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A machine and the log that it reads, whose commits and sends succeed at once. Each message has a
/// key of its own, which is its number, unless the test says otherwise.
class member {
public:
    explicit member(consumer_settings settings) : machine_(std::move(settings), random_) {}

    void assign(partition_handle partition, partition_handle parking = 0) {
        tell(consumer_event::assigned{partition, parking});
        if (parking != 0)
            tell(consumer_event::caught_up{parking});
    }
    /// As a source does: not of a partition that is paused, and not without room. False: not read.
    bool read(partition_handle partition, std::uint64_t key, std::size_t bytes = 100) {
        if (paused_.contains(partition) || machine_.room() == 0)
            return false;
        keys_[++last_ticket_] = key;
        tell(consumer_event::fetched{
            .partition = partition,
            .ticket = last_ticket_,
            .offset = read_[partition]++,
            .bytes = bytes,
            .lane = key});
        return true;
    }
    /// The one of this key that is in hand.
    void handled(std::uint64_t key, const outcome& said = outcome::ack()) {
        const auto which = in_hand_.at(key);
        in_hand_.erase(key);
        tell(consumer_event::handled{which, said});
    }
    void pass(std::chrono::milliseconds time) {
        now_ += time;
        tell(consumer_event::woken{});
    }

    std::int64_t read_count(partition_handle partition) { return read_[partition]; }
    std::int64_t committed(partition_handle partition) { return committed_[partition]; }
    const std::set<partition_handle>& paused() const { return paused_; }
    bool is_in_hand(std::uint64_t key) const { return in_hand_.contains(key); }
    const consumer_machine& machine() const { return machine_; }

private:
    void tell(const consumer_event_type& event) {
        std::deque<consumer_event_type> events{event};
        for (; !events.empty(); events.pop_front()) {
            for (const auto& each : machine_.resume(now_, events.front()))
                std::visit([&](const auto& a) { perform(a, events); }, each);
        }
    }
    using answers = std::deque<consumer_event_type>;
    void perform(const consumer_action::hand_out& a, answers&) {
        EXPECT_TRUE(in_hand_.emplace(keys_.at(a.ticket), a.ticket).second) << "two of a key";
    }
    void perform(const consumer_action::send_on& a, answers& to) {
        EXPECT_EQ(a.to, consumer_action::address::parking);
        to.emplace_back(consumer_event::sent_on{a.ticket, true, parked_++});
    }
    void perform(const consumer_action::commit& a, answers& to) {
        consumer_event::commit_answered answer;
        for (const auto& [handle, offset] : a.offsets) {
            committed_[handle] = offset;
            answer.results.emplace_back(handle, consumer_event::commit_result::committed);
        }
        to.emplace_back(std::move(answer));
    }
    void perform(const consumer_action::pause& a, answers&) { paused_.insert(a.partition); }
    void perform(const consumer_action::resume& a, answers&) { paused_.erase(a.partition); }
    template <class Other>
    void perform(const Other&, answers&) {}

    seeded_random random_{1};
    consumer_machine machine_;
    tick_point now_{1h};
    ticket last_ticket_ = 0;
    std::map<ticket, std::uint64_t> keys_;
    std::map<std::uint64_t, ticket> in_hand_;
    std::map<partition_handle, std::int64_t> read_;
    std::map<partition_handle, std::int64_t> committed_;
    std::set<partition_handle> paused_;
    std::int64_t parked_ = 0;
};

TEST(consumer_limits, one_unfinished_message_stops_its_partition_at_the_span_and_no_other) {
    member one{{.span_max = 10, .commit_interval = 0ms}};
    one.assign(1);
    one.assign(2);
    ASSERT_TRUE(one.read(1, 0)); // and stays in hand
    for (std::uint64_t key = 1; one.read(1, key) && key < 100; ++key)
        one.handled(key);
    EXPECT_EQ(one.read_count(1), 10);
    EXPECT_EQ(one.committed(1), 0);
    EXPECT_THAT(one.paused(), ElementsAre(1));
    for (std::uint64_t key = 100; key < 200; ++key) {
        ASSERT_TRUE(one.read(2, key));
        one.handled(key);
        ASSERT_EQ(one.committed(2), one.read_count(2));
    }
    one.handled(0);
    EXPECT_EQ(one.committed(1), 10);
    EXPECT_THAT(one.paused(), IsEmpty());
    EXPECT_TRUE(one.read(1, 200));
}

TEST(consumer_limits, what_is_read_and_not_finished_stays_below_the_bytes) {
    member one{{.prefetch_bytes_max = 1'000}};
    one.assign(1);
    std::uint64_t key = 0;
    while (one.read(1, key, 300))
        ++key;
    EXPECT_EQ(key, 4U) << "the one that reaches the limit is the last";
    one.pass(10ms);
    EXPECT_FALSE(one.read(1, key, 1));
    one.handled(0);
    EXPECT_TRUE(one.read(1, key, 300));
    EXPECT_FALSE(one.read(1, key + 1, 1));
}

TEST(consumer_limits, what_is_parked_stays_below_the_bytes_and_the_rest_waits_in_memory) {
    constexpr partition_handle subject = 1;
    constexpr partition_handle parked = 2;
    member one{
        {.parked_bytes_max = 1'000,
         .commit_interval = 0ms,
         .retries = {.delays = {1min}, .in_place_max = 0ms},
         .place = retry_place::park_key}};
    one.assign(subject, parked);
    for (std::uint64_t key = 0; key < 5; ++key) {
        ASSERT_TRUE(one.read(subject, key, 300));
        one.handled(key, outcome::retry("later"));
    }
    EXPECT_EQ(one.machine().counts().parked, 3U) << "a fourth would be too many bytes";
    EXPECT_EQ(one.committed(subject), 3);
    EXPECT_EQ(one.machine().prefetched(), 2U);
    for (std::uint64_t key = 0; key < 3; ++key)
        ASSERT_TRUE(one.read(parked, key, 300)); // back, and as large as before
    for (std::uint64_t key = 0; key < 3; ++key) {
        ASSERT_TRUE(one.is_in_hand(key));
        one.handled(key);
    }
    ASSERT_TRUE(one.read(subject, 5, 300));
    one.handled(5, outcome::retry("later"));
    EXPECT_EQ(one.machine().counts().parked, 4U) << "there is room again";
}

TEST(consumer_limits, one_that_is_larger_than_the_parked_may_be_is_parked_alone) {
    member one{
        {.parked_bytes_max = 1'000,
         .commit_interval = 0ms,
         .retries = {.delays = {1min}, .in_place_max = 0ms},
         .place = retry_place::park_key}};
    one.assign(1, 2);
    for (std::uint64_t key = 0; key < 2; ++key) {
        ASSERT_TRUE(one.read(1, key, 5'000));
        one.handled(key, outcome::retry("later"));
    }
    EXPECT_EQ(one.machine().counts().parked, 1U);
    EXPECT_EQ(one.committed(1), 1);
}

} // namespace
} // namespace outbox
