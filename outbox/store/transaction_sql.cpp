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
    // Ours, where we write the check. A client may add the statement to the server's words, and
    // there it stands behind a single quote.
    constexpr std::string_view own = "a transaction is open already";
    for (auto at = words.find(own); at != std::string::npos; at = words.find(own, at + 1))
        if (at == 0 || words[at - 1] != '\'')
            return true;
    constexpr std::array<std::string_view, 2> phrases{
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
