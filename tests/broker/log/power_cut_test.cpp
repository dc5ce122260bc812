// The power is cut at every single change that a scenario makes to the disk, and again at every
// change that the recovery makes. What was acknowledged is there, what a reader saw is what is
// there, and nothing else.

#include "tests/broker/log/fixture.hpp"

#include <map>

namespace outbox::broker {
namespace {

using values_by_offset = std::map<std::int64_t, std::string>;

struct story {
    log_fixture at;
    values_by_offset acked;                       // by topic "t", sync
    std::map<std::string, values_by_offset> seen; // by readers
    std::int64_t log_start_acked = 0;
    int next_value = 0;

    bool is_over() const { return at.disk->power_is_off(); }

    /// Reads all that can be read and holds it against all that was ever read.
    void look(const std::string& topic) {
        const auto log = at.log(topic);
        if (!log)
            return;
        std::int64_t expected = -1;
        for (const auto& record : at.records(topic)) {
            ASSERT_TRUE(expected < 0 || record.offset == expected) << "offsets are dense";
            expected = record.offset + 1;
            const auto [known, is_new] = seen[topic].emplace(record.offset, record.value);
            ASSERT_EQ(known->second, record.value) << "offset " << record.offset;
        }
    }

    void append(const std::string& topic, std::size_t size) {
        const std::string value = std::to_string(next_value++) + std::string(size, '.');
        const auto log = at.log(topic);
        if (!log || is_over())
            return;
        bytes batch = make_batch({.values = {value, value}});
        const auto result = log->append(batch);
        if (result.error)
            return;
        log->when_durable(result.ticket, [this, topic, value, result](std::error_code ec) {
            if (ec || topic != "t")
                return;
            acked[result.base_offset] = value;
            acked[result.base_offset + 1] = value;
        });
    }

    /// Everything a partition goes through, in few steps.
    void play() {
        at.options.retention_check = std::chrono::milliseconds{1};
        at.options.witness_sync = std::chrono::milliseconds{1};
        try {
            at.open();
        } catch (const std::exception&) {
            return;
        }
        (void)at.logs->create_topic("t", 1, {{"segment.bytes", "2500"}, {"retention.ms", "-1"}});
        (void)at.logs->create_topic(
            "a",
            1,
            {{"flush.messages", "9"}, {"flush.ms", "0"}, {"retention.ms", "-1"}}
        );
        for (int i = 0; i < 12 && !is_over(); ++i) {
            append("t", 100 + static_cast<std::size_t>(i) * 70);
            if (i % 2 == 0)
                append("t", 700);
            append("a", 50);
            at.logs->flush_pending();
            look("t");
            if (i % 4 == 3) {
                at.time.advance(std::chrono::seconds{1});
                at.logs->run_housekeeping();
            }
            if (i == 8 && at.log()) {
                std::int64_t start = 0;
                if (!at.log()->delete_records(7, start))
                    log_start_acked = start;
            }
        }
        if (is_over())
            return;
        (void)at.logs->close();
        at.logs.reset();
        try {
            at.open();
        } catch (const std::exception&) {
            return;
        }
        append("t", 10);
        at.logs->flush_pending();
        look("t");
        append("t", 600); // appended, never flushed
    }

    void check(const std::string& where) {
        SCOPED_TRACE(where);
        ASSERT_TRUE(at.logs->recovery().quarantined.empty());
        if (!at.log()) {
            ASSERT_TRUE(acked.empty());
            return;
        }
        ASSERT_NO_FATAL_FAILURE(look("t"));
        if (at.log("a")) {
            ASSERT_EQ(at.log("a")->health(), partition_health::serving);
        }
        const auto offsets = at.log()->offsets();
        ASSERT_GE(offsets.log_start, log_start_acked);
        values_by_offset now;
        for (const auto& record : at.records())
            now[record.offset] = record.value;
        for (const auto& [offset, value] : acked) {
            if (offset < offsets.log_start) {
                ASSERT_LE(offsets.log_start, 7) << "only what was asked for is deleted";
                continue;
            }
            ASSERT_TRUE(now.contains(offset)) << "lost: acknowledged offset " << offset;
            ASSERT_EQ(now[offset], value);
        }
        for (const auto& [offset, value] : seen["t"])
            ASSERT_TRUE(offset < offsets.log_start || now.contains(offset))
                << "a reader saw offset " << offset << " and it is gone";
    }
};

const char* name_of(unsynced what) {
    switch (what) {
    case unsynced::dropped:
        return "dropped";
    case unsynced::kept:
        return "kept";
    case unsynced::torn:
        return "torn";
    }
    return "";
}

std::uint64_t steps_of_the_story() {
    story whole;
    whole.play();
    EXPECT_FALSE(whole.is_over());
    EXPECT_GT(whole.acked.size(), 30U);
    return whole.at.disk->steps();
}

TEST(power_cut, at_every_step_loses_nothing_acknowledged) {
    const std::uint64_t steps = steps_of_the_story();
    std::uint64_t cuts = 0;
    for (std::uint64_t at = 0; at <= steps; ++at) {
        for (int variant = 0; variant < 5; ++variant) {
            const unsynced what = variant == 0   ? unsynced::dropped
                                  : variant == 1 ? unsynced::kept
                                                 : unsynced::torn;
            story run;
            run.at.random = seeded_random{at * 100 + static_cast<std::uint64_t>(variant)};
            run.at.disk->cut_power_at(at);
            run.play();
            run.at.cut_power(what);
            const std::string where = "step " + std::to_string(at) + " of " +
                                      std::to_string(steps) + ", " + name_of(what) + ", variant " +
                                      std::to_string(variant);
            ASSERT_NO_THROW(run.at.open()) << where;
            run.check(where);
            if (::testing::Test::HasFatalFailure())
                return;
            // Life goes on, and what is written now is not confused with what was there before.
            if (run.at.log()) {
                ASSERT_GE(run.at.acked("after"), 0) << where;
                run.at.cut_power(unsynced::dropped);
                run.at.open();
                run.check(where + ", later");
                ASSERT_EQ(run.at.values().back(), "after") << where;
                if (::testing::Test::HasFatalFailure())
                    return;
            }
            ++cuts;
        }
    }
    RecordProperty("cuts", std::to_string(cuts));
    RecordProperty("steps", std::to_string(steps));
}

TEST(power_cut, again_at_every_step_of_the_recovery) {
    const std::uint64_t steps = steps_of_the_story();
    std::uint64_t cuts = 0;
    for (std::uint64_t at = 1; at <= steps; at += 7) {
        for (const unsynced first : {unsynced::kept, unsynced::torn}) {
            for (std::uint64_t again = 0;; ++again) {
                story run;
                run.at.random = seeded_random{at};
                run.at.disk->cut_power_at(at);
                run.play();
                run.at.cut_power(first);
                run.at.disk->cut_power_at(again);
                bool recovered = true;
                try {
                    run.at.open();
                } catch (const std::exception&) {
                    recovered = false;
                }
                if (recovered && !run.is_over())
                    break; // the recovery has fewer steps than that
                if (recovered)
                    run.look("t"); // what is served now must stay
                run.at.cut_power(again % 2 == 0 ? unsynced::torn : unsynced::dropped);
                const std::string where = "step " + std::to_string(at) + ", " + name_of(first) +
                                          ", recovery step " + std::to_string(again);
                ASSERT_NO_THROW(run.at.open()) << where;
                run.check(where);
                if (::testing::Test::HasFatalFailure())
                    return;
                ++cuts;
            }
        }
    }
    RecordProperty("cuts", std::to_string(cuts));
}

TEST(power_cut, a_segment_begun_just_before_a_kill_keeps_its_name) {
    log_fixture at;
    at.open();
    at.create("t", {{"segment.bytes", "1024"}});
    ASSERT_EQ(at.acked(std::string(600, 'a')), 0);
    ASSERT_FALSE(at.append(std::string(600, 'b')).error); // begins a segment, is never flushed
    at.kill_and_open();
    ASSERT_EQ(at.acked("c"), 2); // into that segment
    at.cut_power(unsynced::dropped);
    at.open();
    ASSERT_TRUE(at.logs->recovery().quarantined.empty());
    EXPECT_EQ(at.values().size(), 3U);
}

TEST(power_cut, short_writes_change_nothing) {
    story run;
    run.at.disk->set_write_size_max(13);
    run.play();
    run.at.cut_power(unsynced::dropped);
    run.at.open();
    run.check("short writes");
    EXPECT_GT(run.acked.size(), 30U);
}

} // namespace
} // namespace outbox::broker
