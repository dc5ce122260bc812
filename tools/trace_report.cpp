#include "tools/trace_report.hpp"

#include "outbox/base/units.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>
#include <utility>

namespace outbox::tools {
namespace {

using nlohmann::ordered_json;

std::string text_of_ms(std::int64_t ms) {
    return utc_text(from_ms(ms));
}

std::string text_of(const partition_place& where) {
    return where.topic + "[" + std::to_string(where.partition) + "]";
}

/// One word for what the database knows.
const char* state_of(const message_search& rows) {
    if (rows.scheduled)
        return "scheduled";
    if (rows.stored.empty())
        return rows.complete ? "not_there" : "unknown";
    return std::ranges::all_of(rows.stored, &stored_row::relayed) ? "relayed" : "stored";
}

const char* word_of(note_kind kind) {
    switch (kind) {
    case note_kind::applied:
        return "applied";
    case note_kind::done:
        return "done";
    case note_kind::held:
        return "held";
    case note_kind::left:
        return "left";
    }
    return "";
}

ordered_json to_json(const message_search& rows) {
    ordered_json out{{"state", state_of(rows)}, {"rows", ordered_json::array()}};
    for (const stored_row& row : rows.stored)
        out["rows"].push_back(
            {{"subject", row.subject},
             {"shard", row.shard},
             {"seq", row.seq},
             {"created_at", utc_text(row.created_at)},
             {"relayed", row.relayed}}
        );
    out["due_at"] = nullptr;
    if (rows.scheduled)
        out["due_at"] = utc_text(rows.scheduled->due_at);
    out["notes"] = nullptr;
    if (!rows.noted)
        return out;
    out["notes"] = ordered_json::array();
    for (const noted_row& row : *rows.noted) {
        ordered_json one{
            {"group", row.group},
            {"note", word_of(row.kind)},
            {"at", utc_text(row.at)},
            {"lease_until", nullptr}};
        if (row.lease_until)
            one["lease_until"] = utc_text(*row.lease_until);
        out["notes"].push_back(std::move(one));
    }
    out["notes_complete"] = rows.noted_complete;
    return out;
}

ordered_json to_json(const message_copy& copy) {
    ordered_json out{
        {"kind", to_string(copy.kind)},
        {"topic", copy.where.topic},
        {"partition", copy.where.partition},
        {"offset", copy.offset},
        {"timestamp", nullptr},
    };
    if (copy.timestamp_ms)
        out["timestamp"] = text_of_ms(*copy.timestamp_ms);
    if (copy.kind == copy_kind::delivered)
        return out;
    out["group"] = copy.group;
    out["attempts"] = nullptr;
    if (copy.attempts)
        out["attempts"] = *copy.attempts;
    out["error"] = copy.error;
    out["retry_at"] = nullptr;
    if (copy.retry_at_ms)
        out["retry_at"] = text_of_ms(*copy.retry_at_ms);
    return out;
}

ordered_json json_of(const trace_report& told) {
    ordered_json out{
        {"message_id", told.id.text()},
        {"made_at", nullptr},
        {"found", told.is_found()}};
    if (told.made_at)
        out["made_at"] = utc_text(*told.made_at);
    if (told.rows) {
        out["database"] = {{"name", told.database}};
        out["database"].update(to_json(*told.rows));
    }
    if (!told.records)
        return out;
    out["copies"] = ordered_json::array();
    for (const message_copy& copy : told.records->copies)
        out["copies"].push_back(to_json(copy));
    out["groups"] = ordered_json::array();
    for (const group_fate& each : told.groups) {
        const message_copy& copy = told.records->copies[each.copy];
        ordered_json one{
            {"group", each.group},
            {"fate", to_string(each.what)},
            {"topic", copy.where.topic},
            {"partition", copy.where.partition},
            {"offset", copy.offset}};
        if (each.what == fate::waiting || each.what == fate::retrying)
            one["records_before"] = each.records_before;
        out["groups"].push_back(std::move(one));
    }
    out["search"] = {
        {"broker", told.brokers},
        {"since", nullptr},
        {"records_read", told.records->records_read},
        {"partitions", told.records->partitions},
        {"partitions_unread", told.records->partitions_unread},
    };
    if (told.searched_since_ms)
        out["search"]["since"] = text_of_ms(*told.searched_since_ms);
    return out;
}

/// Lines of a word and what it says. Others have written some of that: no byte of it may move a
/// terminal's cursor.
class page {
public:
    void add(std::string_view what, std::string_view text) {
        constexpr std::size_t width = 12;
        if (!all_.empty())
            all_ += '\n';
        all_ += what;
        all_.append(width - std::min(width, what.size()), ' ');
        for (const char c : text)
            all_ += static_cast<unsigned char>(c) < ' ' || c == '\x7f' ? '?' : c;
    }
    const std::string& text() const noexcept { return all_; }

private:
    std::string all_;
};

std::string describe(const noted_row& row) {
    const std::string since = row.group + ", " + utc_text(row.at);
    switch (row.kind) {
    case note_kind::applied:
    case note_kind::done:
        return "by " + since;
    case note_kind::held:
        return "by " + since + ", its lease runs until " +
               utc_text(row.lease_until.value_or(row.at));
    case note_kind::left:
        return "by " + since + ", its lease ended " + utc_text(row.lease_until.value_or(row.at)) +
               ": the next delivery takes it";
    }
    return {};
}

void add(page& to, const std::string& database, const message_search& rows) {
    to.add("database", database);
    if (rows.scheduled)
        to.add(
            "  scheduled",
            rows.scheduled->subject + ", due " + utc_text(rows.scheduled->due_at)
        );
    for (const stored_row& row : rows.stored)
        to.add(
            row.relayed ? "  relayed" : "  stored",
            row.subject + ", seq " + std::to_string(row.seq) + ", " + utc_text(row.created_at) +
                (row.relayed ? "" : ", the relay has not recorded it as delivered")
        );
    if (rows.stored.empty() && !rows.scheduled) {
        if (rows.complete)
            to.add("  not there", "never committed here, or delivered and removed");
        else
            to.add(
                "  unknown",
                "not among the rows looked at, and there are more: raise --rows-max"
            );
    }
    if (!rows.noted)
        to.add(
            "  unread",
            "what groups have noted here: an older outbox, or no right to read it (grants)"
        );
    for (const noted_row& row : rows.noted.value_or(std::vector<noted_row>{}))
        to.add(std::string{"  "} + word_of(row.kind), describe(row));
    if (!rows.noted_complete)
        to.add("  unread", "what more than 500 groups have noted here");
}

void add(page& to, const message_copy& copy) {
    std::string text = text_of(copy.where) + " @ " + std::to_string(copy.offset);
    if (copy.timestamp_ms)
        text += "  " + text_of_ms(*copy.timestamp_ms);
    if (copy.attempts)
        text += "  after attempt " + std::to_string(*copy.attempts);
    if (!copy.error.empty())
        text += ": " + copy.error;
    if (copy.retry_at_ms)
        text += "; again at " + text_of_ms(*copy.retry_at_ms);
    to.add(
        copy.kind == copy_kind::delivered ? "  delivered"
        : copy.kind == copy_kind::retry   ? "  retry"
                                          : "  dead",
        text
    );
}

std::string describe(const group_fate& each, const message_copy& copy) {
    const std::string where = text_of(copy.where) + " @ " + std::to_string(copy.offset);
    const std::string before = ", " + std::to_string(each.records_before) + " records before it";
    switch (each.what) {
    case fate::waiting:
        return "waiting at " + where + before;
    case fate::retrying:
        return "retrying" +
               (copy.attempts ? ", " + std::to_string(*copy.attempts) + " attempts made"
                              : std::string{}) +
               ", at " + where + before;
    case fate::dead:
        return "dead at " + where + (copy.error.empty() ? "" : ": " + copy.error);
    case fate::passed:
        return "committed beyond " + where;
    }
    return {};
}

page page_of(const trace_report& told) {
    page to;
    to.add("message", told.id.text() + (told.made_at ? "  made " + utc_text(*told.made_at) : ""));
    if (told.rows)
        add(to, told.database, *told.rows);
    if (!told.records)
        return to;
    const topic_search& records = *told.records;
    to.add("broker", told.brokers);
    for (const message_copy& copy : records.copies)
        add(to, copy);
    for (const group_fate& each : told.groups)
        to.add("  group", each.group + " " + describe(each, records.copies[each.copy]));
    to.add(
        "  searched",
        std::to_string(records.records_read) + " records of " + std::to_string(records.partitions) +
            " partitions since " +
            (told.searched_since_ms ? text_of_ms(*told.searched_since_ms) : "the beginning")
    );
    if (records.partitions_unread > 0)
        to.add(
            "  unread",
            std::to_string(records.partitions_unread) +
                " partitions not to their end: raise --records-max, or name the --subject"
        );
    return to;
}

} // namespace

time_point from_ms(std::int64_t ms) noexcept {
    constexpr std::int64_t ms_max = 9'000'000'000'000; // in the year 2255
    return time_point{std::chrono::milliseconds{std::clamp<std::int64_t>(ms, 0, ms_max)}};
}

std::string as_text(const trace_report& told) {
    return page_of(told).text();
}

std::string as_json(const trace_report& told) {
    // Bytes that are no text are replaced: others have written them.
    return json_of(told).dump(2, ' ', false, ordered_json::error_handler_t::replace);
}

} // namespace outbox::tools
