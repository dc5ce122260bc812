#pragma once
// One line per bench. What it prints on the way is for people; what it returns is the result.

#include "bench/figure.hpp"
#include "bench/machine.hpp"

#include <optional>
#include <string>
#include <vector>

namespace outbox::bench {

struct settings {
    /// Rounds of each contest; nothing: what each thinks right.
    std::optional<int> rounds{};
    /// Only figures in whose name these parts stand together, such as "drain.10000". Empty: all.
    std::string only{};
    /// The peers beside ours also where they are not what ours is compared with.
    bool with_peers = false;

    bool wants(const std::string& figure_name) const {
        return only.empty() ||
               ("." + figure_name + ".").find("." + only + ".") != std::string::npos;
    }
    int rounds_or(int usual) const { return rounds.value_or(usual); }
};

std::vector<figure> enqueue_bench(machine& where, const settings& how);
std::vector<figure> relay_bench(machine& where, const settings& how);
std::vector<figure> broker_bench(machine& where, const settings& how);
std::vector<figure> consumer_bench(machine& where, const settings& how);

} // namespace outbox::bench
