// What a source must do with a real server when partitions move, seen at its seam: without the
// machine, which would pause and resume at times of its own.

#include "harness/wait_until.hpp"
#include "outbox/consumer/record_marks.hpp"
#include "tests/consumer/kafka/exam_parts.hpp"

#include <gmock/gmock.h>

#include <map>
#include <set>
#include <variant>

namespace outbox::kafka {
namespace {

using namespace std::chrono_literals;
using harness::wait_until;

/// Reads what it is given and gives back at once what it shall give back.
class reader {
public:
    explicit reader(const subscription& what)
        : source_(make_kafka_source(here()))
        , group_(what.group)
        , topic_(what.topics.front()) {
        source_->open(what, 60s);
    }

    void poll() {
        std::vector<source_event_type> news;
        source_->poll(10ms, {.count_max = 100, .bytes_max = 1U << 20U}, news);
        for (auto& each : news)
            std::visit([this](auto& e) { hear(e); }, each);
    }
    void pause_all() {
        for (const auto& [handle, number] : partitions_)
            source_->pause(handle);
    }
    void resume(const std::set<partition_handle>& those) {
        for (const auto handle : those)
            source_->resume(handle);
    }
    void close() { source_->close(); }
    /// As a machine that parks.
    void park(std::int32_t partition, const std::string& value) {
        outgoing_record what{.topic = parking_topic(topic_, group_), .makes_topic = false};
        what.partition = partition;
        what.value = value;
        source_->send(++last_ticket_, std::move(what));
    }
    std::size_t taken() const { return taken_; }
    /// By the number of the partition: how much was told of what is parked before it was told that
    /// this is all.
    const std::map<std::int32_t, std::size_t>& caught_up() const { return caught_up_; }
    std::size_t caught_up_count() const { return caught_up_count_; }

    std::set<partition_handle> handles() const {
        std::set<partition_handle> all;
        for (const auto& [handle, number] : partitions_)
            all.insert(handle);
        return all;
    }
    std::size_t partition_count() const { return partitions_.size(); }
    const std::set<std::string>& seen() const { return seen_; }

private:
    void hear(const source_event::assigned& e) {
        if (e.topic == topic_)
            partitions_[e.partition] = e.number;
        else
            parking_[e.partition] = {e.number, 0};
    }
    void hear(const source_event::caught_up& e) {
        const auto [number, count] = parking_.at(e.parking);
        caught_up_[number] = count;
        ++caught_up_count_;
    }
    void hear(const source_event::revoked& e) {
        partitions_.erase(e.partition);
        parking_.erase(e.partition);
        source_->release(e.partition);
    }
    void hear(const source_event::fetched& e) {
        if (const auto found = parking_.find(e.partition); found != parking_.end())
            ++found->second.second;
        else
            seen_.emplace(*e.record.value);
    }
    void hear(const source_event::sent& e) { taken_ += e.trouble.empty() && e.offset >= 0 ? 1 : 0; }
    void hear(const source_event::committed&) {}
    void hear(const source_event::trouble&) {}

    std::unique_ptr<record_source> source_;
    group_name group_;
    std::string topic_;
    std::map<partition_handle, std::int32_t> partitions_;
    std::map<partition_handle, std::pair<std::int32_t, std::size_t>> parking_; // number, records
    std::map<std::int32_t, std::size_t> caught_up_;
    std::size_t caught_up_count_ = 0;
    ticket last_ticket_ = 0;
    std::size_t taken_ = 0;
    std::set<std::string> seen_;
};

// librdkafka 2.0 goes on pausing a partition that was given back and comes again.
TEST(source_exam, a_partition_that_comes_back_is_not_paused_any_more) {
    send_numbers("exam.back", 40, 40);
    const subscription what{.group = group_name{"back"}, .topics = {"exam.back"}};
    reader stays{what};
    wait_until(
        [&] {
            stays.poll();
            return stays.seen().size() == 40;
        },
        60s,
        "the first to read everything"
    );
    ASSERT_EQ(stays.partition_count(), 4U);
    const auto at_first = stays.handles();
    stays.pause_all();

    reader passes{what};
    wait_until(
        [&] {
            stays.poll();
            passes.poll();
            return passes.partition_count() > 0 && stays.partition_count() < 4 &&
                   stays.partition_count() + passes.partition_count() == 4;
        },
        60s,
        "the second to have its share"
    );
    passes.close();
    wait_until(
        [&] {
            stays.poll();
            return stays.partition_count() == 4;
        },
        60s,
        "the share to come back"
    );
    std::set<partition_handle> kept;
    for (const auto handle : stays.handles()) {
        if (at_first.contains(handle))
            kept.insert(handle);
    }
    ASSERT_LT(kept.size(), 4U);
    stays.resume(kept); // those are its own affair

    mailbag bag;
    for (int i = 100; i < 140; ++i)
        bag.add("exam.back", "k" + std::to_string(i), std::to_string(i));
    send(bag);
    wait_until(
        [&] {
            stays.poll();
            return stays.seen().size() == 80;
        },
        60s,
        "what was sent afterwards to be read from all four"
    );
}

TEST(source_exam, all_that_is_parked_is_told_before_it_is_told_that_this_is_all) {
    send_numbers("exam.parked", 40, 40);
    const subscription what{
        .group = group_name{"parked"},
        .topics = {"exam.parked"},
        .parking = parking_use::made,
        .start = start_point::last()}; // which does not hold for what is parked
    const std::map<std::int32_t, std::size_t> nothing{{0, 0}, {1, 0}, {2, 0}, {3, 0}};
    reader first{what};
    wait_until(
        [&] {
            first.poll();
            return first.caught_up() == nothing;
        },
        60s,
        "the first to know that nothing is parked"
    );
    const std::map<std::int32_t, std::size_t> parked{{0, 300}, {1, 0}, {2, 40}, {3, 700}};
    std::size_t count = 0;
    for (const auto& [partition, those] : parked) {
        for (std::size_t i = 0; i < those; ++i, ++count)
            first.park(partition, std::to_string(i));
    }
    wait_until(
        [&] {
            first.poll();
            return first.taken() == count;
        },
        60s,
        "everything to be parked, at known places"
    );
    first.close();

    reader second{what};
    wait_until(
        [&] {
            second.poll();
            return second.caught_up().size() == 4;
        },
        60s,
        "the second to know what is parked"
    );
    EXPECT_EQ(second.caught_up(), parked);

    // And again, for one that has read it all before.
    reader third{what};
    wait_until(
        [&] {
            second.poll();
            third.poll();
            return third.caught_up().size() == 2;
        },
        60s,
        "a third to have its share"
    );
    for (const auto& [number, known] : third.caught_up())
        EXPECT_EQ(known, parked.at(number));
    third.close();
    ASSERT_EQ(second.caught_up_count(), 4U);
    wait_until(
        [&] {
            second.poll();
            return second.caught_up_count() == 6;
        },
        60s,
        "the share to come back"
    );
    EXPECT_EQ(second.caught_up(), parked);
}

} // namespace
} // namespace outbox::kafka
