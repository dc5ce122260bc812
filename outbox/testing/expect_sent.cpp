#include "outbox/testing/expect_sent.hpp"

#include "outbox/base/error.hpp"
#include "outbox/base/hex.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>

namespace outbox::testing::detail {
namespace {

constexpr std::size_t listed_max = 20;

enum class table { message, scheduled };

// One row as one text: number, when it is due, then five columns as hexadecimal digits, apart by
// blanks. Row by row, because that is what every client can do. No colon: SOCI takes it for a
// parameter.
std::string next_row(sql_words words, const outbox_name& of, table from, std::int64_t behind) {
    const bool scheduled = from == table::scheduled;
    std::string columns;
    std::string rows;
    switch (words) {
    case sql_words::postgresql:
        columns =
            "concat_ws(' ', seq, " +
            std::string{scheduled ? "cast(extract(epoch from due_at) * 1000000 as bigint)" : "''"} +
            ", replace(cast(message_id as text), '-', ''), "
            "encode(convert_to(subject, 'UTF8'), 'hex'), encode(order_key, 'hex'), "
            "encode(headers, 'hex'), encode(payload, 'hex'))";
        rows = scheduled ? "outbox.scheduled where"
                         : "outbox.message where xid = pg_current_xact_id_if_assigned() and";
        break;
    case sql_words::mysql:
        columns = "concat_ws(' ', seq, " + std::string{scheduled ? "due_at" : "''"} +
                  ", hex(message_id), hex(subject), hex(order_key), hex(headers), hex(payload))";
        break;
    case sql_words::sqlite:
        columns = "seq || ' ' || " + std::string{scheduled ? "due_at" : "''"} +
                  " || ' ' || hex(message_id) || ' ' || hex(subject) || ' ' || hex(order_key) || "
                  "' ' || hex(headers) || ' ' || hex(payload)";
        break;
    }
    if (rows.empty())
        rows = scheduled
                   ? "outbox_scheduled where"
                   : "outbox_message where seq > (select max(cursor_seq) from outbox_relay) and";
    return of.in(
        "select coalesce((select " + columns + " from " + rows + " seq > " +
        std::to_string(behind) + " order by seq limit 1), '')"
    );
}

void read_table(
    sql_words words,
    const outbox_name& of,
    table from,
    const ask_text& ask,
    std::vector<sent_message>& into
) {
    for (std::int64_t behind = 0;;) {
        const std::string row = ask(next_row(words, of, from, behind));
        if (row.empty())
            return;
        std::array<std::string, 7> column{};
        std::size_t begin = 0;
        for (std::string& c : column) {
            const std::size_t end = std::min(row.find(' ', begin), row.size());
            c = row.substr(begin, end - begin);
            begin = std::min(end + 1, row.size());
        }
        const auto number = [](const std::string& text) {
            std::int64_t value = 0;
            std::from_chars(text.data(), text.data() + text.size(), value);
            return value;
        };
        behind = number(column[0]);
        const auto raw = [&](std::size_t i) { return from_hex(column[i]).value_or(bytes{}); };
        envelope found{
            .id = message_id::from_bytes(raw(2)).value_or(message_id{}),
            .subject = raw(3),
            .key = column[4].empty() ? std::nullopt : std::optional{raw(4)},
            .headers = raw(5),
            .payload = raw(6),
        };
        if (from == table::scheduled)
            found.deliver = deliver_at(time_point{} + std::chrono::microseconds{number(column[1])});
        into.push_back(take_apart(found));
    }
}

std::string list(const std::vector<sent_message>& all, const std::vector<std::string>& remarks) {
    std::string text;
    for (std::size_t i = 0; i < all.size() && i < listed_max; ++i) {
        text += "\n  " + std::to_string(i + 1) + ". " + describe(all[i]);
        if (i < remarks.size() && !remarks[i].empty())
            text += "\n     " + remarks[i];
    }
    if (all.size() > listed_max)
        text += "\n  and " + std::to_string(all.size() - listed_max) + " more";
    return text;
}

} // namespace

std::vector<sent_message> read_rows(sql_words words, const outbox_name& of, const ask_text& ask) {
    std::vector<sent_message> all;
    read_table(words, of, table::message, ask, all);
    read_table(words, of, table::scheduled, ask, all);
    return all;
}

std::vector<sent_message> take_apart_all(const pending_messages& pending) {
    std::vector<sent_message> all;
    for (const envelope& row : pending.rows)
        all.push_back(take_apart(row));
    return all;
}

void refuse_to_read(const std::string& why) {
    throw error(
        error_kind::io,
        "what the transaction sends cannot be read: " + why,
        "the user of this connection needs the right to select from the outbox tables"
    );
}

sent_message expect_one(
    const std::vector<sent_message>& all,
    const std::string& where,
    const subject& to,
    const std::string& description,
    const judge& is_it
) {
    std::vector<std::string> remarks;
    for (const sent_message& m : all) {
        std::string why_not;
        if (m.subject != to.text())
            why_not = "another subject";
        else if (is_it(m, why_not))
            return m;
        remarks.push_back(std::move(why_not));
    }
    throw expectation_failed(
        "expected a message to " + to.text() + (description.empty() ? "" : " " + description) +
        "; " + where + (all.empty() ? " nothing" : ":") + list(all, remarks)
    );
}

void expect_none(const std::vector<sent_message>& all, const std::string& where) {
    if (!all.empty())
        throw expectation_failed("expected no message; " + where + ":" + list(all, {}));
}

} // namespace outbox::testing::detail
