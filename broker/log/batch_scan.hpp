#pragma once
// Walks over the batches in a segment file and stops at the first thing that is not the batch that
// must stand there: a head that cannot be one, an offset that does not follow, a length beyond the
// file, or (where asked) a wrong checksum. Memory stays bounded whatever a length claims.

#include "broker/log/disk.hpp"
#include "broker/log/stored_batch.hpp"

#include <cstdint>
#include <functional>

namespace outbox::broker {

enum class checksums {
    verify,
    skip, // heads only: the caller verifies what it takes
};

enum class scan_end {
    at_limit,  // everything up to the limit is whole batches
    stopped,   // the visitor said so; position and offset are those of the batch it refused or
               // stopped at
    bad_frame, // what stands at `position` is not the batch with `next_offset`
    disk_error,
};

struct scan_result {
    scan_end why = scan_end::at_limit;
    std::uint64_t position = 0;   // of the first byte that was not accepted
    std::int64_t next_offset = 0; // the offset expected there
    const char* reason = "";      // for people, when bad_frame
    std::error_code error;        // when disk_error
};

enum class visit {
    go_on,
    stop,
    refuse, // this batch is damaged in a way that the visitor knows about
};

/// Visits the batches of `file` from `position` up to `limit`, where the first must have base
/// offset `expected`; with `expected` -1 any base offset is taken for the first.
scan_result scan_batches(
    disk_file& file,
    std::uint64_t position,
    std::uint64_t limit,
    std::int64_t expected,
    checksums mode,
    const std::function<visit(const wire::batch_header&, std::uint64_t position)>& visitor
);

/// Is everything in [position, limit) zero?
bool all_zero(disk_file& file, std::uint64_t position, std::uint64_t limit, std::error_code& ec);

/// May the frame at `position`, where the batch with offset `expected` should stand, be one that a
/// power cut or a kill tore? Then some part of it, a sector at least, was not written and is still
/// zero or beyond the end of the file. A bad frame of which every sector is there is damaged, not
/// torn.
bool may_be_torn(
    disk_file& file,
    std::uint64_t position,
    std::uint64_t limit,
    std::int64_t expected,
    std::error_code& ec
);

} // namespace outbox::broker
