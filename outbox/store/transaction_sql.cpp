#include "outbox/store/transaction_sql.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace outbox {
namespace {

bool has_one_of(const std::string& words, std::span<const std::string_view> phrases) noexcept {
    return std::any_of(phrases.begin(), phrases.end(), [&](std::string_view phrase) {
        return words.find(phrase) != std::string::npos;
    });
}

} // namespace

bool says_already_open(const std::string& words) noexcept {
    constexpr std::array<std::string_view, 3> phrases{
        "a transaction is open already",       // ours, where we write the check
        "while a transaction is in progress",  // MySQL
        "a transaction within a transaction"}; // SQLite
    return has_one_of(words, phrases);
}

bool says_tables_are_missing(const std::string& words) noexcept {
    // Whatever the outbox is called.
    constexpr std::array<std::string_view, 10> tables{
        "_relay",
        ".relay",
        "_message",
        ".message",
        "_scheduled",
        ".scheduled",
        "_consumed",
        ".consumed",
        "_applied",
        ".applied"};
    constexpr std::array<std::string_view, 3> phrases{
        "does not exist", // PostgreSQL
        "doesn't exist",  // MySQL
        "no such table"}; // SQLite
    return has_one_of(words, tables) && has_one_of(words, phrases);
}

} // namespace outbox
