// Keys that are parked, with a real server.

#include "harness/wait_until.hpp"
#include "tests/consumer/kafka/exam_parts.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

namespace outbox::kafka {
namespace {

using namespace std::chrono_literals;
using harness::wait_until;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// What was applied, in the order in which it was, whoever did it.
class ledger {
public:
    void add(const delivery& d) {
        const std::lock_guard hold{mutex_};
        const int number = std::stoi(std::string{d.payload});
        if (!std::exchange(seen_[number], true))
            of_key_[*d.key].push_back(number);
    }
    std::vector<int> of(const std::string& key) const {
        const std::lock_guard hold{mutex_};
        const auto found = of_key_.find(key);
        return found == of_key_.end() ? std::vector<int>{} : found->second;
    }
    std::size_t count() const {
        const std::lock_guard hold{mutex_};
        return seen_.size();
    }

private:
    mutable std::mutex mutex_;
    std::map<int, bool> seen_;
    std::map<bytes, std::vector<int>> of_key_;
};

std::vector<int> every_seventh(int from, int to) {
    std::vector<int> all;
    for (int i = from; i < to; i += 7)
        all.push_back(i);
    return all;
}

void send_more(const std::string& topic, int from, int to) {
    mailbag bag;
    for (int i = from; i < to; ++i)
        bag.add(topic, "k" + std::to_string(i % 7), std::to_string(i));
    send(bag);
}

consumer_options parking(const std::string& name) {
    return {
        .group = group_name::parse(name),
        .subjects = {subject::parse("exam." + name)},
        .retry_order = ordered_retry::park_key,
        .retries = {
            .delays = std::vector<std::chrono::milliseconds>(64, 250ms),
            .in_place_max = 0ms}};
}

TEST(parking_exam, a_failed_key_steps_aside_and_its_partition_goes_on) {
    const std::string parked = "exam.aside.aside.parked";
    send_more("exam.aside", 0, 70);
    std::atomic<bool> repaired = false;
    ledger applied;
    auto what = parking("aside");
    what.span_max = 4; // far less than what comes behind
    member one{what, [&](const delivery& d) {
                   if (d.payload == "3" && !repaired)
                       return outcome::retry("no such order");
                   applied.add(d);
                   return outcome::ack();
               }};
    wait_until_committed(one, "exam.aside");
    for (const int key : {0, 1, 2, 4, 5, 6})
        EXPECT_EQ(applied.of("k" + std::to_string(key)), every_seventh(key, 70));
    EXPECT_THAT(applied.of("k3"), IsEmpty());

    const auto records = wait_for_records(parked, 10);
    ASSERT_EQ(records.size(), 10U);
    EXPECT_EQ(records[0].value, "3");
    EXPECT_EQ(header_of(records[0], "outbox-attempt"), "1");
    EXPECT_EQ(header_of(records[0], "outbox-error"), "no such order");
    EXPECT_EQ(header_of(records[0], "outbox-origin-topic"), "exam.aside");
    EXPECT_EQ(records[1].value, "10");
    EXPECT_EQ(header_of(records[1], "outbox-attempt"), "0");

    repaired = true;
    wait_until_committed(one, parked);
    EXPECT_EQ(applied.of("k3"), every_seventh(3, 70));
    send_more("exam.aside", 70, 77);
    wait_until([&] { return applied.count() == 77; }, 60s, "what was sent afterwards");
    EXPECT_EQ(read_topic(the_cluster().brokers(), parked).size(), 10U) << "73 was parked as well";
    for (const auto& d : one.seen()) {
        EXPECT_TRUE(d.attempt == 1 || d.payload == "3");
        EXPECT_EQ(d.origin.topic, "exam.aside");
    }
}

TEST(parking_exam, whoever_takes_over_knows_what_is_parked) {
    const std::string parked = "exam.heir.heir.parked";
    send_more("exam.heir", 0, 70);
    std::atomic<bool> repaired = false;
    ledger applied;
    const auto handle = [&](const delivery& d) {
        if (d.payload == "3" && !repaired)
            return outcome::retry("later");
        applied.add(d);
        return outcome::ack();
    };
    {
        member first{parking("heir"), handle};
        wait_until_committed(first, "exam.heir");
        wait_for_records(parked, 10);
    }
    send_more("exam.heir", 70, 140);
    member one{parking("heir"), handle};
    member two{parking("heir"), handle};
    wait_until([&] { return applied.count() == 120; }, 60s, "the other keys");
    wait_for_records(parked, 20);
    EXPECT_THAT(applied.of("k3"), IsEmpty());
    repaired = true;
    wait_until([&] { return applied.count() == 140; }, 60s, "everything");
    for (int key = 0; key < 7; ++key)
        EXPECT_EQ(applied.of("k" + std::to_string(key)), every_seventh(key, 140));
}

TEST(parking_exam, what_was_parked_is_read_when_keys_are_not_parked_any_more) {
    send_more("exam.former", 0, 7);
    const auto fails = [](const delivery&) { return outcome::retry("no"); };
    {
        member first{parking("former"), fails};
        wait_until_committed(first, "exam.former");
        wait_for_records("exam.former.former.parked", 7);
    }
    auto what = parking("former");
    what.retry_order = ordered_retry::in_place;
    member one{what};
    wait_until_committed(one, "exam.former.former.parked");
    EXPECT_EQ(one.seen().size(), 7U);
}

} // namespace
} // namespace outbox::kafka
