#include "tools/sql_statements.hpp"

#include <cctype>

namespace outbox::tools {
namespace {

// Behind the quoted text that begins at `at` with `mark`; a doubled mark is two texts in a row.
std::size_t
behind(std::string_view sql, std::size_t at, std::string_view mark, std::size_t begin_size) {
    const std::size_t end = sql.find(mark, at + begin_size);
    return end == std::string_view::npos ? sql.size() : end + mark.size();
}

// "$$" or "$name$" at `at`, or nothing.
std::string_view dollar_mark(std::string_view sql, std::size_t at) {
    std::size_t end = at + 1;
    while (end < sql.size() &&
           (std::isalnum(static_cast<unsigned char>(sql[end])) != 0 || sql[end] == '_'))
        ++end;
    return end < sql.size() && sql[end] == '$' ? sql.substr(at, end + 1 - at) : std::string_view{};
}

bool begins_with_body(std::string_view statement) {
    const std::string line = on_one_line(statement);
    for (const char* what : {"create procedure ", "create function ", "create trigger "})
        if (line.starts_with(what))
            return true;
    return false;
}

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \n");
    const auto last = text.find_last_not_of(" \n");
    return first == std::string_view::npos ? std::string_view{}
                                           : text.substr(first, last + 1 - first);
}

} // namespace

std::vector<sql_statement> split_statements(std::string_view sql) {
    std::vector<sql_statement> found;
    std::size_t begin = 0;
    std::size_t at = 0;
    bool quoted_body = false;
    bool open_body = false;
    while (at < sql.size()) {
        const std::string_view rest = sql.substr(at);
        if (rest.starts_with("--")) {
            at = behind(sql, at, "\n", 2);
        } else if (rest.starts_with("/*")) {
            at = behind(sql, at, "*/", 2);
        } else if (rest.front() == '\'' || rest.front() == '"' || rest.front() == '`') {
            at = behind(sql, at, rest.substr(0, 1), 1);
        } else if (const auto mark =
                       rest.front() == '$' ? dollar_mark(sql, at) : std::string_view{};
                   !mark.empty()) {
            at = behind(sql, at, mark, mark.size());
            quoted_body = true;
        } else if (rest.front() != ';') {
            ++at;
        } else {
            const std::string_view text = sql.substr(begin, at - begin);
            ++at;
            if (!quoted_body && begins_with_body(text)) {
                open_body = true;
                if (!text.ends_with("\nend"))
                    continue;
            }
            found.push_back({std::string{trimmed(text)}, quoted_body || open_body});
            begin = at;
            quoted_body = open_body = false;
        }
    }
    return found;
}

std::string on_one_line(std::string_view statement) {
    std::string line;
    while (!statement.empty()) {
        const std::size_t end = statement.find('\n');
        std::string_view part = statement.substr(0, end);
        statement.remove_prefix(end == std::string_view::npos ? statement.size() : end + 1);
        part = trimmed(part.substr(0, part.find("--")));
        if (!part.empty())
            line += (line.empty() ? "" : " ") + std::string{part};
    }
    return line;
}

} // namespace outbox::tools
