#pragma once
// How a message is posted that belongs to no transaction: what it survives, and what that costs.
// docs/sending.md has the table.

#include "outbox/base/backoff.hpp"

#include <chrono>
#include <cstddef>

namespace outbox {

enum class durability {
    /// Part of a business transaction. That is what transact(), join() and send() do; post()
    /// refuses
    /// it.
    transactional,
    /// A row, committed in a transaction of its own before post() returns, and then delivered by a
    /// relay as any other. In order with the other messages of its key.
    persistent,
    /// Sent straight to the target; a row is written only when that fails or is not acknowledged by
    /// the deadline. Then it may arrive twice, under the same message id. Until one or the other
    /// has
    /// happened it lives in this process's memory only. A message with an order key goes the way of
    /// `persistent`, because only the relay can keep it in order with what other processes send; so
    /// does one with a delivery time, because only the database can wait.
    store_on_failure,
    /// Queued in memory, sent in batches, tried again until the deadline. Lost when the process
    /// dies, and at the deadline. Messages of one key keep their order within this process.
    in_memory,
    /// Queued in memory and sent once. Lost whenever anything is in its way, also a full queue.
    best_effort,
};

/// "transactional", "persistent", "store_on_failure", "in_memory", "best_effort".
const char* to_string(durability kind) noexcept;

struct post_options {
    outbox::durability durability = outbox::durability::persistent;
    /// When the fate is decided, counted from post(). For a row: until then a receipt is waited
    /// for, after it the fate is left_to_watchdog. Without a row: see the kinds.
    std::chrono::milliseconds deadline{30'000};
};

/// What a producer may hold in memory for posts without a row, and how it goes about them.
struct post_tuning {
    /// Beyond either, post() waits for room (in_memory), writes the row at once (store_on_failure)
    /// or drops the message (best_effort).
    std::size_t messages_max = 10'000;
    std::size_t bytes_max = 64U << 20U;
    /// Sent to the target at a time.
    std::size_t wave_messages_max = 1'000;
    std::size_t wave_bytes_max = 4U << 20U;
    /// Rows in one transaction, when the target is away.
    std::size_t store_messages_max = 500;
    backoff_policy target_backoff{};
    backoff_policy store_backoff{};
};

} // namespace outbox
