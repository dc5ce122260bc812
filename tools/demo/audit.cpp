#include "tools/demo/audit.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <string>

namespace outbox::demo {

account audit(const std::vector<placed_order>& books, const audience& seen, points_book& points) {
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
    account result;
    const std::vector<effect> effects = points.effects();
    std::map<int, std::int64_t> last; // position, of each customer
    std::set<std::string> applied;
    for (const effect& e : effects) {
        if (points.effects_may_repeat() && !applied.insert(e.message_id).second) {
            ++result.repeated_effects;
            continue;
        }
        ledger.applied(e.message_id);
        std::int64_t& highest = last[e.customer];
        if (e.position < highest)
            ++result.effects_out_of_order;
        highest = std::max(highest, e.position);
    }
    result.points_unaccounted =
        std::abs(points.points() - static_cast<std::int64_t>(effects.size()));
    result.messages = ledger.judge();
    return result;
}

} // namespace outbox::demo
