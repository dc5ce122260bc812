#include "broker/api/topics.hpp"

#include "broker/api/limits.hpp"
#include "broker/api/log_error.hpp"
#include "outbox/base/log.hpp"

namespace outbox::broker {

namespace {

std::string explain(std::error_code ec, const std::string& bad_key) {
    if (ec == log_errc::invalid_topic_name)
        return "a topic name has 1 to 249 characters of a-z, A-Z, 0-9, '.', '_' and '-', and is "
               "neither '.' nor '..'";
    if (ec == log_errc::topic_exists)
        return "the topic exists already";
    if (ec == log_errc::invalid_config)
        return "the value of " + bad_key + " is not a number or outside its range";
    return ec.message();
}

/// Nothing, or why so many more partitions would be too many for one broker.
topic_outcome refuse_more(const core& broker, const std::string& name, std::int32_t more) {
    std::int64_t total = more;
    for (const topic_description& topic : broker.logs.topics())
        total += topic.partition_count;
    if (total <= partition_count_total_max)
        return {};
    const std::string why = "this broker holds at most " +
                            std::to_string(partition_count_total_max) +
                            " partitions; delete topics that are not used";
    log(log_level::warning, "broker", "topic '" + name + "': no new partitions: " + why);
    return {wire::error_code::policy_violation, why};
}

} // namespace

topic_outcome make_topic(
    core& broker,
    const std::string& name,
    std::int32_t partition_count,
    const config_overrides& overrides,
    creation how
) {
    if (is_internal_topic(name))
        return {
            wire::error_code::invalid_topic_exception,
            "the broker keeps the offsets of its groups under this name, and makes it itself"};
    std::string bad_key;
    std::error_code ec = broker.logs.check_create_topic(name, partition_count, overrides, &bad_key);
    if (!ec) {
        if (auto refused = refuse_more(broker, name, partition_count);
            refused.error != wire::error_code::none)
            return refused;
    }
    if (!ec && how == creation::for_real)
        ec = broker.logs.create_topic(name, partition_count, overrides, &bad_key);
    if (!ec)
        return {};
    return {to_error_code(ec), explain(ec, bad_key)};
}

topic_outcome
enlarge_topic(core& broker, const std::string& name, std::int32_t partition_count, creation how) {
    using wire::error_code;
    if (is_internal_topic(name))
        return {
            error_code::invalid_topic_exception,
            "the broker keeps the offsets of its groups here, and divides it itself"};
    const auto topic = broker.logs.find_topic(name);
    if (!topic)
        return {error_code::unknown_topic_or_partition, "there is no such topic"};
    if (partition_count <= topic->partition_count)
        return {
            error_code::invalid_partitions,
            "the topic has " + std::to_string(topic->partition_count) +
                " partitions already, and none can be taken away"};
    if (auto refused = refuse_more(broker, name, partition_count - topic->partition_count);
        refused.error != error_code::none)
        return refused;
    if (how == creation::only_check)
        return {};
    const std::error_code ec = broker.logs.add_partitions(name, partition_count);
    if (ec)
        return {to_error_code(ec), explain(ec, "")};
    log(log_level::info,
        "broker",
        "topic '" + name + "' has " + std::to_string(partition_count) + " partitions now");
    return {};
}

} // namespace outbox::broker
