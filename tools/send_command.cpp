#include "outbox/base/error.hpp"
#include "outbox/base/units.hpp"
#include "outbox/message/envelope.hpp"
#include "tools/commands.hpp"
#include "tools/database_option.hpp"
#include "tools/name_value.hpp"

#include <nlohmann/json.hpp>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace outbox::tools {
namespace {

struct send_options {
    database_option source{};
    std::string subject{};
    std::optional<std::string> key{};
    std::vector<std::string> tags{};
    std::vector<std::string> properties{};
    std::optional<std::string> payload{};
    std::string payload_file{};
    std::string delay{};
    std::string trace_parent{};
    std::string trace_state{};
    bool json = false;
};

bytes read_payload(const send_options& options) {
    if (options.payload)
        return *options.payload;
    std::ifstream in{options.payload_file, std::ios::binary};
    bytes payload{std::istreambuf_iterator<char>{in}, {}};
    if (in.bad() || !in.is_open())
        throw error(
            error_kind::io,
            "cannot read " + options.payload_file,
            "check the path and its permissions"
        );
    return payload;
}

headers read_properties(const send_options& options) {
    headers properties;
    for (const std::string& text : options.properties) {
        auto [name, value] = parse_name_value(text, "property");
        properties.push_back({std::move(name), std::move(value)});
    }
    return properties;
}

// Here a person wrote it, who is told what would elsewhere be left out.
std::optional<trace_context> read_trace(const send_options& options) {
    if (options.trace_parent.empty())
        return std::nullopt;
    const auto trace = trace_context::parse(options.trace_parent, options.trace_state);
    if (!trace)
        throw error(
            error_kind::invalid_argument,
            "bad traceparent \"" + options.trace_parent + "\"",
            "write 00-TRACEID-PARENTID-FLAGS, 32, 16 and 2 small hexadecimal digits, neither id "
            "all zero"
        );
    if (trace->state().empty() && !options.trace_state.empty())
        throw error(
            error_kind::invalid_argument,
            "bad tracestate \"" + options.trace_state + "\"",
            "write key=value,key=value, at most 32 of them, no key twice"
        );
    return trace;
}

int send(const send_options& options) {
    message m{.to = subject::parse(options.subject), .body = body::raw(read_payload(options))};
    if (options.key)
        m.key = order_key{*options.key};
    for (const std::string& text : options.tags)
        m.tags.push_back(tag::parse(text));
    m.properties = read_properties(options);
    m.trace = read_trace(options);
    if (!options.delay.empty()) {
        const auto delay = parse_duration(options.delay);
        if (!delay)
            throw error(
                error_kind::invalid_argument,
                "bad delay \"" + options.delay + "\"",
                "write a number and ms, s, m, h or d"
            );
        m.deliver = deliver_after(*delay);
    }

    const envelope row = freeze(m, message_id_generator{}.next(), {});
    options.source.open()->send({&row, 1});
    if (options.json)
        std::printf(
            "%s\n",
            nlohmann::json{{"message_id", row.id.text()}, {"subject", row.subject}}.dump().c_str()
        );
    else
        std::printf("%s\n", row.id.text().c_str());
    return exit_done;
}

} // namespace

void add_send_command(CLI::App& app, action& chosen) {
    auto options = std::make_shared<send_options>();
    CLI::App* command =
        app.add_subcommand("send", "Commit one message into the outbox of a database");
    add_database_option(*command, options->source);
    command->add_option("--subject", options->subject, "what it is about; becomes the topic")
        ->required();
    command->add_option("--key", options->key, "messages with the same key stay in order");
    command->add_option("--tag", options->tags, "a label; may be given ten times")->take_all();
    command
        ->add_option(
            "--property",
            options->properties,
            "name=value, travels as a header; may be repeated"
        )
        ->take_all();
    auto* payload = command->add_option_group("payload", "what it says");
    payload->add_option("--payload", options->payload, "the payload itself");
    payload->add_option("--payload-file", options->payload_file, "a file that holds it");
    payload->require_option(1);
    command->add_option(
        "--deliver-after",
        options->delay,
        "not before this has passed, such as 30s or 2h"
    );
    auto* parent = command->add_option(
        "--traceparent",
        options->trace_parent,
        "the trace it belongs to, as W3C writes it"
    );
    command->add_option("--tracestate", options->trace_state, "what belongs to that")
        ->needs(parent);
    command->add_flag("--json", options->json, "print one JSON object");
    command->callback([options, &chosen] { chosen = [options] { return send(*options); }; });
}

} // namespace outbox::tools
