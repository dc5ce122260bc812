#pragma once
// What every test of the log stands on: a simulated disk, a clock that stands still, and a broker's
// log that is opened, stopped and opened again.

#include "broker/log/log_manager.hpp"
#include "broker/log/testing/batches.hpp"
#include "broker/log/testing/simulated_disk.hpp"
#include "outbox/base/clock.hpp"
#include "outbox/base/random.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace outbox::broker {

using testing::batch_of;
using testing::make_batch;
using testing::read_record;
using testing::read_records;
using testing::simulated_disk;
using testing::unsynced;

struct log_fixture {
    static constexpr const char* directory = "/data";

    std::unique_ptr<simulated_disk> disk = std::make_unique<simulated_disk>();
    manual_clock time;
    seeded_random random{1};
    log_options options{.directory = directory, .committer = committer_mode::manual};
    std::unique_ptr<log_manager> logs;

    void open() { logs = std::make_unique<log_manager>(*disk, time, random, options); }
    /// As kill -9 does: what was written stays in the page cache.
    void kill() { logs.reset(); }
    void kill_and_open() {
        kill();
        open();
    }
    void stop_cleanly() {
        ASSERT_FALSE(logs->close());
        logs.reset();
    }
    void cut_power(unsynced what) {
        // The manager goes first: from its point of view the disk is gone.
        disk->cut_power_at(disk->steps());
        logs.reset();
        disk = disk->after_power_cut(what, random);
    }

    void
    create(const std::string& topic, const config_overrides& overrides = {}, int partitions = 1) {
        ASSERT_FALSE(logs->create_topic(topic, partitions, overrides));
    }
    std::shared_ptr<partition_log> log(const std::string& topic = "t", int partition = 0) const {
        return logs->find_partition(topic, partition);
    }
    append_result append(const batch_of& what, const std::string& topic = "t") const {
        bytes batch = make_batch(what);
        return log(topic)->append(batch);
    }
    append_result append(const std::string& value, const std::string& topic = "t") const {
        return append(batch_of{.values = {value}}, topic);
    }
    /// Appends and flushes; the base offset, or -1.
    std::int64_t acked(const std::string& value, const std::string& topic = "t") const {
        const auto result = append(value, topic);
        if (result.error)
            return -1;
        bool is_acked = false;
        log(topic)->when_durable(result.ticket, [&](std::error_code ec) { is_acked = !ec; });
        logs->flush_pending();
        return is_acked ? result.base_offset : -1;
    }
    /// Everything readable, from the log start on.
    std::vector<read_record> records(const std::string& topic = "t", int partition = 0) const {
        const auto from = log(topic, partition);
        std::vector<read_record> all;
        std::int64_t offset = from->offsets().log_start;
        while (true) {
            const auto result = from->read(offset, 1 << 16);
            if (result.error || result.batches.empty())
                return all;
            for (auto& record : read_records(result.batches)) {
                if (record.offset >= offset)
                    all.push_back(std::move(record));
            }
            offset = all.back().offset + 1;
        }
    }
    std::vector<std::string> values(const std::string& topic = "t") const {
        std::vector<std::string> all;
        for (auto& record : records(topic))
            all.push_back(std::move(record.value));
        return all;
    }
};

} // namespace outbox::broker
