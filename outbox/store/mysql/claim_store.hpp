#pragma once
// Claims of idempotency checkers in MariaDB and MySQL, on a connection of their own.

#include "outbox/store/claim_store.hpp"
#include "outbox/store/mysql/connection.hpp"

#include <chrono>
#include <cstddef>
#include <memory>

namespace outbox::mysql {

/// Throws outbox::error (unreachable).
std::unique_ptr<claim_store> open_claim_store(
    const server_url& where,
    const outbox_name& name = {},
    const timeouts& limits = {}
);

/// claim_store::forget_before() on a connection.
std::size_t forget_claims(connection& db, std::chrono::seconds age, std::size_t rows_max);

} // namespace outbox::mysql
