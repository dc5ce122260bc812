#include "tests/broker/log/fixture.hpp"

#include "wire/record_batch.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <thread>

namespace outbox::broker {
namespace {

struct partition_log_test : ::testing::Test, log_fixture {
    void SetUp() override {
        open();
        create("t");
    }
};

TEST_F(partition_log_test, offsets_are_dense_and_batches_come_back_as_they_were) {
    EXPECT_EQ(append(batch_of{.values = {"a", "b", "c"}}).base_offset, 0);
    EXPECT_EQ(append("d").base_offset, 3);
    logs->flush_pending();
    EXPECT_EQ(values(), (std::vector<std::string>{"a", "b", "c", "d"}));
    const auto result = log()->read(0, 1 << 20);
    const wire::batch_header header = *wire::read_batch_header(result.batches);
    EXPECT_EQ(header.base_offset, 0);
    EXPECT_EQ(header.partition_leader_epoch, logs->leader_epoch());
    // Apart from those two fields every byte is the producer's.
    bytes expected = make_batch({.values = {"a", "b", "c"}});
    EXPECT_EQ(
        bytes_view{result.batches}.substr(16, expected.size() - 16),
        bytes_view{expected}.substr(16)
    );
}

TEST_F(partition_log_test, reads_give_whole_batches_from_the_one_with_the_offset) {
    append(batch_of{.values = {"a", "b", "c"}});
    append(batch_of{.values = {std::string(1000, 'x')}});
    append("d");
    logs->flush_pending();
    EXPECT_EQ(read_records(log()->read(1, 1).batches).size(), 3U)
        << "at least one, whatever its size";
    EXPECT_EQ(read_records(log()->read(2, 200).batches).size(), 3U) << "no part of the next";
    EXPECT_EQ(read_records(log()->read(2, 1 << 20).batches).size(), 5U);
    EXPECT_EQ(read_records(log()->read(4, 1 << 20).batches).front().value, "d");
    EXPECT_TRUE(log()->read(5, 1 << 20).batches.empty());
    EXPECT_FALSE(log()->read(5, 1 << 20).error);
    EXPECT_EQ(log()->read(6, 1 << 20).error, log_errc::offset_out_of_range);
    EXPECT_EQ(log()->read(-1, 1 << 20).error, log_errc::offset_out_of_range);
}

TEST_F(partition_log_test, a_first_batch_that_need_not_be_given_is_not_read_either) {
    acked(std::string(900'000, 'x'));
    const auto before = disk->read_bytes();
    for (int i = 0; i < 10; ++i) {
        const auto result = log()->read(0, 800'000, first_batch::if_it_fits);
        EXPECT_FALSE(result.error);
        EXPECT_TRUE(result.batches.empty());
        EXPECT_EQ(result.high_watermark, 1);
    }
    EXPECT_LT(disk->read_bytes() - before, 200'000U) << "heads";
    EXPECT_FALSE(log()->read(0, 1'000'000, first_batch::if_it_fits).batches.empty());
    EXPECT_FALSE(log()->read(0, 100, first_batch::always).batches.empty());
}

TEST_F(partition_log_test, nothing_is_seen_before_it_is_on_disk) {
    bool is_acked = false;
    const auto result = append("a");
    log()->when_durable(result.ticket, [&](std::error_code ec) { is_acked = !ec; });
    EXPECT_FALSE(is_acked);
    EXPECT_EQ(log()->offsets().high_watermark, 0);
    EXPECT_EQ(log()->offsets().log_end, 1);
    EXPECT_TRUE(log()->read(0, 1000).batches.empty());
    EXPECT_FALSE(log()->read(1, 1000).error) << "between watermark and end: wait, do not reset";
    logs->flush_pending();
    EXPECT_TRUE(is_acked);
    EXPECT_EQ(values(), (std::vector<std::string>{"a"}));
}

TEST_F(partition_log_test, one_flush_serves_all_that_wait) {
    int acked_count = 0;
    for (int i = 0; i < 100; ++i)
        log()->when_durable(append("a").ticket, [&](std::error_code) { ++acked_count; });
    const auto before = disk->file_syncs();
    EXPECT_TRUE(logs->flush_pending());
    EXPECT_EQ(disk->file_syncs() - before, 1U);
    EXPECT_EQ(acked_count, 100);
    EXPECT_FALSE(logs->flush_pending());
}

TEST_F(partition_log_test, async_mode_acknowledges_at_once_and_flushes_when_due) {
    create("async", {{"flush.messages", "1000"}, {"flush.ms", "500"}});
    int progress = 0;
    const auto result = append("a", "async");
    log("async")->when_durable(result.ticket, [&](std::error_code ec) {
        progress += ec ? 100 : 1;
    });
    EXPECT_EQ(progress, 1);
    EXPECT_EQ(values("async"), (std::vector<std::string>{"a"}));
    EXPECT_FALSE(logs->flush_pending());
    time.advance(std::chrono::milliseconds{500});
    EXPECT_TRUE(logs->flush_pending());
    EXPECT_FALSE(logs->flush_pending());
}

TEST_F(partition_log_test, malformed_batches_are_refused) {
    bytes batch = make_batch({});
    bytes longer = batch + "x";
    EXPECT_EQ(log()->append(longer).error, log_errc::malformed_batch);
    bytes shorter = batch.substr(0, 60);
    EXPECT_EQ(log()->append(shorter).error, log_errc::malformed_batch);
    bytes old_magic = batch;
    old_magic[16] = 1;
    EXPECT_EQ(log()->append(old_magic).error, log_errc::malformed_batch);
    bytes two = batch + batch;
    EXPECT_EQ(log()->append(two).error, log_errc::malformed_batch);
    create("small", {{"segment.bytes", "1024"}});
    EXPECT_EQ(append(std::string(2000, 'x'), "small").error, log_errc::batch_too_large);
    EXPECT_EQ(log()->offsets().log_end, 0);
}

TEST_F(partition_log_test, segments_roll_by_size_and_reads_cross_them) {
    create("small", {{"segment.bytes", "1024"}, {"index.interval.bytes", "0"}});
    std::vector<std::string> expected;
    for (int i = 0; i < 200; ++i) {
        expected.push_back("value " + std::to_string(i));
        ASSERT_EQ(acked(expected.back(), "small"), i);
    }
    EXPECT_EQ(values("small"), expected);
    const auto files = disk->files();
    const auto count = std::count_if(files.begin(), files.end(), [](const std::string& f) {
        return f.starts_with("/data/small-0/") && f.ends_with(".log");
    });
    EXPECT_GT(count, 10);
    for (std::int64_t offset = 0; offset < 200; ++offset)
        ASSERT_EQ(read_records(log("small")->read(offset, 1).batches)[0].offset, offset);
    // The same after every kind of stop.
    stop_cleanly();
    open();
    EXPECT_TRUE(logs->recovery().clean);
    EXPECT_EQ(values("small"), expected);
    kill_and_open();
    EXPECT_FALSE(logs->recovery().clean);
    EXPECT_EQ(values("small"), expected);
    cut_power(unsynced::dropped);
    open();
    EXPECT_EQ(values("small"), expected);
    for (std::int64_t offset = 0; offset < 200; ++offset)
        ASSERT_EQ(read_records(log("small")->read(offset, 1).batches)[0].offset, offset);
    EXPECT_EQ(acked("more", "small"), 200);
}

TEST_F(partition_log_test, segments_roll_by_the_age_of_the_records_not_by_the_wall_clock) {
    create("aged", {{"segment.ms", "1000"}});
    for (const std::int64_t timestamp : {0, 10, 500, 1000, 990, 1001, 1500, 2001, 2002})
        append(batch_of{.timestamp_ms = timestamp}, "aged");
    std::vector<std::string> segments;
    for (const std::string& file : disk->files()) {
        if (file.starts_with("/data/aged-0/"))
            segments.push_back(file.substr(13));
    }
    EXPECT_EQ(
        segments,
        (std::vector<std::string>{
            "00000000000000000000.log",
            "00000000000000000005.log",
            "00000000000000000008.log"})
    );
}

TEST_F(partition_log_test, indexes_are_rebuilt_when_missing_or_insane) {
    create("small", {{"segment.bytes", "2048"}, {"index.interval.bytes", "100"}});
    for (int i = 0; i < 100; ++i)
        acked("value " + std::to_string(i), "small");
    const auto expected = values("small");
    stop_cleanly();
    int number = 0;
    for (const std::string& file : disk->files()) {
        if (!file.ends_with("index"))
            continue;
        switch (number++ % 4) {
        case 0: {
            std::error_code ec;
            disk->unlink(file, ec);
            break;
        }
        case 1:
            disk->set_content(file, "garbage");
            break;
        case 2:
            disk->set_content(file, bytes(disk->content(file).size(), '\0'));
            break;
        default: // plausible and wrong
            disk->flip_bit(file, 7, 3);
        }
    }
    open();
    EXPECT_TRUE(logs->recovery().quarantined.empty());
    EXPECT_EQ(values("small"), expected);
    for (std::int64_t offset = 0; offset < 100; ++offset)
        ASSERT_EQ(read_records(log("small")->read(offset, 1).batches)[0].offset, offset);
    EXPECT_EQ(acked("more", "small"), 100);
}

TEST_F(partition_log_test, a_wrong_index_while_running_costs_time_only) {
    create("small", {{"segment.bytes", "2048"}, {"index.interval.bytes", "100"}});
    for (int i = 0; i < 100; ++i)
        acked("value " + std::to_string(i), "small");
    for (const std::string& file : disk->files()) {
        if (file.ends_with(".index"))
            disk->flip_bit(file, 15, 2);
    }
    for (std::int64_t offset = 0; offset < 100; ++offset)
        ASSERT_EQ(read_records(log("small")->read(offset, 1).batches)[0].offset, offset);
    EXPECT_EQ(log("small")->health(), partition_health::serving);
}

TEST_F(partition_log_test, retention_by_size_and_time_removes_whole_closed_segments) {
    create(
        "small",
        {{"segment.bytes", "1024"}, {"retention.bytes", "3000"}, {"retention.ms", "-1"}}
    );
    for (int i = 0; i < 100; ++i)
        acked("value " + std::to_string(i), "small");
    const auto reader_before = log("small")->read(0, 100);
    time.advance(std::chrono::minutes{6});
    logs->run_housekeeping();
    const auto start = log("small")->offsets().log_start;
    EXPECT_GT(start, 0);
    EXPECT_LE(log("small")->size_bytes(), 3000 + 1024);
    EXPECT_EQ(log("small")->read(0, 100).error, log_errc::offset_out_of_range);
    EXPECT_EQ(records("small").front().offset, start);
    kill_and_open();
    EXPECT_EQ(log("small")->offsets().log_start, start);
    EXPECT_TRUE(logs->recovery().quarantined.empty());

    // By time, all of it: the timestamps of make_batch() are the manual clock's beginning.
    create("aged", {{"segment.bytes", "1024"}, {"retention.ms", "60000"}});
    for (int i = 0; i < 100; ++i)
        acked("value " + std::to_string(i), "aged");
    time.advance(std::chrono::minutes{6});
    logs->run_housekeeping();
    logs->flush_pending();
    time.advance(std::chrono::minutes{6});
    logs->run_housekeeping();
    EXPECT_EQ(log("aged")->offsets().log_start, 100);
    EXPECT_EQ(log("aged")->offsets().high_watermark, 100);
    EXPECT_EQ(acked("more", "aged"), 100);
    cut_power(unsynced::dropped);
    open();
    EXPECT_EQ(values("aged"), (std::vector<std::string>{"more"}));
}

TEST_F(partition_log_test, delete_records_moves_the_start_durably) {
    for (int i = 0; i < 10; ++i)
        acked(std::to_string(i));
    std::int64_t start = -1;
    EXPECT_EQ(log()->delete_records(11, start), log_errc::offset_out_of_range);
    EXPECT_FALSE(log()->delete_records(4, start));
    EXPECT_EQ(start, 4);
    EXPECT_FALSE(log()->delete_records(2, start));
    EXPECT_EQ(start, 4) << "never back";
    cut_power(unsynced::dropped);
    open();
    EXPECT_EQ(log()->offsets().log_start, 4);
    EXPECT_EQ(values().front(), "4");
    EXPECT_FALSE(log()->delete_records(-1, start));
    EXPECT_EQ(start, 10);
}

TEST_F(partition_log_test, a_timestamp_finds_the_first_batch_that_reaches_it) {
    create("small", {{"segment.bytes", "1024"}, {"index.interval.bytes", "100"}});
    // Not ascending: 10, 20, 15, 30, 25, 40 …
    std::vector<std::int64_t> times;
    for (int i = 0; i < 100; ++i) {
        times.push_back(i % 2 == 0 ? 1000 + i * 10 : 1000 + i * 10 - 5);
        append(batch_of{.values = {std::to_string(i)}, .timestamp_ms = times.back()}, "small");
    }
    logs->flush_pending();
    const auto check = [&] {
        for (std::int64_t wanted = 990; wanted < 2000; wanted += 7) {
            const auto first = std::find_if(times.begin(), times.end(), [&](std::int64_t t) {
                return t >= wanted;
            });
            const auto found = log("small")->find_timestamp(wanted);
            ASSERT_FALSE(found.error);
            if (first == times.end()) {
                ASSERT_TRUE(found.batch.empty());
                continue;
            }
            ASSERT_EQ(found.base_offset, first - times.begin()) << wanted;
            ASSERT_EQ(found.max_timestamp_ms, *first);
        }
        const auto largest = std::max_element(times.begin(), times.end());
        EXPECT_EQ(log("small")->find_max_timestamp().base_offset, largest - times.begin());
    };
    check();
    stop_cleanly();
    open();
    check();
    kill_and_open();
    check();
    EXPECT_TRUE(log("t")->find_timestamp(0).batch.empty());
    EXPECT_TRUE(log("t")->find_max_timestamp().batch.empty());
}

TEST_F(partition_log_test, the_largest_timestamp_is_found_in_a_few_reads_while_somebody_writes) {
    const auto send = [&](std::int64_t at_ms) {
        append(batch_of{.values = {std::string(200, 'x')}, .timestamp_ms = at_ms});
    };
    for (int i = 0; i < 500; ++i)
        send(i == 321 ? 5000 : 1000 + i);
    logs->flush_pending();
    send(9000); // not to be read yet
    const auto before = disk->reads();
    const auto found = log()->find_max_timestamp();
    EXPECT_EQ(found.base_offset, 321);
    EXPECT_EQ(found.max_timestamp_ms, 5000);
    EXPECT_LE(disk->reads() - before, 6U);
    logs->flush_pending();
    EXPECT_EQ(log()->find_max_timestamp().base_offset, 500);
    // What was deleted no longer counts.
    std::int64_t start = 0;
    ASSERT_FALSE(log()->delete_records(-1, start));
    EXPECT_TRUE(log()->find_max_timestamp().batch.empty());
    send(7000);
    send(7000);
    logs->flush_pending();
    EXPECT_EQ(log()->find_max_timestamp().base_offset, 501) << "the first that has it";
}

TEST_F(partition_log_test, any_timestamp_may_come) {
    using limits = std::numeric_limits<std::int64_t>;
    append(batch_of{.timestamp_ms = 1000});
    append(batch_of{.timestamp_ms = limits::min()});
    const auto files = disk->files();
    EXPECT_EQ(std::ranges::count(files, "/data/t-0/00000000000000000001.log", {}), 0)
        << "older is no reason to roll";
    append(batch_of{.timestamp_ms = limits::max()});
    append(batch_of{.timestamp_ms = 2000});
    logs->flush_pending();
    EXPECT_EQ(log()->find_max_timestamp().base_offset, 2);
    EXPECT_EQ(log()->find_timestamp(limits::max()).base_offset, 2);
    EXPECT_EQ(log()->find_timestamp(1001).base_offset, 2);
}

TEST_F(partition_log_test, leader_epochs_grow_with_each_start) {
    acked("a"); // epoch 1
    kill_and_open();
    kill_and_open(); // epoch 3
    acked("b");
    acked("c");
    const auto epochs = [&] {
        std::vector<std::int32_t> all;
        for (std::int64_t offset = 0; offset < 3; ++offset)
            all.push_back(
                wire::read_batch_header(log()->read(offset, 1).batches)->partition_leader_epoch
            );
        return all;
    };
    EXPECT_EQ(logs->leader_epoch(), 3);
    EXPECT_EQ(epochs(), (std::vector<std::int32_t>{1, 3, 3}));
    // The file of epochs is a cache.
    kill();
    disk->set_content("/data/leader-epochs", "nonsense");
    open();
    EXPECT_EQ(values(), (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(epochs(), (std::vector<std::int32_t>{1, 3, 3}));
}

TEST_F(partition_log_test, idempotence_survives_every_stop) {
    create("small", {{"segment.bytes", "1024"}});
    std::int32_t sequence = 0;
    const auto send = [&](std::int32_t at) {
        return append(
            batch_of{
                .values = {std::to_string(at)},
                .producer_id = 5,
                .producer_epoch = 0,
                .base_sequence = at,
            },
            "small"
        );
    };
    for (int round = 0; round < 6; ++round) {
        for (int i = 0; i < 20; ++i) {
            ASSERT_EQ(send(sequence).base_offset, sequence);
            ++sequence;
        }
        logs->flush_pending();
        switch (round % 3) {
        case 0:
            stop_cleanly();
            break;
        case 1:
            kill();
            break;
        default:
            cut_power(unsynced::dropped);
        }
        if (round >= 3) { // and without the snapshots
            for (const std::string& file : disk->files()) {
                std::error_code ec;
                if (file.ends_with(".producers"))
                    disk->unlink(file, ec);
            }
        }
        open();
        for (std::int32_t again = sequence - 5; again < sequence; ++again) {
            const auto result = send(again);
            ASSERT_TRUE(result.duplicate);
            ASSERT_EQ(result.base_offset, again);
        }
        ASSERT_EQ(send(sequence + 1).error, log_errc::out_of_order_sequence);
    }
    EXPECT_EQ(values("small").size(), 120U);
}

TEST_F(partition_log_test, a_producer_goes_on_though_all_that_it_wrote_is_deleted) {
    create("small", {{"segment.bytes", "1024"}, {"retention.ms", "60000"}});
    const auto send = [&](std::int32_t sequence) {
        const auto result = append(
            batch_of{.producer_id = 5, .producer_epoch = 0, .base_sequence = sequence},
            "small"
        );
        logs->flush_pending();
        return result;
    };
    for (std::int32_t i = 0; i < 20; ++i)
        ASSERT_EQ(send(i).base_offset, i);
    time.advance(std::chrono::minutes{6});
    logs->run_housekeeping();
    logs->flush_pending();
    ASSERT_EQ(log("small")->offsets().log_start, 20);
    kill_and_open();
    const auto result = send(20);
    EXPECT_FALSE(result.error) << result.error.message();
    EXPECT_EQ(result.base_offset, 20);
}

TEST_F(partition_log_test, a_retry_of_an_unflushed_batch_waits_for_the_flush_too) {
    const batch_of what{.values = {"a"}, .producer_id = 5, .producer_epoch = 0, .base_sequence = 0};
    append(what);
    const auto again = append(what);
    EXPECT_TRUE(again.duplicate);
    bool is_acked = false;
    log()->when_durable(again.ticket, [&](std::error_code ec) { is_acked = !ec; });
    EXPECT_FALSE(is_acked);
    logs->flush_pending();
    EXPECT_TRUE(is_acked);
    EXPECT_EQ(values().size(), 1U);
}

TEST_F(partition_log_test, agrees_with_a_map_whatever_is_done_to_it) {
    seeded_random dice{20261121};
    std::map<std::int64_t, std::string> model;
    std::int64_t model_start = 0;
    create("small", {{"segment.bytes", "1500"}, {"index.interval.bytes", "200"}});
    for (int step = 0; step < 3000; ++step) {
        const auto what = dice.below(100);
        if (what < 60) {
            batch_of batch{.values = {}};
            for (std::uint64_t n = 1 + dice.below(4); n > 0; --n)
                batch.values.push_back(
                    std::string(dice.below(60), static_cast<char>('a' + dice.below(26)))
                );
            const auto result = append(batch, "small");
            ASSERT_FALSE(result.error);
            for (std::size_t i = 0; i < batch.values.size(); ++i)
                model[result.base_offset + static_cast<std::int64_t>(i)] = batch.values[i];
            if (dice.below(3) != 0)
                logs->flush_pending();
        } else if (what < 95 && !model.empty()) {
            const auto offsets = log("small")->offsets();
            const auto offset =
                model_start + static_cast<std::int64_t>(dice.below(
                                  static_cast<std::uint64_t>(offsets.log_end - model_start + 1)
                              ));
            const auto result = log("small")->read(offset, dice.below(3000));
            ASSERT_FALSE(result.error)
                << result.error.message() << " at " << offset << " of " << offsets.log_start << ".."
                << offsets.high_watermark << ".." << offsets.log_end << " step " << step;
            ASSERT_EQ(result.batches.empty(), offset >= offsets.high_watermark);
            std::int64_t expected = -1;
            for (const auto& record : read_records(result.batches)) {
                ASSERT_TRUE(expected < 0 || record.offset == expected);
                expected = record.offset + 1;
                ASSERT_LT(record.offset, offsets.high_watermark);
                ASSERT_EQ(model.at(record.offset), record.value);
            }
        } else if (what < 97) {
            logs->flush_pending();
            std::int64_t start = 0;
            const auto limit = log("small")->offsets().high_watermark;
            const auto to =
                model_start + static_cast<std::int64_t>(
                                  dice.below(static_cast<std::uint64_t>(limit - model_start + 1))
                              ) / 4;
            ASSERT_FALSE(log("small")->delete_records(to, start));
            model_start = start;
        } else if (what < 98) {
            stop_cleanly();
            open();
        } else if (what < 99) {
            kill_and_open();
        } else {
            logs->flush_pending();
            cut_power(unsynced::torn);
            open();
        }
        ASSERT_EQ(log("small")->offsets().log_end, model.empty() ? 0 : model.rbegin()->first + 1);
        ASSERT_EQ(log("small")->offsets().log_start, model_start);
    }
}

TEST_F(partition_log_test, a_reader_of_a_deleted_topic_is_told_and_nothing_breaks) {
    acked("a");
    const auto held = log();
    bool was_told = false;
    held->when_durable(append("b").ticket, [&](std::error_code ec) {
        was_told = ec == log_errc::closed;
    });
    ASSERT_FALSE(logs->delete_topic("t"));
    EXPECT_TRUE(was_told);
    EXPECT_EQ(held->read(0, 100).error, log_errc::closed);
    bytes batch = make_batch({});
    EXPECT_EQ(held->append(batch).error, log_errc::closed);
    EXPECT_EQ(held->health(), partition_health::closed);
}

TEST_F(partition_log_test, retention_of_a_deleted_topic_does_nothing_to_the_one_that_has_its_name) {
    const config_overrides one_batch_each{{"segment.bytes", "1024"}};
    create("small", one_batch_each);
    for (int i = 0; i < 3; ++i)
        ASSERT_EQ(acked(std::string(700, 'x'), "small"), i);
    time.advance(std::chrono::hours{24 * 8});
    // The batches are asked before they go. The first may; the second cannot be read any more.
    const std::string second = "/data/small-0/00000000000000000001.log";
    disk->before_next_read(second, [&] {
        disk->flip_bit(second, 16, 7);
        EXPECT_FALSE(logs->delete_topic("small"));
        create("small", one_batch_each);
    });
    logs->run_housekeeping();
    kill_and_open();
    EXPECT_EQ(log("small")->health(), partition_health::serving);
    EXPECT_EQ(acked("new", "small"), 0);
}

} // namespace
} // namespace outbox::broker
