// The log of the coordinator's changes on a disk that forgets: killed, without power, full, and
// shortened meanwhile. An acknowledged commit is there afterwards, and never an older one instead.

#include "broker/group/coordinator.hpp"
#include "broker/group/state_log.hpp"
#include "broker/log/errc.hpp"
#include "tests/broker/log/fixture.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <filesystem>

namespace outbox::broker {
namespace {

using key = std::pair<std::string, std::int32_t>; // group, partition

/// A coordinator on a log on a simulated disk.
struct keeper {
    log_fixture at;
    group_options options{};
    std::size_t growth_bytes = 4 * 1024 * 1024;
    bool small_segments = false;
    std::unique_ptr<coordinator> machine;
    std::unique_ptr<state_log> log;
    std::deque<state_log::job> posted;

    std::map<key, std::int64_t> acked{};   // offset; -1: forgotten
    std::map<key, std::int64_t> written{}; // the last attempt
    std::int64_t next = 0;

    keeper() = default;
    keeper(const keeper&) = delete;
    keeper& operator=(const keeper&) = delete;
    ~keeper() { close(); } // while `posted` is there: the log's end posts to it

    void open() {
        close();
        at.open();
        if (small_segments && !at.log(std::string(offsets_topic)))
            (void)at.logs->create_topic(
                offsets_topic,
                1,
                {{"segment.bytes", "1500"}, {"retention.ms", "-1"}}
            );
        machine = std::make_unique<coordinator>(options, at.random);
        log = std::make_unique<state_log>(state_log::surroundings{
            .logs = *at.logs,
            .time = at.time,
            .post = [this](state_log::job job) { posted.push_back(std::move(job)); },
            .offload = [this](state_log::job job) { posted.push_back(std::move(job)); },
            .apply = [this](state_change change) { machine->apply(std::move(change)); },
            .snapshot = [this] { return machine->snapshot(); },
            .growth_bytes = growth_bytes});
    }
    void close() {
        at.logs.reset(); // calls back: everybody who waits hears `closed`
        posted.clear();
        log.reset();
        machine.reset();
    }
    void settle() {
        do {
            at.logs->flush_pending();
            for (auto jobs = std::exchange(posted, {}); !jobs.empty(); jobs.pop_front())
                jobs.front()();
        } while (!posted.empty() || at.logs->flush_pending());
    }

    static state_change
    change(const key& of, std::optional<std::int64_t> offset, std::string metadata = "") {
        offset_change out{of.first, "t", of.second, std::nullopt};
        if (offset)
            out.value = committed_offset{.offset = *offset, .metadata = std::move(metadata)};
        return out;
    }
    void commit(const key& of, std::string metadata = "") {
        const std::int64_t offset = next++;
        written[of] = offset;
        log->write({change(of, offset, std::move(metadata))}, [this, of, offset](auto ec) {
            if (!ec)
                acked[of] = offset;
        });
    }
    std::int64_t found(const key& of) const {
        const auto* known = machine->find(of.first);
        if (known == nullptr || !known->offsets.contains("t"))
            return -1;
        const auto& partitions = known->offsets.find("t")->second;
        const auto one = partitions.find(of.second);
        return one == partitions.end() ? -1 : one->second.offset;
    }
    std::int64_t log_start() const {
        return at.log(std::string(offsets_topic))->offsets().log_start;
    }
};

TEST(state_log, a_commit_is_answered_when_it_is_on_disk_and_seen_then) {
    keeper k;
    k.open();
    k.commit({"g", 0});
    EXPECT_TRUE(k.acked.empty());
    while (!k.posted.empty()) { // the topic is made
        k.posted.front()();
        k.posted.pop_front();
    }
    EXPECT_TRUE(k.acked.empty()) << "written, and not on disk";
    EXPECT_EQ(k.found({"g", 0}), -1);
    k.settle();
    EXPECT_EQ(k.acked.size(), 1U);
    EXPECT_EQ(k.found({"g", 0}), 0);
}

TEST(state_log, commits_that_come_during_a_flush_share_the_next) {
    keeper k;
    k.open();
    k.commit({"g", 0});
    k.settle();
    for (int i = 0; i < 100; ++i)
        k.commit({"g", i});
    const auto before = k.at.disk->file_syncs();
    k.settle();
    EXPECT_EQ(k.acked.size(), 100U);
    EXPECT_LE(k.at.disk->file_syncs() - before, 3U);
}

TEST(state_log, a_question_is_answered_after_the_commits_before_it) {
    keeper k;
    k.open();
    k.commit({"g", 0});
    std::optional<std::int64_t> seen;
    k.log->write_when_quiet(
        [] { return std::vector<state_change>(); },
        [&](std::error_code) {
            seen = k.found({"g", 0});
        }
    );
    k.commit({"g", 0});
    EXPECT_FALSE(seen);
    k.settle();
    EXPECT_EQ(seen, 0) << "the commit before it, and not the one after";
    EXPECT_EQ(k.found({"g", 0}), 1);
    seen.reset();
    k.log->write_when_quiet([] { return std::vector<state_change>(); }, [&](auto) { seen = 7; });
    EXPECT_EQ(seen, 7) << "nothing is under way: at once";
}

TEST(state_log, a_decision_sees_what_was_written_before_it) {
    keeper k;
    k.open();
    k.commit({"g", 0});
    k.log->write_when_quiet(
        [&] {
            std::vector<state_change> changes;
            EXPECT_EQ(k.machine->remove_group("g", changes), wire::error_code::none);
            return changes;
        },
        [](std::error_code) {}
    );
    k.settle();
    EXPECT_EQ(k.machine->find("g"), nullptr);
    k.at.kill();
    k.open();
    ASSERT_FALSE(k.log->load());
    EXPECT_EQ(k.machine->find("g"), nullptr);
}

TEST(state_log, a_full_disk_refuses_a_commit_and_heals) {
    keeper k;
    k.open();
    k.commit({"g", 0});
    k.settle();
    k.at.disk->set_capacity(k.at.disk->used_bytes());
    std::error_code refused;
    // Larger than what was filled with zeros ahead.
    k.log->write(
        {keeper::change({"g", 1}, 5, std::string(4000, 'x')),
         keeper::change({"g", 2}, 5, std::string(4000, 'x')),
         keeper::change({"g", 3}, 5, std::string(4000, 'x')),
         keeper::change({"g", 4}, 5, std::string(30'000, 'x')),
         keeper::change({"g", 5}, 5, std::string(30'000, 'x')),
         keeper::change({"g", 6}, 5, std::string(30'000, 'x'))},
        [&](std::error_code ec) { refused = ec; }
    );
    k.settle();
    EXPECT_TRUE(refused);
    EXPECT_EQ(k.found({"g", 1}), -1);
    EXPECT_EQ(k.found({"g", 0}), 0);
    k.at.disk->set_capacity(simulated_disk::never);
    k.commit({"g", 1});
    k.settle();
    EXPECT_EQ(k.found({"g", 1}), 1);
}

TEST(state_log, grows_no_further_than_what_it_holds) {
    keeper k;
    k.growth_bytes = 20'000;
    k.small_segments = true;
    k.open();
    for (int i = 0; i < 2000; ++i) {
        k.commit({"g", i % 7});
        k.settle();
    }
    EXPECT_GT(k.log_start(), 1000);
    EXPECT_LT(k.at.log(std::string(offsets_topic))->size_bytes(), 50'000);
    k.at.kill();
    k.open();
    ASSERT_FALSE(k.log->load());
    for (int p = 0; p < 7; ++p)
        EXPECT_EQ(k.found({"g", p}), k.acked.at({"g", p}));
    k.machine->begin({k.at.time.ticks(), 0});
}

TEST(state_log, what_is_all_forgotten_takes_no_room) {
    keeper k;
    k.growth_bytes = 3'000;
    k.small_segments = true;
    k.open();
    for (int i = 0; i < 100; ++i) {
        k.log->write({keeper::change({"g", 1}, i)}, [](auto) {});
        k.log->write({keeper::change({"g", 1}, std::nullopt)}, [](auto) {});
        k.settle();
    }
    EXPECT_GT(k.log_start(), 50);
    k.at.kill();
    k.open();
    ASSERT_FALSE(k.log->load());
    EXPECT_EQ(k.machine->find("g"), nullptr);
}

TEST(state_log, damage_to_what_was_acknowledged_is_not_served) {
    keeper k;
    k.open();
    for (int i = 0; i < 10; ++i) {
        k.commit({"g", i});
        k.settle();
    }
    k.close();
    for (const auto& file : k.at.disk->files())
        if (file.find("__consumer_offsets-0/") != std::string::npos && file.ends_with(".log"))
            k.at.disk->flip_bit(file, 100, 1);
    k.open();
    EXPECT_TRUE(k.log->load());
}

TEST(state_log, damage_that_a_reader_finds_refuses_commits_and_holds_up_nobody) {
    keeper k;
    k.open();
    k.commit({"g", 0});
    k.settle();
    std::optional<std::error_code> refused;
    k.log->write({keeper::change({"g", 1}, 5)}, [&](std::error_code ec) { refused = ec; });
    k.at.disk->flip_bit("/data/__consumer_offsets-0/00000000000000000000.log", 100, 1);
    EXPECT_EQ(k.at.log(std::string(offsets_topic))->read(0, 100).error, log_errc::corrupt_data);
    k.settle();
    EXPECT_EQ(refused, make_error_code(log_errc::quarantined));
    std::optional<std::int64_t> seen;
    k.log->write_when_quiet(
        [] { return std::vector<state_change>(); },
        [&](std::error_code) {
            seen = k.found({"g", 0});
        }
    );
    EXPECT_EQ(seen, 0) << "what is committed can still be asked";
}

/// Commits, forgets and shortens; then what the next start finds is held against what was said.
struct story : keeper {
    bool is_over() const { return at.disk->power_is_off(); }

    void play() {
        growth_bytes = 1'200;
        small_segments = true;
        try {
            open();
        } catch (const std::exception&) {
            return;
        }
        if (is_over() || log->load())
            return;
        for (int i = 0; i < 40 && !is_over(); ++i) {
            commit({"g" + std::to_string(i % 3), i % 4}, std::string(i % 5 * 20, 'm'));
            if (i % 3 == 0)
                commit({"g", 0});
            settle();
            if (i % 11 == 10)
                at.time.advance(std::chrono::seconds{1});
            if (i % 7 == 6)
                at.logs->run_housekeeping();
        }
        if (!is_over())
            commit({"late", 0}); // written, never flushed
    }

    void check(const std::string& where) {
        SCOPED_TRACE(where);
        ASSERT_TRUE(at.logs->recovery().quarantined.empty());
        ASSERT_FALSE(log->load());
        for (const auto& [of, offset] : acked) {
            ASSERT_GE(found(of), offset) << of.first << "-" << of.second << " went back";
        }
        for (const auto& [of, offset] : written) {
            ASSERT_LE(found(of), offset);
        }
    }
};

TEST(state_log, the_power_goes_at_every_step_and_no_acknowledged_commit_goes_back) {
    story whole;
    whole.play();
    ASSERT_FALSE(whole.is_over());
    ASSERT_GT(whole.log_start(), 10) << "the story has to shorten the log";
    const std::uint64_t steps = whole.at.disk->steps();
    int cuts = 0;
    for (std::uint64_t step = 0; step <= steps; ++step)
        for (const unsynced what : {unsynced::dropped, unsynced::kept, unsynced::torn}) {
            story run;
            run.at.random = seeded_random{step};
            run.at.disk->cut_power_at(step);
            run.play();
            run.close();
            run.at.cut_power(what);
            const std::string where = "step " + std::to_string(step) + " of " +
                                      std::to_string(steps) + ", " +
                                      std::to_string(static_cast<int>(what));
            ASSERT_NO_THROW(run.open()) << where;
            run.check(where);
            if (HasFatalFailure())
                return;
            // And life goes on from there.
            run.commit({"after", 0});
            run.settle();
            ASSERT_TRUE(run.acked.contains({"after", 0})) << where;
            ++cuts;
        }
    RecordProperty("cuts", std::to_string(cuts));
}

} // namespace
} // namespace outbox::broker
