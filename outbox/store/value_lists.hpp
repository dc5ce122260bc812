#pragma once
// INSERT statements with a list of values each, none longer than a limit. For the authors of a
// database's words.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outbox {

class value_lists {
public:
    /// Each statement is `beginning` ("insert … values ") and rows; `beginning` must outlive this.
    value_lists(std::string_view beginning, std::size_t bytes_max)
        : beginning_(beginning)
        , bytes_max_(bytes_max) {}

    /// `row` is "(…)". One row is a statement, however long it is.
    void add(const std::string& row) {
        if (statements_.empty() || statements_.back().size() + 1 + row.size() > bytes_max_)
            statements_.emplace_back(beginning_);
        else
            statements_.back() += ',';
        statements_.back() += row;
    }

    /// Moves the statements behind those in `into`.
    void append_to(std::vector<std::string>& into) && {
        for (std::string& statement : statements_)
            into.push_back(std::move(statement));
    }

private:
    std::string_view beginning_;
    std::size_t bytes_max_;
    std::vector<std::string> statements_{};
};

} // namespace outbox
