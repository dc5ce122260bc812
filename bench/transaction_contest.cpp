#include "bench/transaction_contest.hpp"

#include "bench/statistics.hpp"
#include "harness/tcp_proxy.hpp"
#include "outbox/base/clock.hpp"

#include <algorithm>
#include <cstdio>
#include <future>
#include <numeric>
#include <random>

namespace outbox::bench {

namespace {

using variant = transaction_variant;

constexpr std::size_t plain = 0;
constexpr std::size_t plain_again = 1;

std::vector<variant> contestants_of(const door& one) {
    std::vector<variant> all = one.variants;
    variant again = all[plain];
    again.title += " again";
    all.insert(all.begin() + plain_again, std::move(again));
    return all;
}

bool wants_one(
    const settings& how,
    const std::vector<variant>& all,
    const std::string& what,
    const circumstances& under
) {
    return std::any_of(all.begin(), all.end(), [&](const variant& each) {
        return !each.figure.empty() && how.wants(each.figure_name(what, under));
    });
}

/// How much is measured in a round. Variants take turns after each `block` transactions of every
/// connection.
struct amount {
    int blocks = 0;
    int block = 0;
};

amount amount_of(const door& one, const circumstances& under) {
    if (under.connections > 1)
        // Without a server they sleep until it is their turn to write, up to 100 ms.
        return {.blocks = one.server_port ? 6 : 2, .block = 10};
    return {.blocks = under.delay.count() == 0 ? 250 : 100, .block = 1};
}

/// Sessions that do the same at the same time.
class crew {
public:
    crew(const door& one, std::uint16_t port, int connections) {
        for (int i = 0; i < connections; ++i)
            members_.push_back(one.connect(port));
    }

    /// The time of each transaction in microseconds.
    std::vector<double> run(const variant& what, long first, int count) {
        if (members_.size() == 1)
            return run_one(0, what, first, count);
        std::vector<std::future<std::vector<double>>> running;
        for (std::size_t i = 0; i < members_.size(); ++i)
            running.push_back(std::async(std::launch::async, [this, i, &what, first, count] {
                return run_one(i, what, first, count);
            }));
        std::vector<double> all;
        for (auto& each : running) {
            const auto times = each.get();
            all.insert(all.end(), times.begin(), times.end());
        }
        return all;
    }

private:
    // They change accounts of their own, so that nobody waits for somebody's lock on a row.
    std::vector<double> run_one(std::size_t which, const variant& what, long first, int count) {
        const auto own = 1'000 / static_cast<long>(members_.size());
        std::vector<double> times;
        for (int i = 0; i < count; ++i) {
            const auto number = static_cast<long>(which) * own + (first + i) % own;
            const auto begin = system_clock().ticks();
            what.run(*members_[which], number);
            const auto time = system_clock().ticks() - begin;
            times.push_back(std::chrono::duration<double, std::micro>(time).count());
        }
        return times;
    }

    std::vector<std::unique_ptr<application>> members_;
};

constexpr int warm_up = 20; // prepares what it needs, asks where the relay listens

} // namespace

std::string
transaction_variant::figure_name(const std::string& what, const circumstances& under) const {
    return figure + "." + what + (detail.empty() ? "" : "." + detail) + under.suffix();
}

std::string circumstances::suffix() const {
    std::string text;
    if (connections > 1)
        text += "." + std::to_string(connections) + "_connections";
    if (delay.count() > 0)
        text += ".delay_" + std::to_string(delay.count()) + "us";
    return text;
}

void count_round_trips(const door& one, const settings& how, std::vector<figure>& figures) {
    constexpr int count = 200;
    const auto* const what = "extra_round_trips";
    const auto all = contestants_of(one);
    if (!wants_one(how, all, what, {}))
        return;
    std::vector<double> trips(all.size(), 0);
    if (one.server_port) {
        const harness::tcp_proxy proxy{*one.server_port};
        const auto session = one.connect(proxy.port());
        std::printf(
            "\n%s: round trips per transaction, counted between client and server over %d\n",
            one.name.c_str(),
            count
        );
        for (std::size_t which = 0; which < all.size(); ++which) {
            for (int i = 0; i < warm_up; ++i)
                all[which].run(*session, i);
            const auto before = proxy.turns();
            for (int i = 0; i < count; ++i)
                all[which].run(*session, i);
            trips[which] = static_cast<double>(proxy.turns() - before) / count;
            std::printf("  %-30s %6.2f\n", all[which].title.c_str(), trips[which]);
        }
    }
    for (std::size_t which = 0; which < all.size(); ++which)
        if (!all[which].figure.empty())
            figures.push_back({
                .name = all[which].figure_name(what, {}),
                .value = trips[which] - trips[plain],
                .unit = "trips/tx",
                .baseline = trips[plain],
                .baseline_name =
                    one.server_port ? "trips of " + all[plain].title : "there is no server",
                .ratio = one.server_port ? trips[which] / trips[plain] : 1,
                .spread = 0,
                .rounds = 1,
            });
}

void measure_latency(
    machine& where,
    const door& one,
    const circumstances& under,
    const settings& how,
    std::vector<figure>& figures
) {
    const auto* const what = "latency";
    const auto all = contestants_of(one);
    if (!wants_one(how, all, what, under))
        return;
    std::optional<harness::tcp_proxy> network;
    if (under.delay.count() > 0)
        network.emplace(*one.server_port, harness::proxied::anything, under.delay);
    crew sessions{
        one,
        network ? network->port() : one.server_port.value_or(std::uint16_t{0}),
        under.connections};
    for (const auto& each : all)
        sessions.run(each, 0, warm_up);

    const auto rounds = how.rounds_or(5);
    const auto [blocks, block] = amount_of(one, under);
    std::mt19937 random{1};
    std::vector<std::vector<double>> p50(all.size());
    std::vector<std::vector<double>> ratios(all.size());
    std::printf(
        "\n%s: p50 of a transaction, %d connection%s, %lld us of network; ratio to the first "
        "of the same round\n",
        one.name.c_str(),
        under.connections,
        under.connections == 1 ? "" : "s",
        static_cast<long long>(under.delay.count())
    );
    for (int round = 1; round <= rounds; ++round) {
        std::vector<std::vector<double>> times(all.size());
        std::vector<std::size_t> order(all.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        where.begin();
        for (int turn = 0; turn < blocks; ++turn) {
            std::shuffle(order.begin(), order.end(), random);
            for (const auto which : order) {
                const auto measured = sessions.run(all[which], turn * block, block);
                times[which].insert(times[which].end(), measured.begin(), measured.end());
            }
        }
        const auto around = where.end();
        std::printf("  %-3d", round);
        for (std::size_t which = 0; which < all.size(); ++which) {
            p50[which].push_back(median(times[which]));
            ratios[which].push_back(p50[which].back() / p50[plain].back());
            if (which != plain)
                std::printf("  %s %.2f", all[which].title.c_str(), ratios[which].back());
        }
        std::printf(
            "  (%s %.0f us, other cpu %.0f %%, steal %.0f %%, fdatasync %.0f/s)%s\n",
            all[plain].title.c_str(),
            p50[plain].back(),
            around.other_cpu * 100,
            around.steal * 100,
            around.syncs_per_s,
            around.other_cpu + around.steal > disturbed_above ? "  disturbed" : ""
        );
        std::fflush(stdout);
    }
    std::printf("  A/A ratio %.2f\n", median(ratios[plain_again]));
    for (std::size_t which = 0; which < all.size(); ++which)
        if (!all[which].figure.empty())
            figures.push_back({
                .name = all[which].figure_name(what, under),
                .value = median(p50[which]),
                .unit = "us",
                .baseline = median(p50[plain]),
                .baseline_name = all[plain].title,
                .ratio = median(ratios[which]),
                .spread = spread(ratios[which]),
                .rounds = rounds,
            });
}

} // namespace outbox::bench
