#include "outbox/base/error.hpp"
#include "outbox/base/hex.hpp"
#include "outbox/consumer/kafka/dead_letters.hpp"
#include "outbox/consumer/record_marks.hpp"
#include "tools/commands.hpp"
#include "tools/name_value.hpp"

#include <nlohmann/json.hpp>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace outbox::tools {
namespace {

struct dead_options {
    std::string brokers{};
    std::vector<std::string> properties{};
    std::string topic{};
    std::size_t limit = 20;
    int partition = -1;
    std::int64_t offset = -1;
    bool check = false;
    bool json = false;
};

kafka_source_options cluster(const dead_options& options) {
    kafka_source_options where{.brokers = options.brokers, .client_id = "outbox-dead"};
    for (const std::string& text : options.properties) {
        auto [name, value] = parse_name_value(text, "kafka");
        where.properties[std::move(name)] = std::move(value);
    }
    return where;
}

void print(const nlohmann::ordered_json& line) {
    std::printf("%s\n", line.dump().c_str());
}

/// Under `name` when it is text, else as hexadecimal digits under `name`_hex; null when there is
/// nothing.
void add_bytes(
    nlohmann::ordered_json& to,
    const std::string& name,
    std::optional<bytes_view> what
) {
    if (!what) {
        to[name] = nullptr;
        return;
    }
    nlohmann::json text = std::string{*what};
    try {
        (void)text.dump();
        to[name] = std::move(text);
    } catch (const nlohmann::json::type_error&) { // not UTF-8
        to[name + "_hex"] = to_hex(*what);
    }
}

nlohmann::ordered_json summary(const dead_letter& letter) {
    nlohmann::ordered_json out{{"partition", letter.at.partition}, {"offset", letter.at.offset}};
    for (const auto& h : letter.record.headers) {
        if (h.name == header_name::message_id && h.value)
            add_bytes(out, "message_id", *h.value);
    }
    if (const auto marks = read_marks(letter.record)) {
        out["origin"] = marks->origin.topic + "/" + std::to_string(marks->origin.partition) + "/" +
                        std::to_string(marks->origin.offset);
        add_bytes(out, "group", marks->group);
        out["attempts"] = marks->attempts_made;
        add_bytes(out, "error", marks->reason);
        out["failed_at_ms"] = marks->failed_at_ms;
    }
    add_bytes(out, "key", letter.record.key);
    out["payload_bytes"] = letter.record.value ? letter.record.value->size() : 0;
    return out;
}

int list(const dead_options& options) {
    const auto all = count_dead_letters(cluster(options));
    std::int64_t waiting = 0;
    for (const auto& each : all) {
        waiting += each.waiting;
        if (options.json)
            print({{"topic", each.topic}, {"total", each.total}, {"waiting", each.waiting}});
        else
            std::printf(
                "%-50s %8lld waiting, %lld in all\n",
                each.topic.c_str(),
                static_cast<long long>(each.waiting),
                static_cast<long long>(each.total)
            );
    }
    if (all.empty() && !options.json)
        std::printf("no dead-letter topics\n");
    return options.check && waiting > 0 ? exit_check : exit_done;
}

int show(const dead_options& options) {
    std::size_t count = 0;
    read_dead_letters(cluster(options), options.topic, [&](const dead_letter& letter) {
        const auto what = summary(letter);
        if (options.json)
            print(what);
        else
            for (const auto& [name, value] : what.items())
                std::printf(
                    "%s%-14s %s\n",
                    name == "partition" ? "\n" : "",
                    name.c_str(),
                    value.dump().c_str()
                );
        return ++count < options.limit;
    });
    if (count == 0 && !options.json)
        std::printf("%s is empty\n", options.topic.c_str());
    return exit_done;
}

int export_all(const dead_options& options) {
    read_dead_letters(cluster(options), options.topic, [](const dead_letter& letter) {
        auto line = summary(letter);
        line["timestamp_ms"] = letter.record.timestamp_ms;
        auto& headers = line["headers"] = nlohmann::ordered_json::array();
        for (const auto& h : letter.record.headers) {
            nlohmann::ordered_json one;
            add_bytes(one, "name", h.name);
            add_bytes(one, "value", h.value ? std::optional<bytes_view>{*h.value} : std::nullopt);
            headers.push_back(std::move(one));
        }
        add_bytes(line, "payload", letter.record.value);
        print(line);
        return true;
    });
    return exit_done;
}

int resend(const dead_options& options) {
    if ((options.partition < 0) != (options.offset < 0))
        throw error(
            error_kind::invalid_argument,
            "--partition and --offset belong together",
            "give both, or neither for all"
        );
    std::size_t count = 1;
    if (options.offset >= 0)
        resend_dead_letter(cluster(options), {options.topic, options.partition, options.offset});
    else
        count = resend_dead_letters(cluster(options), options.topic);
    if (options.json)
        print({{"topic", options.topic}, {"resent", count}});
    else
        std::printf("%zu sent back\n", count);
    return exit_done;
}

} // namespace

void add_dead_command(CLI::App& app, action& chosen) {
    CLI::App* const dead =
        app.add_subcommand("dead", "Messages that consumers gave up: list, show, export, resend");
    dead->require_subcommand(1);
    const auto add = [&](const char* name, const char* what, int (*run)(const dead_options&)) {
        auto options = std::make_shared<dead_options>();
        CLI::App* command = dead->add_subcommand(name, what);
        command->add_option("--brokers", options->brokers, "host:port, several with commas")
            ->required();
        command
            ->add_option(
                "--kafka",
                options->properties,
                "name=value, a property of librdkafka; may be repeated"
            )
            ->take_all();
        command->add_flag("--json", options->json, "print JSON, one object per line");
        command->callback([options, run, &chosen] {
            chosen = [options, run] { return run(*options); };
        });
        return std::pair{command, options};
    };
    {
        const auto [command, options] =
            add("list", "Dead-letter topics, and how many wait in each", &list);
        command->add_flag("--check", options->check, "exit with 4 when something waits");
    }
    const auto add_topic = [](CLI::App* command, const std::shared_ptr<dead_options>& options) {
        command->add_option("--topic", options->topic, "as `outbox dead list` prints it")
            ->required();
    };
    {
        const auto [command, options] =
            add("show", "What became of each message, without its payload", &show);
        add_topic(command, options);
        command->add_option("--limit", options->limit, "at most so many; 20 when not given")
            ->check(CLI::PositiveNumber);
    }
    {
        const auto [command, options] =
            add("export", "Everything of each message, one JSON object per line", &export_all);
        add_topic(command, options);
    }
    {
        const auto [command, options] =
            add("resend", "Back to where they came from: those that wait, or a single one", &resend
            );
        add_topic(command, options);
        command->add_option("--partition", options->partition, "of a single one")
            ->check(CLI::NonNegativeNumber);
        command->add_option("--offset", options->offset, "of a single one")
            ->check(CLI::NonNegativeNumber);
    }
}

} // namespace outbox::tools
