// Bit rot. Damage to acknowledged data is found, said, never served, and never taken for the end of
// the log.

#include "tests/broker/log/fixture.hpp"

#include "broker/log/errc.hpp"
#include "broker/log/format.hpp"

namespace outbox::broker {
namespace {

enum class stop {
    clean,
    killed,
    power_cut,
};

struct damaged_story {
    log_fixture at;
    std::vector<std::string> written;

    damaged_story() = default;
    explicit damaged_story(stop how) {
        at.open();
        at.create("t", {{"segment.bytes", "1024"}, {"index.interval.bytes", "200"}});
        for (int i = 0; i < 12; ++i) {
            written.push_back("value number " + std::to_string(i) + std::string(130, 'x'));
            EXPECT_EQ(at.acked(written.back()), i);
            at.time.advance(std::chrono::milliseconds{200});
            at.logs->run_housekeeping();
            if (i == 5) // a second epoch
                at.kill_and_open();
        }
        if (how == stop::clean)
            at.stop_cleanly();
        else if (how == stop::killed)
            at.kill();
        else
            at.cut_power(unsynced::dropped);
    }

    /// After opening: everything served is right, in order from the start; says how many records
    /// there were.
    std::size_t served() {
        std::size_t count = 0;
        for (const auto& record : at.records()) {
            EXPECT_EQ(record.offset, static_cast<std::int64_t>(count));
            EXPECT_EQ(record.value, written.at(static_cast<std::size_t>(record.offset)));
            ++count;
        }
        return count;
    }
    bool is_reported() {
        return at.log()->health() == partition_health::quarantined &&
               at.log()->read(static_cast<std::int64_t>(served()), 100).error ==
                   log_errc::corrupt_data;
    }
};

damaged_story pattern_copy(const damaged_story& pattern) {
    damaged_story copy;
    copy.written = pattern.written;
    seeded_random unused{0};
    copy.at.disk = pattern.at.disk->after_power_cut(unsynced::kept, unused);
    return copy;
}

std::string name_of_stop(const ::testing::TestParamInfo<stop>& how) {
    switch (how.param) {
    case stop::clean:
        return "clean";
    case stop::killed:
        return "killed";
    case stop::power_cut:
        return "power_cut";
    }
    return "";
}

struct corruption_test : ::testing::TestWithParam<stop> {};

TEST_P(corruption_test, any_flipped_bit_in_any_segment_is_found_and_nothing_is_cut) {
    const damaged_story pattern{GetParam()};
    std::size_t flips = 0;
    for (const std::string& file : pattern.at.disk->files()) {
        if (!file.ends_with(".log"))
            continue;
        const bytes good = pattern.at.disk->content(file);
        const std::size_t used =
            good.find_last_not_of('\0') + 1; // behind it only zeros, filled ahead
        for (std::size_t byte = 0; byte < used; ++byte) {
            damaged_story run = pattern_copy(pattern);
            run.at.disk->flip_bit(file, byte, static_cast<int>((byte * 7 + 3) % 8));
            const bytes damaged = run.at.disk->content(file);
            run.at.open();
            const std::size_t count = run.served();
            ASSERT_LT(count, run.written.size()) << file << " byte " << byte;
            ASSERT_TRUE(run.is_reported()) << file << " byte " << byte;
            bytes batch = make_batch({});
            ASSERT_EQ(run.at.log()->append(batch).error, log_errc::quarantined);
            ASSERT_EQ(run.at.disk->content(file), damaged) << "evidence is not touched";
            ++flips;
            // Nor by the next start.
            if (byte % 16 == 0) {
                run.at.kill_and_open();
                ASSERT_EQ(run.served(), count);
                ASSERT_TRUE(run.is_reported());
                ASSERT_EQ(run.at.disk->content(file), damaged);
            }
        }
    }
    RecordProperty("flips", std::to_string(flips));
    EXPECT_GT(flips, 2000U);
}

TEST_P(corruption_test, a_lost_or_exchanged_piece_is_found) {
    const damaged_story pattern{GetParam()};
    std::vector<std::string> segments;
    for (const std::string& file : pattern.at.disk->files()) {
        if (file.ends_with(".log"))
            segments.push_back(file);
    }
    ASSERT_GE(segments.size(), 3U);
    const auto must_be_found = [&](const std::string& what, auto&& damage) {
        SCOPED_TRACE(what);
        damaged_story run = pattern_copy(pattern);
        damage(*run.at.disk);
        run.at.open();
        EXPECT_LT(run.served(), run.written.size());
        EXPECT_TRUE(run.is_reported());
    };
    for (const std::string& file : segments) {
        const bytes content = pattern.at.disk->content(file);
        must_be_found("missing " + file, [&](simulated_disk& d) {
            std::error_code ec;
            d.unlink(file, ec);
        });
        must_be_found("empty " + file, [&](simulated_disk& d) { d.set_content(file, ""); });
        for (std::size_t at = 0; at < 512; at += 100)
            must_be_found("cut " + file, [&](simulated_disk& d) {
                d.set_content(file, bytes_view{content}.substr(0, at));
            });
        must_be_found("a sector of zeros in " + file, [&](simulated_disk& d) {
            bytes zeroed = content;
            zeroed.replace(0, 512, bytes(512, '\0'));
            d.set_content(file, zeroed);
        });
    }
    must_be_found("exchanged segments", [&](simulated_disk& d) {
        const bytes first = d.content(segments[0]);
        d.set_content(segments[0], d.content(segments[1]));
        d.set_content(segments[1], first);
    });
    must_be_found("the whole directory", [&](simulated_disk& d) {
        std::error_code ec;
        for (const std::string& file : d.files()) {
            if (file.starts_with("/data/t-0/"))
                d.unlink(file, ec);
        }
        d.remove_directory("/data/t-0", ec);
    });
}

TEST_P(corruption_test, damage_in_the_caches_costs_nothing) {
    const damaged_story pattern{GetParam()};
    for (const std::string& file : pattern.at.disk->files()) {
        if (!file.ends_with("index") && !file.ends_with(".producers") &&
            !file.ends_with("leader-epochs") && !file.ends_with("clean-shutdown") &&
            !file.ends_with("durable-offsets"))
            continue;
        const std::size_t size = pattern.at.disk->content(file).size();
        for (std::size_t byte = 0; byte < size; ++byte) {
            damaged_story run = pattern_copy(pattern);
            run.at.disk->flip_bit(file, byte, static_cast<int>(byte % 8));
            run.at.open();
            ASSERT_EQ(run.served(), run.written.size()) << file << " byte " << byte;
            ASSERT_EQ(run.at.log()->health(), partition_health::serving)
                << file << " byte " << byte;
            ASSERT_EQ(run.at.acked("more"), 12);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(
    stops,
    corruption_test,
    ::testing::Values(stop::clean, stop::killed, stop::power_cut),
    name_of_stop
);

struct running_corruption_test : ::testing::Test, log_fixture {};

TEST_F(running_corruption_test, a_bit_that_flips_under_a_running_broker_is_never_served) {
    open();
    create("t", {{"index.interval.bytes", "200"}});
    std::vector<std::string> written;
    for (int i = 0; i < 6; ++i) {
        written.push_back("value " + std::to_string(i) + std::string(100, 'y'));
        acked(written.back());
    }
    const std::string file = "/data/t-0/00000000000000000000.log";
    const std::size_t size = static_cast<std::size_t>(log()->size_bytes());
    for (std::size_t byte = 0; byte < size; ++byte) {
        kill_and_open();
        disk->flip_bit(file, byte, 0);
        std::size_t count = 0;
        for (const auto& record : records())
            ASSERT_EQ(record.value, written.at(count++));
        ASSERT_LT(count, written.size());
        ASSERT_EQ(log()->health(), partition_health::quarantined);
        ASSERT_EQ(append("x").error, log_errc::quarantined);
        disk->flip_bit(file, byte, 0);
    }
}

TEST_F(running_corruption_test, who_waits_for_the_disk_hears_of_damage_that_a_reader_finds) {
    int announced = 0;
    options.on_progress = [&](const std::shared_ptr<partition_log>&) { ++announced; };
    open();
    create("t");
    acked("a");
    std::vector<std::error_code> heard;
    log()->when_durable(append("b").ticket, [&](std::error_code ec) { heard.push_back(ec); });
    disk->flip_bit("/data/t-0/00000000000000000000.log", 65, 0);
    announced = 0;
    EXPECT_EQ(log()->read(0, 100).error, log_errc::corrupt_data);
    EXPECT_EQ(announced, 1) << "fetches that wait at the end look again";
    logs->flush_pending();
    EXPECT_EQ(heard, std::vector{make_error_code(log_errc::quarantined)});
    kill();
    EXPECT_EQ(heard.size(), 1U);
}

TEST_F(running_corruption_test, a_torn_tail_is_cut_and_not_called_damage) {
    open();
    create("t");
    acked("a");
    const std::size_t before = static_cast<std::size_t>(log()->size_bytes());
    append(std::string(3000, 'b'));
    const std::string file = "/data/t-0/00000000000000000000.log";
    const bytes whole = disk->content(file);
    const std::size_t end = static_cast<std::size_t>(log()->size_bytes());
    kill();
    const auto image = disk->after_power_cut(unsynced::kept, random);
    // Every sector boundary as the end of what reached the disk, with and without the file's new
    // size.
    for (std::size_t cut = (before / 512) * 512 + 512; cut < end; cut += 512) {
        for (const bool keeps_size : {true, false}) {
            disk = image->after_power_cut(unsynced::kept, random);
            bytes torn = whole.substr(0, cut);
            if (keeps_size)
                torn.resize(whole.size(), '\0');
            disk->set_content(file, torn);
            open();
            ASSERT_EQ(log()->health(), partition_health::serving) << cut;
            ASSERT_EQ(values(), (std::vector<std::string>{"a"})) << cut;
            ASSERT_GT(logs->recovery().torn_bytes_cut, 0);
            ASSERT_EQ(acked("c"), 1);
            kill();
        }
    }
}

TEST_F(
    running_corruption_test,
    damage_right_after_the_acknowledgement_is_found_even_after_a_power_cut
) {
    // The witness of the last batch was never synced; what tells is that no sector of the batch is
    // missing.
    open();
    create("t");
    acked(std::string(700, 'a'));
    const auto before = static_cast<std::size_t>(log()->size_bytes());
    acked(std::string(700, 'b'));
    const auto end = static_cast<std::size_t>(log()->size_bytes());
    cut_power(unsynced::dropped);
    const auto image = disk->after_power_cut(unsynced::kept, random);
    const std::string file = "/data/t-0/00000000000000000000.log";
    for (std::size_t byte = before; byte < end; ++byte) {
        if (byte >= before + 8 && byte < before + 12)
            continue; // a length that points beyond the file looks like a torn tail: FORMAT.md
        disk = image->after_power_cut(unsynced::kept, random);
        disk->flip_bit(file, byte, static_cast<int>(byte % 8));
        open();
        ASSERT_EQ(log()->health(), partition_health::quarantined) << "byte " << byte - before;
        ASSERT_EQ(values().size(), 1U);
        kill();
    }
}

TEST_F(running_corruption_test, a_person_may_accept_the_loss) {
    open();
    create("t", {{"segment.bytes", "1024"}});
    for (int i = 0; i < 20; ++i)
        acked(std::string(200, static_cast<char>('a' + i)));
    kill();
    std::string victim;
    for (const std::string& file : disk->files()) {
        if (file.ends_with(".log") && file.find("/t-0/") != std::string::npos && victim.empty() &&
            !file.ends_with("00000000000000000000.log"))
            victim = file;
    }
    disk->flip_bit(victim, 300, 1);
    open();
    ASSERT_EQ(log()->health(), partition_health::quarantined);
    const auto kept = values();
    ASSERT_GT(kept.size(), 2U);
    ASSERT_LT(kept.size(), 20U);
    kill();
    disk->set_content("/data/t-0/accept-data-loss", "");
    for (int round = 0; round < 2; ++round) {
        open();
        ASSERT_EQ(log()->health(), partition_health::serving);
        ASSERT_EQ(values(), kept);
        cut_power(unsynced::dropped);
    }
    open();
    EXPECT_EQ(acked("new life"), static_cast<std::int64_t>(kept.size()));
    const auto all = disk->files();
    EXPECT_EQ(std::count(all.begin(), all.end(), "/data/t-0/accept-data-loss"), 0);
}

} // namespace
} // namespace outbox::broker
