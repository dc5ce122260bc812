// A disk that says no: a full one, a failing write, an fsync that fails once and then pretends.

#include "tests/broker/log/fixture.hpp"

#include "broker/log/errc.hpp"

namespace outbox::broker {
namespace {

struct disk_error_test : ::testing::Test, log_fixture {
    void SetUp() override {
        open();
        create("t");
        create("other");
        for (int i = 0; i < 5; ++i)
            ASSERT_EQ(acked(std::to_string(i)), i);
    }
};

TEST_F(disk_error_test, a_failed_fsync_ends_writing_to_that_partition_and_only_to_it) {
    disk->fail_syncs("/t-0/", 1);
    std::error_code answer;
    const auto result = append("lost");
    log()->when_durable(result.ticket, [&](std::error_code ec) { answer = ec; });
    logs->flush_pending();
    EXPECT_EQ(answer, log_errc::read_only);
    EXPECT_EQ(log()->health(), partition_health::read_only);
    EXPECT_EQ(append("x").error, log_errc::read_only);
    EXPECT_EQ(log()->offsets().high_watermark, 5);
    EXPECT_EQ(values().size(), 5U);
    EXPECT_EQ(acked("fine", "other"), 0);
}

TEST_F(disk_error_test, a_failed_fsync_is_never_tried_again_to_get_a_success) {
    disk->fail_syncs("/t-0/", 1);
    append("lost");
    logs->flush_pending();
    const auto before = disk->file_syncs();
    for (int i = 0; i < 3; ++i) {
        append("x");
        logs->flush_pending();
        time.advance(std::chrono::seconds{10});
    }
    EXPECT_EQ(disk->file_syncs(), before);
    EXPECT_TRUE(logs->close()) << "this is not a clean stop";
    EXPECT_EQ(disk->content("/data/clean-shutdown"), "");
}

TEST_F(
    disk_error_test,
    what_a_failed_fsync_left_in_the_cache_is_written_again_before_it_is_served
) {
    disk->fail_syncs("/t-0/", 1);
    append("perhaps");
    logs->flush_pending();
    kill_and_open(); // the page cache still holds the batch, though the disk never got it
    const auto served = values();
    EXPECT_EQ(acked("after"), static_cast<std::int64_t>(served.size()));
    cut_power(unsynced::dropped);
    open();
    auto expected = served;
    expected.push_back("after");
    EXPECT_EQ(values(), expected);
}

TEST_F(disk_error_test, tickets_taken_after_the_failure_fail_at_once) {
    const auto result = append("lost");
    disk->fail_syncs("/t-0/", 1);
    logs->flush_pending();
    std::error_code answer;
    log()->when_durable(result.ticket, [&](std::error_code ec) { answer = ec; });
    EXPECT_EQ(answer, log_errc::read_only);
}

TEST_F(disk_error_test, a_failed_directory_sync_after_a_roll_counts_like_a_failed_fsync) {
    create("small", {{"segment.bytes", "1024"}});
    ASSERT_EQ(acked(std::string(600, 'x'), "small"), 0);
    disk->fail_directory_syncs("small-0", 1);
    EXPECT_EQ(acked(std::string(600, 'y'), "small"), -1);
    EXPECT_EQ(log("small")->health(), partition_health::read_only);
    EXPECT_EQ(values("small").size(), 1U);
}

TEST_F(disk_error_test, a_failed_write_leaves_no_trace) {
    disk->fail_writes("/t-0/", 1);
    EXPECT_EQ(append(std::string(5000, 'x')).error, log_errc::read_only);
    EXPECT_EQ(append("x").error, log_errc::read_only);
    EXPECT_EQ(values().size(), 5U);
    kill_and_open();
    EXPECT_EQ(logs->recovery().torn_bytes_cut, 0);
    EXPECT_EQ(acked("after"), 5);
}

TEST_F(disk_error_test, a_full_disk_refuses_appends_serves_reads_and_recovers_by_itself) {
    disk->set_capacity(disk->used_bytes() + 3000);
    int refused = 0;
    int taken = 0;
    for (int i = 0; i < 200; ++i) {
        const auto result = append(std::string(900, 'x'));
        if (result.error) {
            EXPECT_EQ(result.error, log_errc::no_space);
            ++refused;
        } else {
            ++taken;
        }
    }
    EXPECT_GT(refused, 0);
    logs->flush_pending();
    EXPECT_EQ(values().size(), static_cast<std::size_t>(5 + taken));
    EXPECT_EQ(log()->health(), partition_health::serving);
    EXPECT_EQ(logs->create_topic("more", 4, {}), log_errc::no_space);
    disk->set_capacity(simulated_disk::never);
    EXPECT_EQ(acked("room again"), 5 + taken);
    create("more");
    cut_power(unsynced::torn);
    open();
    EXPECT_EQ(values().back(), "room again");
    EXPECT_EQ(values().size(), static_cast<std::size_t>(6 + taken));
}

TEST_F(disk_error_test, a_full_disk_at_a_roll_is_survived_too) {
    create("small", {{"segment.bytes", "1024"}});
    ASSERT_EQ(acked(std::string(600, 'x'), "small"), 0);
    disk->set_capacity(disk->used_bytes());
    EXPECT_EQ(append(std::string(600, 'y'), "small").error, log_errc::no_space);
    EXPECT_EQ(values("small").size(), 1U);
    disk->set_capacity(simulated_disk::never);
    EXPECT_EQ(acked(std::string(100, 'z'), "small"), 1);
    EXPECT_EQ(acked(std::string(600, 'y'), "small"), 2);
    kill_and_open();
    EXPECT_EQ(values("small").size(), 3U);
}

TEST_F(disk_error_test, every_place_where_a_sync_may_fail_keeps_the_promises) {
    for (int nth = 0; nth < 40; ++nth) {
        log_fixture run;
        run.open();
        run.create("small", {{"segment.bytes", "1024"}});
        std::vector<std::string> acked_values;
        for (int i = 0; i < 40; ++i) {
            if (i == nth)
                run.disk->fail_syncs("", 1);
            const std::string value = std::to_string(i) + std::string(100, 'x');
            if (run.acked(value, "small") >= 0)
                acked_values.push_back(value);
            run.time.advance(std::chrono::milliseconds{150});
            run.logs->run_housekeeping();
        }
        EXPECT_EQ(run.values("small"), acked_values);
        run.cut_power(unsynced::dropped);
        run.open();
        ASSERT_EQ(run.values("small"), acked_values) << nth;
    }
}

} // namespace
} // namespace outbox::broker
