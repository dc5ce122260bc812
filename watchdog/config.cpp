#include "watchdog/config.hpp"

#include "outbox/base/config_file.hpp"
#include "outbox/base/error.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

namespace outbox::watchdog {
namespace {

using namespace std::chrono_literals;

std::string host_name() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "watchdog";
}

// A URL holds a password, and a configuration file is often readable by many.
std::string first_line(config_table& table, const std::filesystem::path& file) {
    std::ifstream in{file};
    std::string line;
    if (!std::getline(in, line) || line.empty())
        table.reject(
            "url_file",
            "no URL in the first line of " + file.string(),
            "check that it can be read"
        );
    return line;
}

void read_target(config_table& table, target_config& into) {
    table.require("name", into.name);
    table.read("kind", into.kind);
    if (into.kind != "kafka")
        table.reject(
            "kind",
            "no target is of the kind \"" + into.kind + "\"",
            "this build knows \"kafka\""
        );
    table.require("brokers", into.brokers);
    table.read("properties", into.properties);
    table.read("waves_at_once", into.waves_at_once, 0, 1'000);
}

// Two words for one thing: people call it by that of their database.
void read_name(config_table& table, outbox_name& into) {
    const char* key = table.has("prefix") ? "prefix" : "schema";
    if (table.has("schema") && table.has("prefix"))
        table.reject(key, "schema and prefix both name the outbox", "give one of them");
    std::string name = into.text();
    table.read(key, name);
    try {
        into = outbox_name{name};
    } catch (const error& e) {
        table.reject(key, e.what());
    }
}

void read_retention(config_table& table, database_config& into) {
    constexpr std::chrono::milliseconds longest = std::chrono::hours{10 * 365 * 24};
    if (!table.has("applied_kept") && !table.has("redelivery_horizon"))
        return;
    std::chrono::milliseconds keep{0};
    std::chrono::milliseconds horizon{0};
    table.read("applied_kept", keep, 1s, longest);
    table.read("redelivery_horizon", horizon, 1s, longest);
    if (keep == 0s || horizon == 0s)
        table.reject(
            keep == 0s ? "redelivery_horizon" : "applied_kept",
            "applied_kept and redelivery_horizon go together",
            "redelivery_horizon is the longest time after which a message can come again: see "
            "docs/idempotency.md"
        );
    try {
        into.applied = retention{
            std::chrono::floor<std::chrono::seconds>(keep),
            redelivery_horizon{std::chrono::ceil<std::chrono::seconds>(horizon)}};
    } catch (const error& e) {
        table.reject("applied_kept", e.what(), e.hint());
    }
}

void read_database(config_table& table, database_config& into) {
    table.require("name", into.name);
    std::filesystem::path url_file;
    table.read("url", into.url);
    table.read("url_file", url_file);
    if (into.url.empty() == url_file.empty())
        table.reject("url", "a database needs either url or url_file", "give one of them");
    if (into.url.empty())
        into.url = first_line(table, url_file);
    read_name(table, into.outbox);
    table.require("target", into.target);
    table.read("priority", into.priority, 0, 9);
    table.read("doorbell", into.doorbell);
    table.read_one_of(
        "receipts",
        into.receipts,
        {{"off", std::nullopt}, {"loopback", receipt_reach::loopback}, {"any", receipt_reach::any}}
    );
    table.read("numbered", into.numbered);
    read_retention(table, into);
    table.read("lease", into.timing.lease, 100ms, 1h);
    table.read("lease_renewal", into.timing.lease_renewal, 10ms, 20min);
    if (into.timing.lease_renewal * 3 > into.timing.lease)
        table.reject(
            "lease_renewal",
            "must be at most a third of lease",
            "else one slow answer loses the lease"
        );
    table.read("poll_shortest", into.timing.poll_shortest, 1ms, 1min);
    table.read("poll_longest", into.timing.poll_longest, into.timing.poll_shortest, 1h);
    table.read("stop_patience", into.timing.stop_patience, 0ms, 10min);
    table.read("batch_messages", into.slice.message_count_max, 1, 100'000);
    table.read_size("batch_bytes", into.slice.bytes_max, 1, 1U << 30U);
}

} // namespace

config read_config(const std::filesystem::path& file) {
    config read{.name = host_name()};
    read_config_file(file, [&](config_table& top) {
        top.table("watchdog", [&](config_table& table) {
            table.read("name", read.name);
            table.read_one_of(
                "log_level",
                read.least_logged,
                {{"debug", log_level::debug},
                 {"info", log_level::info},
                 {"warning", log_level::warning},
                 {"error", log_level::error}}
            );
        });
        top.must_have("target");
        top.each_table("target", [&](config_table& table) {
            target_config entry;
            read_target(table, entry);
            for (const target_config& other : read.targets)
                if (other.name == entry.name)
                    table.reject("name", "two [[target]] are named \"" + entry.name + "\"");
            read.targets.push_back(std::move(entry));
        });
        top.must_have("database");
        top.each_table("database", [&](config_table& table) {
            database_config& entry = read.databases.emplace_back();
            read_database(table, entry);
            const auto to =
                std::find_if(read.targets.begin(), read.targets.end(), [&](const target_config& t) {
                    return t.name == entry.target;
                });
            if (to == read.targets.end())
                table.reject("target", "no [[target]] is named \"" + entry.target + "\"");
            if (entry.priority != 0 && to->waves_at_once == 0)
                table.reject(
                    "priority",
                    "has no effect, because target \"" + entry.target +
                        "\" takes any number of waves at once",
                    "give that target waves_at_once, such as 1"
                );
        });
    });
    return read;
}

} // namespace outbox::watchdog
