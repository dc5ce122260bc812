// What "acknowledged = on disk" costs: messages that outbox-broker acknowledges, beside the rate at
// which the same disk, in the same minute, takes an append and an fdatasync. The ratio is the
// messages that share one flush.

#include "bench/benches.hpp"
#include "bench/contest.hpp"
#include "bench/load_producer.hpp"
#include "bench/workload.hpp"
#include "harness/broker_server.hpp"
#include "outbox/base/clock.hpp"

#include <exception>
#include <memory>
#include <thread>

namespace outbox::bench {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds measured{2'000};
constexpr const char* disk = "disk: append and fdatasync";

double rate_of(
    std::vector<std::unique_ptr<load_producer>>& producers,
    long (load_producer::*work)(milliseconds)
) {
    std::vector<long> acked(producers.size());
    std::vector<std::exception_ptr> failures(producers.size());
    std::vector<std::thread> threads;
    const auto begin = system_clock().ticks();
    for (std::size_t i = 0; i < producers.size(); ++i)
        threads.emplace_back([&, i] {
            try {
                acked[i] = ((*producers[i]).*work)(measured);
            } catch (...) {
                failures[i] = std::current_exception();
            }
        });
    for (auto& thread : threads)
        thread.join();
    const auto seconds = std::chrono::duration<double>(system_clock().ticks() - begin).count();
    for (const auto& failure : failures)
        if (failure)
            std::rethrow_exception(failure);
    long total = 0;
    for (const auto count : acked)
        total += count;
    return static_cast<double>(total) / seconds;
}

} // namespace

std::vector<figure> broker_bench(machine& where, const settings& how) {
    std::vector<figure> figures;
    for (const int count : {1, 8}) {
        const auto name = "broker.sync.acked." + std::to_string(count) + "_producers";
        if (!how.wants(name))
            continue;
        harness::broker_server broker{{.arguments = {"--flush", "sync"}}};
        std::vector<std::unique_ptr<load_producer>> producers;
        for (int i = 0; i < count; ++i)
            producers.push_back(std::make_unique<load_producer>(broker.address(), "bench"));
        contest race{
            where,
            std::to_string(count) + (count == 1 ? " producer, " : " producers, ") +
                std::to_string(payload_bytes) + " bytes, acknowledged when on disk",
            "per s"};
        race.add({.name = "saturated", .measure = [&] {
                      return rate_of(producers, &load_producer::saturate);
                  }});
        race.add({.name = "one in flight each", .measure = [&] {
                      return rate_of(producers, &load_producer::one_by_one);
                  }});
        race.add({.name = disk, .measure = [&] { return where.measure_syncs(1'000); }});
        race.run(how.rounds_or(5));
        figures.push_back(race.compare(name, "saturated", disk));
        figures.push_back(race.compare(name + ".one_in_flight", "one in flight each", disk));
    }
    return figures;
}

} // namespace outbox::bench
