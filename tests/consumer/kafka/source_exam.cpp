// What a source must do with a real server when partitions move, seen at its seam: without the
// machine, which would pause and resume at times of its own.

#include "harness/wait_until.hpp"
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
    explicit reader(const subscription& what) : source_(make_kafka_source(here())) {
        source_->open(what, 60s);
    }

    void poll() {
        std::vector<source_event_type> news;
        source_->poll(10ms, 100, news);
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

    std::set<partition_handle> handles() const {
        std::set<partition_handle> all;
        for (const auto& [handle, number] : partitions_)
            all.insert(handle);
        return all;
    }
    std::size_t partition_count() const { return partitions_.size(); }
    const std::set<std::string>& seen() const { return seen_; }

private:
    void hear(const source_event::assigned& e) { partitions_[e.partition] = e.number; }
    void hear(const source_event::caught_up&) {}
    void hear(const source_event::revoked& e) {
        partitions_.erase(e.partition);
        source_->release(e.partition);
    }
    void hear(const source_event::fetched& e) { seen_.emplace(*e.record.value); }
    void hear(const source_event::sent&) {}
    void hear(const source_event::committed&) {}
    void hear(const source_event::trouble&) {}

    std::unique_ptr<record_source> source_;
    std::map<partition_handle, std::int32_t> partitions_;
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

} // namespace
} // namespace outbox::kafka
