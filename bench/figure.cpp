#include "bench/figure.hpp"

#include "outbox/base/error.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <fstream>

namespace outbox::bench {

void print(const std::vector<figure>& figures) {
    std::printf(
        "\n%-66s %14s %-12s %14s  %-28s %7s %7s %6s\n",
        "figure",
        "value",
        "unit",
        "baseline",
        "",
        "ratio",
        "spread",
        "rounds"
    );
    for (const auto& each : figures)
        std::printf(
            "%-66s %14.1f %-12s %14.1f  %-28s %7.2f %6.0f%% %6d\n",
            each.name.c_str(),
            each.value,
            each.unit.c_str(),
            each.baseline,
            each.baseline_name.c_str(),
            each.ratio,
            each.spread * 100,
            each.rounds
        );
    std::printf("ratio: median of value / baseline over the rounds; spread: (greatest - least) / "
                "median of these\n");
}

void write_json(const std::vector<figure>& figures, const std::filesystem::path& file) {
    auto all = nlohmann::ordered_json::array();
    for (const auto& each : figures)
        all.push_back({
            {"name", each.name},
            {"value", each.value},
            {"unit", each.unit},
            {"baseline", each.baseline},
            {"baseline_name", each.baseline_name},
            {"ratio", each.ratio},
            {"spread", each.spread},
            {"rounds", each.rounds},
        });
    std::ofstream out{file};
    out << all.dump(2) << '\n';
    out.flush();
    if (!out)
        throw error{error_kind::io, "cannot write " + file.string()};
}

} // namespace outbox::bench
