#pragma once
// What a bench has found: one object of the JSON file, one line of the table.

#include <filesystem>
#include <string>
#include <vector>

namespace outbox::bench {

struct figure {
    std::string name{};
    double value = 0; // median over the rounds
    std::string unit{};
    double baseline = 0; // the same, of what it is compared with
    std::string baseline_name{};
    double ratio = 0;  // median over the rounds of value / baseline in the same round
    double spread = 0; // of these ratios: (greatest - least) / median
    int rounds = 0;
};

void print(const std::vector<figure>& figures);
/// Throws outbox::error when the file cannot be written.
void write_json(const std::vector<figure>& figures, const std::filesystem::path& file);

} // namespace outbox::bench
