#pragma once
// Who a message is: a UUID of version 7 (RFC 9562), made by the library when the message is sent.
// It travels in each broker's native id field, and consumers recognise a second delivery by it. Ids
// made by one process sort by the time they were made.

#include "outbox/base/bytes.hpp"
#include "outbox/base/clock.hpp"
#include "outbox/base/random.hpp"

#include <array>
#include <atomic>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace outbox {

class message_id {
public:
    static constexpr std::size_t size_bytes = 16;
    using array = std::array<unsigned char, size_bytes>;

    /// The nil id: all zero. No message has it.
    message_id() noexcept = default;
    explicit message_id(const array& value) noexcept : value_(value) {}

    /// Nothing unless `text` is the 36-character form, in either case.
    static std::optional<message_id> parse(std::string_view text);
    /// Nothing unless `raw` has 16 bytes.
    static std::optional<message_id> from_bytes(bytes_view raw) noexcept;

    /// "0190b3d4-…", lower case, 36 characters.
    std::string text() const;
    /// The 16 bytes in network order, as columns hold them. Valid as long as this object.
    bytes_view raw() const noexcept {
        return {reinterpret_cast<const char*>(value_.data()), value_.size()};
    }
    bool is_nil() const noexcept { return *this == message_id{}; }
    auto operator<=>(const message_id&) const = default;

private:
    array value_{};
};

/// Makes ids that rise within one generator even when the clock stands still or steps back (RFC
/// 9562 §6.2, method 3: the 12 bits behind the milliseconds hold their fraction; a tie counts on).
/// Any thread.
class message_id_generator {
public:
    explicit message_id_generator(
        const clock& time = system_clock(),
        random_source& random = system_random()
    ) noexcept
        : time_(&time)
        , random_(&random) {}

    message_id next();

private:
    const clock* time_;
    random_source* random_;
    // Milliseconds << 12 | fraction. No lock: a child after fork() would inherit one that is held.
    std::atomic<std::uint64_t> last_{0};
};

} // namespace outbox
