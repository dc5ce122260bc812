#pragma once
// Record batches for tests of the log: real ones, as a producer would send them, with one
// header-less, key-less record per value.

#include "outbox/base/bytes.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace outbox::broker::testing {

struct batch_of {
    std::vector<std::string> values{"value"};
    std::int64_t timestamp_ms = 1'800'000'000'000;
    std::int64_t producer_id = -1;
    std::int16_t producer_epoch = -1;
    std::int32_t base_sequence = -1;
};

/// Base offset 0, no leader epoch, right checksum.
bytes make_batch(const batch_of& what);

/// The values of the records in batches as they come from a log, with the offset of each.
struct read_record {
    std::int64_t offset = 0;
    std::string value;
    friend bool operator==(const read_record&, const read_record&) = default;
};
std::vector<read_record> read_records(bytes_view batches);

} // namespace outbox::broker::testing
