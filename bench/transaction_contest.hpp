#pragma once
// One door: what a transaction costs with 0, 1 and 10 messages beside the same one without an
// outbox, in trips to the server, which are counted, and in time, of which only the ratio holds.

#include "bench/application.hpp"
#include "bench/benches.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace outbox::bench {

struct door {
    /// As it stands in the names of figures: enqueue.NAME.….
    std::string name{};
    /// Nothing: there is no server, and `connect` is given 0.
    std::optional<std::uint16_t> server_port{};
    std::function<std::unique_ptr<application>(std::uint16_t port)> connect{};
    /// Those that run beside it, and their names in figures.
    std::vector<std::pair<peer, std::string>> peers{};
};

struct circumstances {
    int connections = 1;
    /// That a network adds to a round trip.
    std::chrono::microseconds delay{0};

    /// What it adds to the name of a figure, such as ".16_connections.delay_500us".
    std::string suffix() const;
};

/// With no server there are none, which is said without counting.
void count_round_trips(const door& one, const settings& how, std::vector<figure>& figures);

/// Nothing when no figure of it is wanted.
void measure_latency(
    machine& where,
    const door& one,
    const circumstances& under,
    const settings& how,
    std::vector<figure>& figures
);

} // namespace outbox::bench
