// Any bytes in the place of a file of the data directory, or strewn over one: the start must refuse
// in words or serve, and what it serves is whole, in order, and the same at the next start.

#include "broker/log/log_manager.hpp"
#include "broker/log/testing/batches.hpp"
#include "broker/log/testing/simulated_disk.hpp"
#include "outbox/base/error.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace outbox;
using namespace outbox::broker;

log_options options() {
    return {.directory = "/data", .committer = committer_mode::manual};
}

/// A directory with closed segments, indexes, snapshots and two epochs.
std::unique_ptr<testing::simulated_disk> make_directory(bool clean) {
    auto disk = std::make_unique<testing::simulated_disk>();
    manual_clock time;
    seeded_random random{1};
    for (int round = 0; round < 2; ++round) {
        log_manager logs{*disk, time, random, options()};
        (void
        )logs.create_topic("t", 1, {{"segment.bytes", "1024"}, {"index.interval.bytes", "100"}});
        for (std::int32_t i = 0; i < 12; ++i) {
            bytes batch = testing::make_batch({
                .values = {std::string(60, static_cast<char>('a' + i))},
                .producer_id = 3,
                .producer_epoch = 0,
                .base_sequence = round * 12 + i,
            });
            (void)logs.find_partition("t", 0)->append(batch);
            logs.flush_pending();
        }
        if (clean)
            (void)logs.close();
    }
    return disk;
}

/// What can be read, or nothing if the start was refused.
std::vector<testing::read_record> read_all_records(testing::simulated_disk& disk) {
    manual_clock time;
    seeded_random random{2};
    try {
        log_manager logs{disk, time, random, options()};
        std::vector<testing::read_record> all;
        const auto log = logs.find_partition("t", 0);
        if (!log)
            return all;
        (void)log->find_timestamp(0);
        (void)log->find_max_timestamp();
        std::int64_t offset = log->offsets().log_start;
        while (true) {
            const auto result = log->read(offset, 500);
            if (result.error || result.batches.empty())
                break;
            for (auto& record : testing::read_records(result.batches)) {
                if (record.offset < offset)
                    continue;
                if (record.offset != offset++)
                    std::abort();
                all.push_back(std::move(record));
            }
        }
        bytes batch = testing::make_batch({});
        (void)log->append(batch);
        return all;
    } catch (const error&) {
        return {};
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto killed = make_directory(false);
    static const auto clean = make_directory(true);
    static const auto original = read_all_records(*make_directory(true));
    if (size < 2)
        return 0;
    seeded_random random{3};
    const auto disk =
        (data[0] & 1 ? *clean : *killed).after_power_cut(testing::unsynced::kept, random);
    const auto files = disk->files();
    const std::string& victim = files[data[1] % files.size()];
    bytes rest(reinterpret_cast<const char*>(data + 2), size - 2);
    if (data[0] & 2) {
        disk->set_content(victim, rest);
    } else {
        bytes content = disk->content(victim);
        for (std::size_t i = 0; i + 3 <= rest.size() && !content.empty(); i += 3) {
            const auto at = static_cast<std::size_t>(
                static_cast<unsigned char>(rest[i]) << 8 | static_cast<unsigned char>(rest[i + 1])
            );
            content[at % content.size()] = rest[i + 2];
        }
        disk->set_content(victim, content);
    }
    const auto first = read_all_records(*disk);
    const auto second = read_all_records(*disk);
    // The second start sees what the first served, and at most the one record that was appended
    // unflushed between them.
    if (second.size() < first.size() || second.size() > first.size() + 1 ||
        !std::equal(first.begin(), first.end(), second.begin()))
        std::abort();
    // Strewn bytes cannot forge a checksum: what is served was written.
    if (!(data[0] & 2)) {
        for (const auto& record : first) {
            const auto index = static_cast<std::size_t>(record.offset);
            if (index >= original.size() || !(original[index] == record))
                std::abort();
        }
    }
    return 0;
}
