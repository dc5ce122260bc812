#pragma once
// first_time() for messages that carry a number (docs/numbering.md): one row for each relay that
// ever had the lease of the outbox, instead of one for each message, and nothing to remove by age
// before its messages can no longer come.
//
//   pqxx::work tx{db};
//   if (outbox::first_time_numbered(tx, billing, d.number.value()))
//       tx.exec_params("update account set balance = balance - $1 where id = $2", amount, id);
//   tx.commit();
//   return outbox::outcome::ack();                // only now
//
// All that first_time() asks of you holds here, too. And:
// - All transactions of a group that take messages of one source change one row, and so wait for
//   each other until commit. Take it for consumers that commit briefly, or that take many messages
//   in one transaction; with first_time() nobody waits for anybody.
// - A group that does not read all subjects of that outbox never sees the numbers of the others:
//   each stretch of them is a gap in the row, and at number_set::ranges_max gaps nothing new can be
//   noted. Take first_time() for such a group.
// - The two do not know of each other: a group uses one or the other.
//
// A message without numbers (d.number is nothing) is yours to decide about: it comes from another
// producer, or from a relay that does not number.

#include "outbox/consumer/delivery_number.hpp"
#include "outbox/consumer/idempotency/first_time.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace outbox {

namespace detail {

std::vector<bool>
note_numbers(consumed_keys& tx, const group_name& group, std::span<const delivery_number> numbers);

} // namespace detail

/// True: nobody has applied this message for `group`, and with the commit of `tx` it is applied. In
/// `tx`'s own thread. Two trips to the server, four for the first message of a source. Throws as
/// first_time() does; conflict when the row has number_set::ranges_max gaps and the number would
/// need one more: then nothing is known of the message and nothing is noted. Do not apply and do
/// not acknowledge it; it can be noted when what is missing has come. Corrupt when the row cannot
/// be read.
template <class Tx>
[[nodiscard]] bool first_time_numbered(
    Tx& tx,
    const group_name& group,
    const delivery_number& number,
    const std::optional<outbox_name>& in = std::nullopt
) {
    return detail::with_consumed_keys(tx, in ? &*in : nullptr, [&](consumed_keys& door) -> bool {
        return detail::note_numbers(door, group, std::span{&number, 1}).front();
    });
}

/// The same for several messages, in the order of `numbers`; of equal ones the first. Two trips for
/// each source among them. When it throws, none is noted once `tx` is rolled back.
template <class Tx>
[[nodiscard]] std::vector<bool> first_times_numbered(
    Tx& tx,
    const group_name& group,
    std::span<const delivery_number> numbers,
    const std::optional<outbox_name>& in = std::nullopt
) {
    return detail::with_consumed_keys(tx, in ? &*in : nullptr, [&](consumed_keys& door) {
        return detail::note_numbers(door, group, numbers);
    });
}

/// Removes the rows of sources of all groups in which nothing new was noted for `keep`, at most
/// `rows_max` of them, and returns how many. What of such a source comes after all: a new message
/// is taken for new; one that was applied would be applied again, which is why `keep` is what it
/// is.
template <class Tx>
std::size_t forget_numbers(
    Tx& tx,
    const retention& keep,
    std::size_t rows_max = 1'000,
    const std::optional<outbox_name>& in = std::nullopt
) {
    return detail::with_consumed_keys(tx, in ? &*in : nullptr, [&](consumed_keys& door) {
        return std::stoul(door.ask_applied({.what = applied_question::forget,
                                            .age = keep.keep(),
                                            .rows_max = rows_max})
                              .at(0));
    });
}

} // namespace outbox
