#include "outbox/store/outbox_name.hpp"

#include "outbox/base/error.hpp"

#include <algorithm>

namespace outbox {
namespace {

bool is_letter(char c) noexcept {
    return c >= 'a' && c <= 'z';
}

bool is_part_of_word(char c) noexcept {
    return is_letter(c) || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

} // namespace

outbox_name::outbox_name(std::string_view text) : text_(text) {
    const bool good = !text.empty() && text.size() <= bytes_max && is_letter(text.front()) &&
                      text.back() != '_' && std::all_of(text.begin(), text.end(), [](char c) {
                          return is_part_of_word(c) && (c < 'A' || c > 'Z');
                      });
    if (good)
        return;
    std::string shown;
    for (const char c : text.substr(0, 2 * bytes_max))
        shown += c >= ' ' && c <= '~' ? c : '?';
    throw error(
        error_kind::invalid_argument,
        "\"" + shown + "\" is no name for an outbox",
        "a schema or prefix has 1 to " + std::to_string(bytes_max) +
            " characters of a-z 0-9 _, begins with a letter and does not end with an underscore: "
            "the one before a table's own name is added"
    );
}

std::string outbox_name::in(std::string_view sql) const {
    if (is_usual())
        return std::string{sql};
    std::string renamed;
    renamed.reserve(sql.size() + sql.size() / 8);
    std::size_t done = 0;
    for (std::size_t at = sql.find(usual); at != std::string_view::npos;
         at = sql.find(usual, at + usual.size())) {
        const std::string_view before = sql.substr(0, at);
        const std::string_view behind = sql.substr(at + usual.size());
        const char last = before.empty() ? ' ' : before.back();
        if (is_part_of_word(last) || last == '.' || last == '@')
            continue;
        const bool begins_name =
            behind.size() >= 2 && (behind[0] == '_' || behind[0] == '.') && is_letter(behind[1]);
        const bool is_whole = behind.empty() || !is_part_of_word(behind[0]);
        const bool is_schema =
            is_whole && (before.ends_with("schema ") || (last == '\'' && behind.starts_with('\'')));
        if (!begins_name && !is_schema)
            continue;
        renamed += sql.substr(done, at - done);
        renamed += text_;
        done = at + usual.size();
    }
    renamed += sql.substr(done);
    return renamed;
}

std::string outbox_name::migrate_hint() const {
    return "run `outbox migrate up --db URL" + (is_usual() ? "" : " --schema " + text_) + "`";
}

void refuse_another_outbox_name(const outbox_name& name) {
    throw error(
        error_kind::invalid_argument,
        "the outbox \"" + name.text() + "\" would be one more than the " +
            std::to_string(outbox_names_max) + " that one process may know",
        "keep the messages of many tenants in one outbox; a property or a tag tells them apart"
    );
}

} // namespace outbox
