#pragma once
// Claims in this process's memory, by a clock of your choice: for tests of handlers, and the model
// to which the other places are held. Nothing is kept when the process ends.
//
//   outbox::memory_claims claims{clock};
//   outbox::idempotency_checker checker{billing, [&] { return claims.open(); }};

#include "outbox/base/clock.hpp"
#include "outbox/store/claim_record.hpp"
#include "outbox/store/claim_store.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace outbox {

/// Any thread. Must outlive what open() returns.
class memory_claims {
public:
    explicit memory_claims(const clock& time = system_clock()) noexcept : time_(&time) {}

    std::unique_ptr<claim_store> open();

private:
    class session;

    const clock* time_;
    std::mutex mutex_;
    std::map<std::pair<std::string, bytes>, claim_record> records_;
};

} // namespace outbox
