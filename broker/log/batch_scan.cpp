#include "broker/log/batch_scan.hpp"

#include "broker/log/format.hpp"
#include "outbox/base/crc32c.hpp"

#include <algorithm>

namespace outbox::broker {
namespace {

/// Sequential reading in large pieces.
class piecewise {
public:
    piecewise(disk_file& file, std::uint64_t limit, std::size_t piece_bytes)
        : file_(file)
        , limit_(limit)
        , piece_bytes_(piece_bytes) {}

    /// As much as is at hand from `position` on, at least `size_min` bytes unless the limit comes
    /// first.
    bytes_view at(std::uint64_t position, std::size_t size_min, std::error_code& ec) {
        ec.clear();
        if (position >= limit_)
            return {};
        const auto wanted =
            static_cast<std::size_t>(std::min<std::uint64_t>(size_min, limit_ - position));
        if (position < start_ || position + wanted > start_ + data_.size()) {
            data_.resize(static_cast<std::size_t>(
                std::min<std::uint64_t>(std::max(piece_bytes_, size_min), limit_ - position)
            ));
            start_ = position;
            data_.resize(file_.read_at(position, data_.data(), data_.size(), ec));
        }
        return bytes_view{data_}.substr(static_cast<std::size_t>(position - start_));
    }

private:
    disk_file& file_;
    std::uint64_t limit_;
    std::size_t piece_bytes_;
    std::uint64_t start_ = 0;
    bytes data_;
};

constexpr std::size_t piece_bytes = 256 * 1024;
/// Where only heads are read, whole pieces would read mostly what is skipped.
constexpr std::size_t head_piece_bytes = 8 * 1024;

} // namespace

scan_result scan_batches(
    disk_file& file,
    std::uint64_t position,
    std::uint64_t limit,
    std::int64_t expected,
    checksums mode,
    const std::function<visit(const wire::batch_header&, std::uint64_t position)>& visitor
) {
    piecewise reader{file, limit, mode == checksums::verify ? piece_bytes : head_piece_bytes};
    scan_result result;
    result.position = position;
    result.next_offset = expected;
    const auto end = [&](scan_end why, const char* reason = "") {
        result.why = why;
        result.reason = reason;
        return result;
    };
    while (result.position < limit) {
        const bytes_view head = reader.at(result.position, wire::batch_header_bytes, result.error);
        if (result.error)
            return end(scan_end::disk_error);
        if (head.size() < wire::batch_header_bytes)
            return end(scan_end::bad_frame, "the file ends inside the head of a batch");
        const wire::batch_header header = *wire::read_batch_header(head);
        if (!is_plausible(header))
            return end(scan_end::bad_frame, "this is not the head of a batch");
        if (result.next_offset >= 0 && header.base_offset != result.next_offset)
            return end(scan_end::bad_frame, "the offset is not the one that follows");
        if (header.total_bytes() > limit - result.position)
            return end(scan_end::bad_frame, "the file ends inside a batch");
        if (mode == checksums::verify) {
            std::uint32_t checksum = 0;
            std::uint64_t done = batch_checksum_begins_at;
            while (done < header.total_bytes()) {
                bytes_view piece = reader.at(result.position + done, 1, result.error);
                if (result.error)
                    return end(scan_end::disk_error);
                if (piece.empty())
                    return end(scan_end::bad_frame, "the file ends inside a batch");
                piece = piece.substr(
                    0,
                    static_cast<std::size_t>(
                        std::min<std::uint64_t>(piece.size(), header.total_bytes() - done)
                    )
                );
                checksum = crc32c(piece, checksum);
                done += piece.size();
            }
            if (checksum != header.crc)
                return end(scan_end::bad_frame, "the checksum does not match");
        }
        switch (visitor(header, result.position)) {
        case visit::go_on:
            break;
        case visit::stop:
            return end(scan_end::stopped);
        case visit::refuse:
            return end(scan_end::bad_frame, "the leader epoch is not the one of this offset");
        }
        result.position += header.total_bytes();
        result.next_offset = next_offset(header);
    }
    return end(scan_end::at_limit);
}

bool all_zero(disk_file& file, std::uint64_t position, std::uint64_t limit, std::error_code& ec) {
    piecewise reader{file, limit, piece_bytes};
    while (position < limit) {
        const bytes_view piece = reader.at(position, 1, ec);
        if (ec || piece.find_first_not_of('\0') != bytes_view::npos)
            return false;
        if (piece.empty())
            return true;
        position += piece.size();
    }
    return true;
}

bool may_be_torn(
    disk_file& file,
    std::uint64_t position,
    std::uint64_t limit,
    std::int64_t expected,
    std::error_code& ec
) {
    piecewise reader{file, limit, piece_bytes};
    const auto misses_a_sector = [&](std::uint64_t from, std::uint64_t end) {
        while (from < end) {
            const std::uint64_t sector_end =
                std::min(end, (from / format::sector_bytes + 1) * format::sector_bytes);
            const auto size = static_cast<std::size_t>(sector_end - from);
            const bytes_view part = reader.at(from, size, ec).substr(0, size);
            if (ec || part.find_first_not_of('\0') == bytes_view::npos)
                return true;
            from = sector_end;
        }
        return false;
    };
    const bytes_view head = reader.at(position, wire::batch_header_bytes, ec);
    if (ec || head.size() < wire::batch_header_bytes)
        return true;
    const wire::batch_header header = *wire::read_batch_header(head);
    if (misses_a_sector(position, position + wire::batch_header_bytes))
        return true;
    // The whole head was written, and nobody writes a head like this.
    if (!is_plausible(header) || header.base_offset != expected)
        return false;
    return header.total_bytes() > limit - position ||
           misses_a_sector(position, position + header.total_bytes());
}

} // namespace outbox::broker
