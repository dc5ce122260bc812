#pragma once
// One door: what a transaction costs beside the same one with more in it, in trips to the server,
// which are counted, and in time, of which only the ratio holds.

#include "bench/application.hpp"
#include "bench/benches.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace outbox::bench {

struct circumstances {
    int connections = 1;
    /// That a network adds to a round trip.
    std::chrono::microseconds delay{0};

    /// What it adds to the name of a figure, such as ".16_connections.delay_500us".
    std::string suffix() const;
};

struct transaction_variant {
    std::string title{};
    std::function<void(application&, long number)> run{};
    /// Its figures are called FIGURE.latency.DETAIL and FIGURE.extra_round_trips.DETAIL. Without:
    /// not compared.
    std::string figure{};
    std::string detail{};

    std::string figure_name(const std::string& what, const circumstances& under) const;
};

struct door {
    /// For people.
    std::string name{};
    /// Nothing: there is no server, and `connect` is given 0.
    std::optional<std::uint16_t> server_port{};
    std::function<std::unique_ptr<application>(std::uint16_t port)> connect{};
    /// The first is the plain one, with which the others are compared; it also runs against itself.
    std::vector<transaction_variant> variants{};
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
