#include "outbox/base/error.hpp"
#include "outbox/base/units.hpp"
#include "outbox/message/names.hpp"
#include "tools/commands.hpp"
#include "tools/database_option.hpp"
#include "tools/name_value.hpp"
#include "tools/trace/broker_session.hpp"
#include "tools/trace_report.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace outbox::tools {
namespace {

using std::chrono::milliseconds;

/// Beyond this many partitions a subject must be named.
constexpr std::size_t partition_count_max = 10'000;

struct trace_options {
    std::string id{};
    database_option source{};
    std::string brokers{};
    std::vector<std::string> properties{};
    std::string subject{};
    std::string margin = "1m";
    std::int64_t rows_max = 1'000'000;
    std::int64_t records_max = 1'000'000;
    bool json = false;
};

/// RFC 9562 §5.7: the first 48 bits of version 7 are the milliseconds since 1970.
std::optional<time_point> made_at(const message_id& id) {
    const bytes_view raw = id.raw();
    if (static_cast<unsigned char>(raw[6]) >> 4U != 7)
        return std::nullopt;
    std::int64_t ms = 0;
    for (const char c : raw.substr(0, 6))
        ms = ms << 8U | static_cast<unsigned char>(c);
    return from_ms(ms);
}

/// What the message is about, as far as it is known: only some topics can then have it.
std::optional<std::string> known_subject(const trace_options& options, const trace_report& told) {
    if (!options.subject.empty())
        return subject::parse(options.subject).text();
    if (told.rows && told.rows->scheduled)
        return told.rows->scheduled->subject;
    if (told.rows && !told.rows->stored.empty())
        return told.rows->stored.front().subject;
    return std::nullopt;
}

void search_broker(const trace_options& options, milliseconds margin, trace_report& told) {
    std::map<std::string, std::string> properties;
    for (const std::string& text : options.properties)
        properties.insert(parse_name_value(text, "kafka"));
    broker_session broker{options.brokers, properties};
    told.brokers = options.brokers;
    auto places = broker.partitions();
    if (const auto about = known_subject(options, told))
        std::erase_if(places, [&](const auto& place) { return !may_hold(place.topic, *about); });
    if (places.size() > partition_count_max)
        throw error(
            error_kind::invalid_argument,
            "broker " + options.brokers + " has " + std::to_string(places.size()) + " partitions",
            "name the --subject of the message; without one at most 10000 are searched"
        );
    // Records have the time of their row, or a later one; the row's is known only while it is
    // there.
    auto since = told.made_at;
    if (told.rows)
        for (const stored_row& row : told.rows->stored)
            since = std::min(since.value_or(row.created_at), row.created_at);
    if (since) {
        const auto ms =
            std::chrono::floor<milliseconds>(since->time_since_epoch()).count() - margin.count();
        told.searched_since_ms = std::max<std::int64_t>(0, ms);
    }
    told.records = broker.search(told.id, places, told.searched_since_ms, options.records_max);

    std::set<partition_place> with_copies;
    for (const message_copy& copy : told.records->copies)
        with_copies.insert(copy.where);
    const std::vector<partition_place> asked{with_copies.begin(), with_copies.end()};
    told.groups = judge(told.records->copies, broker.committed(asked));
}

int trace_message(const trace_options& options) {
    const auto id = message_id::parse(options.id);
    if (!id || id->is_nil())
        throw error(
            error_kind::invalid_argument,
            "bad message id \"" + options.id + "\"",
            "write it as its header outbox-id has it: 36 characters with hyphens"
        );
    const auto margin = parse_duration(options.margin);
    if (!margin)
        throw error(
            error_kind::invalid_argument,
            "bad margin \"" + options.margin + "\"",
            "write a number and ms, s, m, h or d"
        );
    if (options.source.url.empty() && options.brokers.empty())
        throw error(
            error_kind::invalid_argument,
            "nowhere to look",
            "name the database with --db, the broker with --broker, or both"
        );
    trace_report told{.id = *id, .made_at = made_at(*id)};
    if (!options.source.url.empty()) {
        const auto source = options.source.open();
        told.database = source->display_name();
        told.rows = source->find(*id, options.rows_max);
    }
    if (!options.brokers.empty())
        search_broker(options, *margin, told);
    std::printf("%s\n", (options.json ? as_json(told) : as_text(told)).c_str());
    if (told.is_found())
        return exit_done;
    std::fprintf(
        stderr,
        "outbox: message %s was %s\n",
        id->text().c_str(),
        told.is_complete() ? "found nowhere" : "not found in what was looked at"
    );
    return exit_check;
}

} // namespace

void add_message_command(CLI::App& app, action& chosen) {
    CLI::App* command = app.add_subcommand("message", "What became of one message");
    command->require_subcommand(1);
    auto options = std::make_shared<trace_options>();
    CLI::App* sub = command->add_subcommand(
        "trace",
        "tell where it is stored, where the broker has it, and what each group has done with it"
    );
    sub->add_option("id", options->id, "its id, 36 characters")->required();
    add_database_option(*sub, options->source);
    sub->get_option("--db")->required(false);
    sub->add_option(
        "--broker,--brokers",
        options->brokers,
        "HOST:PORT, or several with commas between"
    );
    sub->add_option(
           "--kafka",
           options->properties,
           "name=value, a property of librdkafka; may be repeated"
    )
        ->take_all();
    sub->add_option("--subject", options->subject, "what it is about; fewer topics to search");
    sub->add_option(
        "--margin",
        options->margin,
        "so much the clocks that made the id and the row may differ; 1m when not given"
    );
    sub->add_option(
           "--rows-max",
           options->rows_max,
           "look at so many rows of the database; 1000000 when not given"
    )
        ->check(CLI::PositiveNumber);
    sub->add_option(
           "--records-max",
           options->records_max,
           "read so many records of the broker; 1000000 when not given"
    )
        ->check(CLI::PositiveNumber);
    sub->add_flag("--json", options->json, "print one JSON object");
    sub->callback([options, &chosen] { chosen = [options] { return trace_message(*options); }; });
}

} // namespace outbox::tools
