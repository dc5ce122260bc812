#include "outbox/consumer/kafka/consumer_configuration.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace outbox::kafka {

namespace {

/// The promises of the consumer rest on these.
constexpr std::array<std::string_view, 13> refused_properties{
    "bootstrap.servers",
    "metadata.broker.list",
    "client.id",
    "group.id",
    "session.timeout.ms",
    "enable.auto.commit",
    "auto.commit.enable",
    "enable.auto.offset.store",
    "auto.offset.reset",
    "enable.partition.eof",
    "isolation.level",
    "max.poll.interval.ms",
    "log.queue",
};

} // namespace

void configure_consumer(
    configuration& conf,
    const kafka_source_options& options,
    const group_name& group,
    bool tells_ends
) {
    conf.set("bootstrap.servers", options.brokers);
    conf.set("client.id", options.client_id);
    conf.set("group.id", group.text());
    conf.set("session.timeout.ms", options.session.count());
    conf.set("heartbeat.interval.ms", std::max<std::int64_t>(1, options.session.count() / 5));
    // Poll never stops while the process lives; whether handlers come to an end is watched by
    // nobody but the one who wrote them.
    conf.set("max.poll.interval.ms", std::max<std::int64_t>(options.session.count(), 300'000));
    conf.set("enable.auto.commit", "false");
    conf.set("enable.auto.offset.store", "false");
    // Only for what the log does not have any more; where to begin is decided in find_start().
    conf.set("auto.offset.reset", "earliest");
    conf.set("enable.partition.eof", tells_ends ? "true" : "false");
    conf.set("isolation.level", "read_committed");
    conf.set("check.crcs", "true");
    conf.set("partition.assignment.strategy", "cooperative-sticky");
    conf.set("allow.auto.create.topics", "false");
    // What it reads ahead. At either limit librdkafka (before 2.2) does not fetch for a second, so
    // the smaller is below what a quick handler can do in that time, the slower the consumer gets.
    conf.set("queued.min.messages", 100'000);
    conf.set("queued.max.messages.kbytes", 65'536);
    conf.set("fetch.error.backoff.ms", 50);
    conf.set("reconnect.backoff.ms", 50);
    conf.set("reconnect.backoff.max.ms", 1'000);
    conf.set("topic.metadata.refresh.interval.ms", 30'000);
    conf.set("topic.metadata.refresh.fast.interval.ms", 100);
    conf.set("socket.keepalive.enable", "true");
    conf.set("socket.nagle.disable", "true");
    conf.set_all(options.properties, refused_properties);
}

} // namespace outbox::kafka
