#pragma once
// The few numbers about numbers that a bench needs.

#include <algorithm>
#include <cstddef>
#include <vector>

namespace outbox::bench {

/// The value below which `part` (0 to 1) of them lie. Precondition: not empty.
inline double quantile(std::vector<double> values, double part) {
    const auto last = values.size() - 1;
    const auto at =
        values.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(last) + 0.5);
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

inline double median(std::vector<double> values) {
    const auto half = values.size() / 2;
    std::sort(values.begin(), values.end());
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// How far apart the extremes are, as a part of the median: 0 when all are the same.
inline double spread(const std::vector<double>& values) {
    const auto [least, greatest] = std::minmax_element(values.begin(), values.end());
    const auto middle = median(values);
    return middle == 0 ? 0 : (*greatest - *least) / middle;
}

} // namespace outbox::bench
