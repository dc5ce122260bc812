#include "outbox/testing/drain.hpp"

#include "outbox/base/clock.hpp"
#include "outbox/base/error.hpp"
#include "outbox/message/receipt_request.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace outbox::testing {
namespace {

using namespace std::chrono_literals;

constexpr auto lease_time = 60s;
constexpr auto answer_patience = 10s;
// Work of bounded size each; a test that leaves more behind loses nothing.
constexpr int rounds_max = 1'000;
constexpr std::size_t due_at_once = 1'000;

bool take(target& to, const stored_message& m, std::string& reason) {
    const stored_message* const wave[] = {&m};
    to.deliver(wave);
    std::vector<delivery_outcome> outcomes;
    const tick_point until = system_clock().ticks() + answer_patience;
    while (outcomes.empty()) {
        if (system_clock().ticks() > until)
            to.cancel();
        to.await(10ms, outcomes);
    }
    reason = outcomes[0].reason;
    return outcomes[0].fate == fate::delivered;
}

} // namespace

drained drain(database& from, target& to, int shard) {
    const std::unique_ptr<relay_store> store = from.open_relay_store();
    const lease_answer answer = store->acquire(shard, "outbox::testing::drain", lease_time, "");
    if (!answer.granted && answer.holder.empty())
        throw error(
            error_kind::conflict,
            "the outbox cannot be drained: the database is busy with an open transaction",
            "commit or roll back before you drain"
        );
    if (!answer.granted)
        throw error(
            error_kind::conflict,
            "the outbox cannot be drained: its lease is held by " + answer.holder,
            "stop the relay or the watchdog of this database, or look at what that delivers"
        );
    const std::int64_t epoch = answer.granted->epoch;
    cursor at = answer.granted->from;
    drained result;
    for (int i = 0; i < rounds_max && store->release_due(shard, epoch, due_at_once).released > 0;
         ++i) {
    }
    // Twice nothing: what was committed late, under a lower number, may be seen by a second look.
    for (int empty = 0; empty < 2;) {
        // One at a time, so that what is delivered before a refused message is recorded.
        slice found = store->read(shard, at, {.message_count_max = 1});
        empty = found.messages.empty() && !found.more ? empty + 1 : 0;
        bool taken = true;
        for (stored_message& m : found.messages) {
            static_cast<void>(take_receipt_request(m.content.headers));
            taken = take(to, m, result.reason) || take(to, m, result.reason);
            result.delivered += taken ? 1 : 0;
        }
        if (!taken)
            break;
        at = found.after;
    }
    if (at != answer.granted->from && store->advance(shard, epoch, at) == write_result::busy)
        throw error(
            error_kind::conflict,
            "the outbox was drained, and that cannot be recorded: a write transaction is open",
            "commit or roll back before you drain"
        );
    for (int i = 0; i < rounds_max && store->remove_delivered(shard, epoch); ++i) {
    }
    result.left = static_cast<std::size_t>(store->status(shard).backlog);
    store->release(shard, epoch);
    return result;
}

} // namespace outbox::testing
