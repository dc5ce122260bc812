#include "outbox/consumer/idempotency/first_time.hpp"

#include "outbox/base/error.hpp"
#include "outbox/base/random.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace outbox {
namespace {

bytes new_token() {
    std::array<unsigned char, 8> token{};
    system_random().fill(token);
    return {token.begin(), token.end()};
}

std::vector<bytes> note(consumed_keys& tx, const consumed_batch& batch) {
    try {
        return tx.note_consumed(batch);
    } catch (const error& e) {
        if (e.kind() != error_kind::not_in_transaction)
            throw;
        throw error(
            error_kind::not_in_transaction,
            "first_time() was asked where no transaction is open that would bind its answer to "
            "your change",
            "ask between the beginning of a transaction and its commit"
        );
    }
}

} // namespace

once::once(const group_name& group, const message_key& key)
    : group_(group.text())
    , key_(key.raw())
    , token_(new_token()) {}

namespace detail {

void refuse_name(const outbox_name& in) {
    throw usage_error(
        "outbox: first_time() was told to use the outbox \"" + in.text() +
        "\" in a transaction that belongs to one already"
    );
}

std::vector<bool>
note_first_times(consumed_keys& tx, const group_name& group, std::span<const message_key> keys) {
    if (keys.size() > consumed_batch::keys_max)
        throw usage_error(
            "outbox: first_times() was asked for " + std::to_string(keys.size()) +
            " keys; at most " + std::to_string(consumed_batch::keys_max) + " at once"
        );
    std::set<bytes> asked;
    for (const message_key& key : keys)
        asked.insert(key.raw());
    std::vector<bool> first(keys.size(), false);
    if (asked.empty())
        return first;
    const std::vector<bytes> in_order{asked.begin(), asked.end()};
    const auto noted = note(tx, {.group = group.text(), .keys = in_order, .token = new_token()});
    std::set<bytes> fresh{noted.begin(), noted.end()};
    for (std::size_t i = 0; i < keys.size(); ++i)
        first[i] = fresh.erase(keys[i].raw()) > 0;
    return first;
}

} // namespace detail
} // namespace outbox
