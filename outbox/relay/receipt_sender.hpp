#pragma once
// Sends receipts to producers: one datagram for many messages. Bind it to a relay with
// relay_options::observer.

#include "outbox/relay/outcome_observer.hpp"

namespace outbox {

/// An address stands in a row, and whoever may write rows chooses it.
enum class receipt_reach {
    /// To producers on this machine only.
    loopback,
    /// To any address. For producers on other machines, where everybody who may write to the outbox
    /// table may also make this host send small datagrams.
    any,
};

/// Keeps nothing; any number of relays may share one.
class receipt_sender final : public outcome_observer {
public:
    explicit receipt_sender(receipt_reach reach = receipt_reach::loopback) noexcept
        : reach_(reach) {}

    void observe(std::span<const observed_outcome> outcomes) noexcept override;

private:
    receipt_reach reach_;
};

} // namespace outbox
