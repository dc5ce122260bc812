#include "outbox/store/transaction_sql.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace outbox {

bool says_already_open(const std::string& words) noexcept {
    constexpr std::array<std::string_view, 3> phrases{
        "a transaction is open already",       // ours, where we write the check
        "while a transaction is in progress",  // MySQL
        "a transaction within a transaction"}; // SQLite
    return std::any_of(phrases.begin(), phrases.end(), [&](std::string_view phrase) {
        return words.find(phrase) != std::string::npos;
    });
}

} // namespace outbox
