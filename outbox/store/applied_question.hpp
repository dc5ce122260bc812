#pragma once
// What first_time_numbered() asks a door to do with the rows of outbox.applied, one for each group,
// source and shard.

#include "outbox/base/bytes.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <string_view>

namespace outbox {

struct applied_question {
    enum kind {
        lock, // the row, until the transaction ends: its numbers in hexadecimal; nothing without it
        create, // the row with the empty set, unless it is there: nothing
        write,  // `numbers` into the row: "1"
        forget, // rows unchanged for longer than `age`, at most `rows_max`: how many
    };
    kind what = lock;
    std::string_view group{};
    /// Only 0-9 and a-z.
    std::string_view source{};
    int shard = 0;
    bytes numbers{};
    std::chrono::seconds age{};
    std::size_t rows_max = 0;

    static applied_question forgetting(std::chrono::seconds age, std::size_t rows_max) {
        return {.what = forget, .age = age, .rows_max = rows_max};
    }
};

/// Of pieces of at most `rows_max` rows each: whether there may be more where one was full.
inline bool any_is_full(std::size_t rows_max, std::initializer_list<std::size_t> removed) {
    return std::find(removed.begin(), removed.end(), rows_max) != removed.end();
}

/// A set of no numbers, in hexadecimal: number_set::encode().
inline constexpr std::string_view no_numbers_hex = "0100";

} // namespace outbox
