#include "outbox/consumer/consumer_setup.hpp"

#include "outbox/base/wait_limit.hpp"
#include "outbox/consumer/record_marks.hpp"

#include <utility>

namespace outbox {

consumer_settings settings_of(const consumer_options& options, std::size_t batch_count_max) {
    const bool topics = options.order == consume_order::none &&
                        options.audience == consume_audience::group &&
                        options.promise == consume_promise::at_least_once;
    const auto place = topics ? retry_place::any
                       : options.retry_order == ordered_retry::park_key
                           ? retry_place::park_key
                           : retry_place::in_place_only;
    return {
        .call_count_max = options.handlers,
        .batch_count_max = batch_count_max,
        .ordered = options.order == consume_order::by_key,
        .at_most_once = options.promise == consume_promise::at_most_once,
        .commits = options.audience == consume_audience::group,
        .prefetch_count_max = options.prefetch_count_max,
        .prefetch_bytes_max = options.prefetch_bytes_max,
        .span_max = options.span_max,
        .parked_count_max = options.parked_count_max,
        .parked_bytes_max = options.parked_bytes_max,
        .commit_interval = bounded_wait(options.commit_interval),
        .revoke_patience = bounded_wait(options.revoke_patience),
        .stop_patience = bounded_wait(options.stop_patience),
        .retries = options.retries,
        .place = place,
        .begins_closed = options.gate != nullptr,
        .gate_waits = {bounded_wait(options.gate_shortest), bounded_wait(options.gate_longest)},
    };
}

subscription subscription_of(const consumer_options& options, const consumer_settings& settings) {
    subscription what{
        .group = options.group,
        .start = options.start,
        .broadcast = options.audience == consume_audience::everyone,
    };
    for (const auto& each : options.subjects)
        what.topics.push_back(each.text());
    if (what.broadcast)
        return what;
    if (options.promise == consume_promise::at_least_once)
        what.parking =
            settings.place == retry_place::park_key ? parking_use::made : parking_use::read;
    if (settings.place != retry_place::any)
        return what;
    for (const auto delay : options.retries.delays) {
        auto topic = retry_topic(options.group, delay);
        if (delay > options.retries.in_place_max &&
            (what.own_topics.empty() || what.own_topics.back() != topic))
            what.own_topics.push_back(std::move(topic));
    }
    return what;
}

} // namespace outbox
