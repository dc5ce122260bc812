#pragma once
// Cuts a stream of bytes into frames: four bytes of length, then the message. A machine without
// I/O: the loop around it asks where to put the next bytes, reads, says how many came, and takes
// the frames that are complete.
//
// Memory follows what has arrived, never what was announced: a client that promises 100 MiB and
// sends ten bytes costs a few KiB. The limit of a frame depends on its API (wire/limits.hpp), which
// is known after ten bytes.

#include "outbox/base/bytes.hpp"
#include "wire/decode_error.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <system_error>

namespace outbox::wire {

class frame_reader {
public:
    /// Room for the next read; never empty, valid until the next call of any other function.
    std::span<char> room();

    /// `size` bytes were put into what room() returned.
    void filled(std::size_t size);

    /// The next whole frame without its length, or nothing: then either more bytes are needed, or
    /// error() is set and the stream is beyond repair.
    std::optional<bytes> next();

    std::error_code error() const noexcept { return error_; }
    /// The length that the frame in hand announced, for the log line about an error.
    std::int64_t announced_bytes() const noexcept { return announced_; }
    /// Bytes held for frames that are not complete.
    std::size_t buffered_bytes() const noexcept { return end_ - begin_; }

private:
    bytes buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::int64_t announced_ = 0;
    std::error_code error_;
};

} // namespace outbox::wire
