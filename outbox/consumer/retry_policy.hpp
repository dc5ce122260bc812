#pragma once
// When a message that failed is tried again, and when it is given up.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace outbox {

struct retry_policy {
    /// The wait before the second attempt, the third, and so on; behind the last one the message
    /// goes to the dead-letter topic. The default is RocketMQ's: 16 retries, 4 hours 46 minutes
    /// from the first to the last. Empty: a message that fails is dead at once. Rising, at most
    /// retry_delay_count_max, each at most retry_delay_max.
    std::vector<std::chrono::milliseconds> delays = default_delays();
    /// A wait up to this length is spent in memory, not in a retry topic: the message stays
    /// uncommitted and holds up the commit of its partition for so long.
    std::chrono::milliseconds in_place_max{1'000};

    static std::vector<std::chrono::milliseconds> default_delays();

    /// Throws outbox::error (invalid_argument) when the delays break the rules above.
    void check() const;
    /// Whether any of the waits is spent in a retry topic, where messages may go there at all.
    bool has_topics() const noexcept { return !delays.empty() && delays.back() > in_place_max; }
    std::uint32_t attempt_count_max() const noexcept {
        return static_cast<std::uint32_t>(delays.size()) + 1;
    }
};

inline constexpr std::size_t retry_delay_count_max = 64;
inline constexpr std::chrono::hours retry_delay_max{24 * 7};

enum class retry_way {
    /// Stays in memory.
    in_place,
    /// Into the retry topic of the policy's `delays[step]`.
    topic,
    /// To where the partition's parked messages wait.
    park,
    dead_letter,
};

/// What becomes of a message after a failure.
struct retry_decision {
    retry_way way = retry_way::dead_letter;
    std::chrono::milliseconds delay{};
    std::size_t step = 0;

    bool operator==(const retry_decision&) const = default;
};

enum class retry_place {
    /// Short waits in memory, longer ones in retry topics.
    any,
    /// In memory, however long.
    in_place_only,
    /// Short waits in memory; for a longer one the message and all of its key behind it are parked.
    park_key,
};

/// After attempt number `attempt` (1: the first) failed. `wanted` is what the handler asked for;
/// nothing: as the policy says. A wait that is not one of the policy's is rounded up to the next of
/// them; one that is longer than the last takes several rounds there.
retry_decision decide_retry(
    const retry_policy& policy,
    std::uint32_t attempt,
    std::optional<std::chrono::milliseconds> wanted,
    retry_place place
);

/// The step whose topic a message takes that is to wait for `delay`: the first that is not shorter,
/// else the last. The first when the policy has none.
std::size_t step_for(const retry_policy& policy, std::chrono::milliseconds delay) noexcept;

} // namespace outbox
