// The committer thread at work: groups, watermarks, many producers and readers at once.

#include "tests/broker/log/fixture.hpp"

#include "broker/log/errc.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace outbox::broker {
namespace {

/// Waits for a condition that another thread makes true; a test that hangs fails by its timeout.
class bell {
public:
    void ring() {
        const std::lock_guard lock{mutex_};
        ++count_;
        changed_.notify_all();
    }
    void wait_for(int count) {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [&] { return count_ >= count; });
    }
    int count() {
        const std::lock_guard lock{mutex_};
        return count_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int count_ = 0;
};

struct group_commit_test : ::testing::Test {
    simulated_disk disk;
    seeded_random random{1};
    bell progress; // both outlive every log manager, whose thread rings them
    bell answers;
    log_options options{
        .directory = "/data",
        .witness_sync = std::chrono::milliseconds{1},
        .on_progress = [this](const std::shared_ptr<partition_log>&) { progress.ring(); },
    };
};

TEST_F(group_commit_test, consumers_see_nothing_while_the_fsync_is_held_back) {
    log_manager logs{disk, system_clock(), random, options};
    ASSERT_FALSE(logs.create_topic("t", 1, {}));
    const auto log = logs.find_partition("t", 0);
    disk.hold_syncs(true);
    bell& acked = answers;
    for (int i = 0; i < 10; ++i) {
        bytes batch = make_batch({});
        const auto result = log->append(batch);
        ASSERT_FALSE(result.error);
        log->when_durable(result.ticket, [&](std::error_code ec) {
            if (!ec)
                acked.ring();
        });
    }
    disk.await_held_sync(); // whatever comes before the fsync has been done
    EXPECT_EQ(acked.count(), 0);
    EXPECT_EQ(progress.count(), 0);
    EXPECT_EQ(log->offsets().high_watermark, 0);
    EXPECT_TRUE(log->read(0, 1 << 20).batches.empty());
    disk.hold_syncs(false);
    acked.wait_for(10);
    EXPECT_EQ(log->offsets().high_watermark, 10);
    EXPECT_EQ(read_records(log->read(0, 1 << 20).batches).size(), 10U);
}

TEST_F(group_commit_test, what_arrives_during_a_flush_is_the_next_group) {
    log_manager logs{disk, system_clock(), random, options};
    ASSERT_FALSE(logs.create_topic("t", 1, {}));
    const auto log = logs.find_partition("t", 0);
    bell& acked = answers;
    const auto send = [&] {
        bytes batch = make_batch({});
        log->when_durable(log->append(batch).ticket, [&](std::error_code) { acked.ring(); });
    };
    disk.hold_syncs(true);
    for (int i = 0; i < 200; ++i)
        send();
    disk.hold_syncs(false);
    acked.wait_for(200);
    EXPECT_LE(progress.count(), 2) << "one group for the first, one for all that came meanwhile";
}

TEST_F(group_commit_test, many_producers_and_readers_agree) {
    constexpr int producer_count = 4;
    constexpr int message_count = 300;
    log_manager logs{disk, system_clock(), random, options};
    ASSERT_FALSE(
        logs.create_topic("t", 2, {{"segment.bytes", "4096"}, {"index.interval.bytes", "500"}})
    );
    std::atomic<bool> stop{false};
    bell& acked = answers;
    std::mutex ledger_mutex;
    std::vector<std::vector<std::string>> ledger(2);
    std::vector<std::thread> threads;
    for (int producer = 0; producer < producer_count; ++producer) {
        threads.emplace_back([&, producer] {
            const int partition = producer % 2;
            const auto log = logs.find_partition("t", partition);
            for (int i = 0; i < message_count; ++i) {
                const std::string value = std::to_string(producer) + "/" + std::to_string(i);
                bytes batch = make_batch({.values = {value}});
                const auto result = log->append(batch);
                ASSERT_FALSE(result.error);
                log->when_durable(result.ticket, [&, partition, value, result](std::error_code ec) {
                    ASSERT_FALSE(ec);
                    const std::lock_guard lock{ledger_mutex};
                    auto& mine = ledger[static_cast<std::size_t>(partition)];
                    const auto offset = static_cast<std::size_t>(result.base_offset);
                    mine.resize(std::max(mine.size(), offset + 1));
                    mine[offset] = value;
                    acked.ring();
                });
                if (i % 16 == 0)
                    acked.wait_for(i / 2);
            }
        });
    }
    for (int partition = 0; partition < 2; ++partition) {
        threads.emplace_back([&, partition] {
            const auto log = logs.find_partition("t", partition);
            std::int64_t offset = 0;
            while (!stop) {
                const auto result = log->read(offset, 3000);
                ASSERT_FALSE(result.error) << result.error.message();
                for (const auto& record : read_records(result.batches)) {
                    ASSERT_EQ(record.offset, offset);
                    ++offset;
                }
                ASSERT_LE(offset, log->offsets().high_watermark);
                (void)log->find_timestamp(0);
                (void)log->find_max_timestamp();
                (void)log->size_bytes();
            }
        });
    }
    threads.emplace_back([&] { // somebody changes topics meanwhile
        for (int i = 0; i < 30 && !stop; ++i) {
            const std::string name = "side" + std::to_string(i);
            ASSERT_FALSE(logs.create_topic(name, 1, {}));
            (void)logs.topics();
            if (i % 2 == 0) {
                ASSERT_FALSE(logs.delete_topic(name));
            }
        }
    });
    acked.wait_for(producer_count * message_count);
    stop = true;
    for (auto& thread : threads)
        thread.join();
    for (int partition = 0; partition < 2; ++partition) {
        std::size_t offset = 0;
        const auto& mine = ledger[static_cast<std::size_t>(partition)];
        while (offset < mine.size()) {
            const auto result = logs.find_partition("t", partition)
                                    ->read(static_cast<std::int64_t>(offset), 1 << 20);
            ASSERT_FALSE(result.batches.empty());
            for (const auto& record : read_records(result.batches))
                ASSERT_EQ(record.value, mine.at(offset++));
        }
    }
    EXPECT_FALSE(logs.close());
}

TEST_F(group_commit_test, an_fsync_error_reaches_every_waiting_producer) {
    log_manager logs{disk, system_clock(), random, options};
    ASSERT_FALSE(logs.create_topic("t", 1, {}));
    const auto log = logs.find_partition("t", 0);
    disk.fail_syncs("/t-0/", 1);
    disk.hold_syncs(true);
    bell& failed = answers;
    for (int i = 0; i < 20; ++i) {
        bytes batch = make_batch({});
        log->when_durable(log->append(batch).ticket, [&](std::error_code ec) {
            if (ec == log_errc::read_only)
                failed.ring();
        });
    }
    disk.hold_syncs(false);
    failed.wait_for(20);
    EXPECT_EQ(log->offsets().high_watermark, 0);
}

TEST_F(group_commit_test, damage_that_is_found_during_a_flush_reaches_every_waiting_producer) {
    options.witness_sync = std::chrono::hours{1}; // the sync that is held is the flush's
    log_manager logs{disk, system_clock(), random, options};
    ASSERT_FALSE(logs.create_topic("t", 1, {}));
    const auto log = logs.find_partition("t", 0);
    std::error_code heard;
    const auto send = [&] {
        bytes batch = make_batch({});
        log->when_durable(log->append(batch).ticket, [&](std::error_code ec) {
            heard = ec;
            answers.ring();
        });
    };
    send();
    answers.wait_for(1);
    disk.hold_syncs(true);
    send();
    disk.await_held_sync();
    disk.flip_bit("/data/t-0/00000000000000000000.log", 70, 0);
    EXPECT_EQ(log->read(0, 100).error, log_errc::corrupt_data);
    disk.hold_syncs(false);
    answers.wait_for(2);
    EXPECT_EQ(heard, log_errc::quarantined);
}

TEST_F(group_commit_test, the_destructor_answers_who_still_waits) {
    bell& closed = answers;
    {
        log_manager logs{disk, system_clock(), random, options};
        ASSERT_FALSE(logs.create_topic("t", 1, {{"flush.messages", "1"}}));
        disk.hold_syncs(true);
        for (int i = 0; i < 5; ++i) {
            bytes batch = make_batch({});
            const auto log = logs.find_partition("t", 0);
            log->when_durable(log->append(batch).ticket, [&](std::error_code) { closed.ring(); });
        }
        disk.hold_syncs(false);
    }
    EXPECT_EQ(closed.count(), 5);
}

} // namespace
} // namespace outbox::broker
