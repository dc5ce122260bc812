#pragma once
// Claims of idempotency checkers in PostgreSQL, on a connection of their own.

#include "outbox/store/claim_store.hpp"
#include "outbox/store/postgresql/connection.hpp"

#include <memory>
#include <string>

namespace outbox::postgresql {

/// Throws outbox::error (unreachable).
std::unique_ptr<claim_store>
open_claim_store(const std::string& url, const outbox_name& name = {}, const timeouts& limits = {});

} // namespace outbox::postgresql
