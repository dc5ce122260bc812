#pragma once
// Each partition of a request is answered once, however often it is named: otherwise a request of a
// MiB could ask for gigabytes.

#include <cstdint>
#include <set>
#include <string_view>
#include <utility>

namespace outbox::broker {

/// The names live as long as the request.
class named_before {
public:
    /// Whether the request has named this partition before.
    bool operator()(std::string_view topic, std::int32_t partition) {
        return !seen_.emplace(topic, partition).second;
    }

private:
    std::set<std::pair<std::string_view, std::int32_t>> seen_;
};

} // namespace outbox::broker
