#pragma once
// What the watchdog is told: which databases to relay, and where to. One TOML file;
// docs/watchdog.md shows it whole.

#include "outbox/base/log.hpp"
#include "outbox/consumer/idempotency/retention.hpp"
#include "outbox/relay/receipt_sender.hpp"
#include "outbox/relay/relay_machine.hpp"
#include "outbox/store/outbox_name.hpp"
#include "outbox/store/relay_store.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace outbox::watchdog {

struct target_config {
    std::string name{};
    /// "kafka": anything that speaks its protocol, outbox-broker included.
    std::string kind = "kafka";
    /// "host:port", several with commas between them.
    std::string brokers = "127.0.0.1:9092";
    /// Passed to librdkafka as they are.
    std::map<std::string, std::string> properties{};
    /// How many waves all its databases together may have out; 0: each its own, whatever the others
    /// do.
    int waves_at_once = 0;
};

struct database_config {
    std::string name{};
    std::string url{};
    /// Which of the outboxes in it.
    outbox_name outbox{};
    /// The name of a target.
    std::string target{};
    /// Where the target takes only so many waves at once, the highest goes first.
    int priority = 0;
    std::string doorbell = "udp:127.0.0.1:0";
    relay_timing timing{};
    slice_limits slice{};
    /// For how long what consumers have applied is kept; for ever when empty.
    std::optional<retention> applied{};
    /// Messages carry numbers: docs/numbering.md.
    bool numbered = false;
    /// Whom producers may ask to have receipts sent to; nobody when empty.
    std::optional<receipt_reach> receipts = receipt_reach::loopback;
};

struct config {
    /// Shown as the holder of leases; the host's name by default.
    std::string name{};
    log_level least_logged = log_level::info;
    std::vector<target_config> targets{};
    std::vector<database_config> databases{};
};

/// Throws outbox::error (invalid_argument) naming file, line and key for whatever is wrong with it.
config read_config(const std::filesystem::path& file);

} // namespace outbox::watchdog
