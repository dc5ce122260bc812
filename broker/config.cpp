#include "broker/config.hpp"

#include "broker/api/topic_settings.hpp"
#include "outbox/base/config_file.hpp"
#include "outbox/base/error.hpp"

#include <CLI/CLI.hpp>

#include <iostream>
#include <limits>
#include <string>

namespace outbox::broker {

namespace {

struct texts {
    std::string data_dir;
    std::string listen = "127.0.0.1:9092";
    std::string advertise;
    std::string flush = "sync";
};

struct address {
    std::string host;
    std::uint16_t port = 0;
};

address parse_address(const std::string& option, const std::string& text) {
    const auto colon = text.rfind(':');
    const auto port =
        colon == std::string::npos ? std::nullopt : parse_integer(text.substr(colon + 1));
    if (colon == 0 || !port || *port < 0 || *port > std::numeric_limits<std::uint16_t>::max())
        throw error(
            error_kind::invalid_argument,
            option + " is '" + text + "', which is not HOST:PORT",
            "for example 127.0.0.1:9092; port 0 takes a free one"
        );
    return {text.substr(0, colon), static_cast<std::uint16_t>(*port)};
}

void read_file(const std::string& file, texts& said, server_options& options) {
    read_config_file(file, [&](config_table& top) {
        top.read("data_dir", said.data_dir);
        top.read("listen", said.listen);
        top.read("advertise", said.advertise);
        top.read_one_of("flush", said.flush, {{"sync", "sync"}, {"async", "async"}});
        top.read("flush_interval", options.log.topic_defaults.flush, std::chrono::milliseconds{1});
        top.read("connections_max", options.connection_count_max, 1);
        top.read("stop_deadline", options.stop_deadline);
        top.table("topics", [&](config_table& topics) {
            topics.read("auto_create", options.api.auto_create_topics);
            topics.read(
                "partitions",
                options.api.partitions_default,
                1,
                options.log.partition_count_max
            );
            constexpr std::int64_t message_bytes_limit = 64 * 1024 * 1024;
            topics.read_size("message_max", options.api.message_bytes_max, 1, message_bytes_limit);
            constexpr std::int64_t segment_bytes_least = 1024 * 1024;
            topics.read_size(
                "segment",
                options.log.topic_defaults.segment_bytes,
                segment_bytes_least,
                std::numeric_limits<std::int32_t>::max()
            );
            topics.read("retention", options.log.topic_defaults.retention);
        });
        top.table("groups", [&](config_table& groups) {
            group_options& group = options.api.groups;
            groups.read("initial_rebalance_delay", group.initial_rebalance_delay);
            groups.read("session_min", group.session_min, std::chrono::milliseconds{1});
            groups.read("session_max", group.session_max, group.session_min);
            groups.read("offsets_retention", group.offsets_retention);
            groups.read("members_max", group.members_max, 1);
            groups.read("groups_max", group.groups_max, 1);
        });
    });
}

} // namespace

config_result read_config(int argc, char** argv) {
    texts given;
    std::string file;
    CLI::App app("A single-node broker that speaks the Kafka protocol.", "outbox-broker");
    app.add_option("--config", file, "TOML file; what the command line says wins over it");
    const auto* data_dir =
        app.add_option("--data-dir", given.data_dir, "Where the log is kept; made if absent");
    const auto* listen = app.add_option(
        "--listen",
        given.listen,
        "HOST:PORT to accept clients on, IPv4; port 0 takes a free one"
    );
    const auto* advertise = app.add_option(
        "--advertise",
        given.advertise,
        "HOST:PORT that clients are told; where it listens, by default"
    );
    const auto* flush = app.add_option(
        "--flush",
        given.flush,
        "sync: acknowledged means on disk; async: on disk a second later. For topics that do not "
        "say"
    );
    app.get_option("--flush")->check(CLI::IsMember({"sync", "async"}));
    app.get_option("--listen")->capture_default_str();
    app.get_option("--flush")->capture_default_str();
    constexpr int wrong_usage = 2;
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return {std::nullopt, app.exit(e, std::cout, std::cerr) == 0 ? 0 : wrong_usage};
    }

    server_options options;
    texts said;
    if (!file.empty())
        read_file(file, said, options);
    if (data_dir->count() != 0)
        said.data_dir = given.data_dir;
    if (listen->count() != 0)
        said.listen = given.listen;
    if (advertise->count() != 0)
        said.advertise = given.advertise;
    if (flush->count() != 0)
        said.flush = given.flush;
    if (said.data_dir.empty())
        throw error(
            error_kind::invalid_argument,
            "no data directory",
            "give --data-dir DIR, or data_dir in the configuration file"
        );

    const address where = parse_address("--listen", said.listen);
    options.listen_host = where.host;
    options.listen_port = where.port;
    if (!said.advertise.empty()) {
        const address told = parse_address("--advertise", said.advertise);
        options.advertised_host = told.host;
        options.advertised_port = told.port;
    }
    options.log.directory = said.data_dir;
    if (said.flush == "async")
        options.log.topic_defaults.flush_messages = std::numeric_limits<std::int64_t>::max();
    return {std::move(options), 0};
}

} // namespace outbox::broker
