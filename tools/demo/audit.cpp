#include "tools/demo/audit.hpp"

#include <string>

namespace outbox::demo {

harness::verdict audit(const std::vector<placed_order>& books, const audience& seen) {
    harness::ledger ledger;
    // What is not in the books was rolled back, or never got as far: it has no business arriving.
    for (const placed_order& o : books)
        ledger.sent(
            {.id = o.message_id, .key = std::to_string(o.customer), .key_sequence = o.position},
            harness::fate::committed
        );
    for (const arrival& a : seen.arrivals())
        ledger.arrived(
            {.id = a.message_id,
             .key = std::to_string(a.customer),
             .key_sequence = a.position,
             .partition = a.partition,
             .offset = a.offset}
        );
    for (const auto& [id, times] : seen.effects()) {
        for (std::int64_t i = 0; i < times; ++i)
            ledger.applied(id);
    }
    return ledger.judge();
}

} // namespace outbox::demo
