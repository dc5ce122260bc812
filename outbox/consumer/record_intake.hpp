#pragma once
// What a record that was read means to this consumer: for the machine, when it may be handed out
// and behind what; for the handler, a delivery.

#include "outbox/base/clock.hpp"
#include "outbox/consumer/call_queue.hpp"
#include "outbox/consumer/consumer_machine.hpp"
#include "outbox/consumer/consumer_options.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

namespace outbox {

/// The partition in which it stands.
struct record_home {
    consumed_partition of{};
    std::optional<std::chrono::milliseconds> retry_delay{}; // it is a retry topic
    bool is_parking = false;
};
record_home home_of(consumed_partition partition, const consumer_options& options);

struct intake_place {
    partition_handle partition = 0;
    outbox::ticket ticket = 0;
    const record_home* from = nullptr;
};
struct intake {
    std::shared_ptr<work_item> item{};
    consumer_event::fetched event{};
};
/// Any bytes. Nothing of the arguments is kept.
intake
take_in(const intake_place& at, record what, const consumer_options& options, const clock& time);

/// As headers have it.
std::int64_t ms_since_1970(time_point t);

} // namespace outbox
