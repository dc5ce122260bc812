#include "bench/contest.hpp"

#include "bench/statistics.hpp"

#include <cstdio>

namespace outbox::bench {

double contest::measure(const contestant& one, const std::string& round) {
    if (one.prepare)
        one.prepare();
    machine_->begin();
    const auto value = one.measure();
    const auto around = machine_->end();
    const bool disturbed = around.other_cpu + around.steal > disturbed_above;
    std::printf(
        "  %-5s %-30s %14.1f %-10s  other cpu %3.0f %%  steal %2.0f %%  fdatasync %6.0f/s%s\n",
        round.c_str(),
        one.name.c_str(),
        value,
        unit_.c_str(),
        around.other_cpu * 100,
        around.steal * 100,
        around.syncs_per_s,
        disturbed ? "  disturbed" : ""
    );
    std::fflush(stdout);
    return value;
}

void contest::run(int rounds) {
    std::printf("\n%s\n", title_.c_str());
    const auto a = measure(contestants_.front(), "A");
    const auto again = measure(contestants_.front(), "A");
    std::printf("  A/A ratio %.2f\n", again / a);
    for (int round = 1; round <= rounds; ++round) {
        for (const auto& one : contestants_)
            values_[one.name].push_back(measure(one, std::to_string(round)));
    }
}

figure contest::compare(const std::string& name, const std::string& one, const std::string& against)
    const {
    const auto& ours = values_.at(one);
    const auto& theirs = values_.at(against);
    std::vector<double> ratios;
    for (std::size_t round = 0; round < ours.size(); ++round)
        ratios.push_back(ours[round] / theirs[round]);
    return {
        .name = name,
        .value = median(ours),
        .unit = unit_,
        .baseline = median(theirs),
        .baseline_name = against,
        .ratio = median(ratios),
        .spread = spread(ratios),
        .rounds = static_cast<int>(ours.size()),
    };
}

} // namespace outbox::bench
