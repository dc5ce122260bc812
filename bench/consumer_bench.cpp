// How fast messages come to a handler.

#include "bench/benches.hpp"
#include "bench/consume_rate.hpp"
#include "bench/contest.hpp"
#include "bench/workload.hpp"

#include <string>
#include <vector>

namespace outbox::bench {

namespace {

constexpr long topic_messages = 200'000;
constexpr std::size_t batch_messages = 100;

void measure_rates(machine& where, const settings& how, std::vector<figure>& figures) {
    constexpr const char* bare = "librdkafka alone";
    struct way {
        std::string name{};
        consume_order order{};
        std::size_t batch = 1;
    };
    std::vector<way> ways{
        {"by_key", consume_order::by_key},
        {"none", consume_order::none},
        {"batch", consume_order::by_key, batch_messages},
    };
    std::erase_if(ways, [&](const way& each) { return !how.wants("consumer.rate." + each.name); });
    if (ways.empty())
        return;
    full_topic topic{topic_messages};
    contest race{
        where,
        std::to_string(topic_messages) + " messages of " + std::to_string(payload_bytes) +
            " bytes to a handler that does nothing",
        "per s"};
    race.add({.name = bare, .measure = [&] { return topic.read_by_librdkafka(); }});
    for (const auto& each : ways)
        race.add({.name = each.name, .measure = [&] {
                      return topic.read_by_consumer(each.order, each.batch);
                  }});
    race.run(how.rounds_or(3));
    for (const auto& each : ways)
        figures.push_back(race.compare("consumer.rate." + each.name, each.name, bare));
}

} // namespace

std::vector<figure> consumer_bench(machine& where, const settings& how) {
    std::vector<figure> figures;
    measure_rates(where, how, figures);
    return figures;
}

} // namespace outbox::bench
