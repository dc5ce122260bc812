#pragma once
// The numbers below a cursor that no message has been seen under and that may still get one: the
// number of a transaction that has not committed yet, of one that was rolled back, or of nobody,
// where the server counts in steps. A hole stays open until its row is read or until it is certain
// that none will come (statement_horizon.hpp).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace outbox::mysql {

/// From `first` to `last`, both included.
struct number_range {
    std::int64_t first = 0;
    std::int64_t last = 0;

    bool operator==(const number_range&) const = default;
};

/// Disjoint ranges in ascending order.
class open_holes {
public:
    /// Nothing when `text` is not what text() writes.
    static std::optional<open_holes> parse(std::string_view text);
    /// "17,20-25,31"; empty for none.
    std::string text() const;

    const std::vector<number_range>& ranges() const& noexcept { return ranges_; }
    /// Not of a temporary: a loop over them would outlive it.
    void ranges() const&& = delete;
    bool empty() const noexcept { return ranges_.empty(); }
    std::size_t size() const noexcept { return ranges_.size(); }

    /// Opens a hole above all others. Precondition: `range` is not empty and lies above them.
    void append(number_range range);
    /// The row of `number` has been read, or none will come from `range`. No effect on what is not
    /// open.
    void close(std::int64_t number) { close(number_range{number, number}); }
    void close(number_range range);
    /// Closes, in each hole, the stretch from the first to the last of `numbers` that lies in it.
    /// Precondition: ascending.
    void close_stretches(std::span<const std::int64_t> numbers);
    /// Whether closing `number` alone would make two holes of one.
    bool is_inside(std::int64_t number) const noexcept;
    /// What is open up to and including `last`.
    open_holes up_to(std::int64_t last) const;
    /// What is open here and not in `other`.
    open_holes without(const open_holes& other) const;

    bool operator==(const open_holes&) const = default;

private:
    std::vector<number_range> ranges_;
};

} // namespace outbox::mysql
