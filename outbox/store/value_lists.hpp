#pragma once
// INSERT statements with a list of values each, none longer than a limit. For the authors of a
// database's words.

#include "outbox/message/envelope.hpp"
#include "outbox/store/outbox_name.hpp"

#include <cstddef>
#include <span>
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

/// How the INSERTs of one outbox begin, where they are text; made once.
class insert_words {
public:
    explicit insert_words(const outbox_name& to)
        : now_(to.in("insert into outbox_message (message_id, subject, order_key, headers, payload)"
                     " values "))
        , later_(to.in("insert into outbox_scheduled (message_id, subject, order_key, headers, "
                       "payload, due_at) values ")) {}

    /// Writes `rows`, those for later into their own table. `values` makes "(…" of a row, with
    /// everything but the end, and `due_at` the time in this database's words.
    template <class Values, class DueAt>
    std::vector<std::string> statements(
        std::span<const envelope> rows,
        std::size_t bytes_max,
        const Values& values,
        const DueAt& due_at
    ) const {
        value_lists now{now_, bytes_max};
        value_lists later{later_, bytes_max};
        for (const envelope& row : rows) {
            if (row.deliver)
                later.add(values(row) + "," + due_at(*row.deliver) + ")");
            else
                now.add(values(row) + ")");
        }
        std::vector<std::string> all;
        std::move(now).append_to(all);
        std::move(later).append_to(all);
        return all;
    }

private:
    std::string now_;
    std::string later_;
};

} // namespace outbox
