#pragma once
// Several ways to do the same, measured by turns: A B C, A B C, … so that whatever the machine does
// to one it does to the others, too. Only ratios inside a round are worth comparing. First of all
// the first one runs twice: the two show how much two equal things differ here and now.

#include "bench/figure.hpp"
#include "bench/machine.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace outbox::bench {

struct contestant {
    std::string name{};
    /// Not measured. May be empty.
    std::function<void()> prepare{};
    /// Returns what was measured, such as messages per second.
    std::function<double()> measure{};
};

class contest {
public:
    contest(machine& where, std::string title, std::string unit)
        : machine_(&where)
        , title_(std::move(title))
        , unit_(std::move(unit)) {}

    void add(contestant one) { contestants_.push_back(std::move(one)); }
    /// Prints a line for each measurement.
    void run(int rounds);

    /// The figure called `name` of one contestant against another. Precondition: run().
    figure
    compare(const std::string& name, const std::string& one, const std::string& against) const;
    const std::vector<double>& values(const std::string& one) const { return values_.at(one); }

private:
    double measure(const contestant& one, const std::string& round);

    machine* machine_;
    std::string title_;
    std::string unit_;
    std::vector<contestant> contestants_;
    std::map<std::string, std::vector<double>> values_;
};

} // namespace outbox::bench
