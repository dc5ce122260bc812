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
        std::int64_t total = partition_count;
        for (const topic_description& topic : broker.logs.topics())
            total += topic.partition_count;
        if (total > partition_count_total_max) {
            const std::string why = "this broker holds at most " +
                                    std::to_string(partition_count_total_max) +
                                    " partitions; delete topics that are not used";
            log(log_level::warning, "broker", "topic '" + name + "' not created: " + why);
            return {wire::error_code::policy_violation, why};
        }
    }
    if (!ec && how == creation::for_real)
        ec = broker.logs.create_topic(name, partition_count, overrides, &bad_key);
    if (!ec)
        return {};
    return {to_error_code(ec), explain(ec, bad_key)};
}

} // namespace outbox::broker
