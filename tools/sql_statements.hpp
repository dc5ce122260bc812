#pragma once
// SQL text cut into its statements, for tools that send one at a time.

#include <string>
#include <string_view>
#include <vector>

namespace outbox::tools {

struct sql_statement {
    /// Without the semicolon behind it; comments stay where they are inside and in front.
    std::string text{};
    /// It holds semicolons of its own: the body of a function or a procedure.
    bool compound = false;
};

/// Knows quotes, dollar quotes and both kinds of comments. The body of a procedure, function or
/// trigger that is not quoted ends with `end;` at the beginning of a line, as in our files. What is
/// left behind the last semicolon must be blank or comment, and is dropped.
std::vector<sql_statement> split_statements(std::string_view sql);

/// On one line, without comments. For short statements: no quotes in them hold "--".
std::string on_one_line(std::string_view statement);

} // namespace outbox::tools
