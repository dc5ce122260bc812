#pragma once
// What a partition's directory holds after a stop of any kind, and the decision that matters most
// here: a frame that is not whole is either a torn tail, never acknowledged, and is cut; or it is
// damage to acknowledged data, and then nothing is cut, nothing from there on is served, and the
// partition takes no more appends. FORMAT.md tells how the two are told apart and when they cannot
// be.

#include "broker/log/durable_offsets.hpp"
#include "broker/log/epoch_history.hpp"
#include "broker/log/producer_states.hpp"
#include "broker/log/segment.hpp"
#include "broker/log/topic_config.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace outbox::broker {

struct recovery_input {
    std::string directory;
    bool clean = false;                    // the last run left the mark of a clean stop
    std::optional<witness_record> witness; // nothing: its slot is lost
    std::optional<epoch_history> epochs;   // nothing: unknown, to be found by scanning everything
    topic_config config;
    std::size_t producer_count_max = 0;
};

struct recovered_log {
    std::error_code error;           // of the disk: this partition cannot be opened
    std::string damage;              // for people; empty if all is well
    std::int64_t damage_offset = -1; // the first offset that cannot be served, if damaged
    std::vector<std::shared_ptr<segment>> segments; // ascending; at least one unless damaged
    std::int64_t log_start = 0;
    std::int64_t log_end = 0; // everything below is on disk when recover_partition() returns
    producer_states producers{0};
    epoch_history epochs;
    std::int64_t bytes_scanned = 0;
    std::int64_t torn_bytes_cut = 0;
    bool loss_accepted =
        false; // a person asked for it: remove that file once the new end is durable everywhere
};

/// Reads, cuts a torn tail, makes durable what stays. Run again after being interrupted anywhere,
/// it comes to the same end.
recovered_log recover_partition(disk& files, const recovery_input& input);

} // namespace outbox::broker
