#pragma once
// Claims of idempotency checkers in a SQLite file, on a connection of their own. The clock is this
// machine's, as everything is that shares the file.

#include "outbox/store/claim_store.hpp"
#include "outbox/store/outbox_name.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace outbox::sqlite {

/// Opens `path`, which must exist. Throws outbox::error (unreachable).
std::unique_ptr<claim_store>
open_claim_store(const std::string& path, const outbox_name& name = {});

class outbox_connection;

/// claim_store::forget_before() on a connection.
std::size_t
forget_claims(const outbox_connection& db, std::chrono::seconds age, std::size_t rows_max);

} // namespace outbox::sqlite
