#pragma once
// Which number each message was given, written down before it is sent, so that a message that is
// sent again carries the number it had. The book stands in the business database, beside the
// relay's cursor. What uses it is outbox/relay/numbered_store.hpp; docs/numbering.md says why each
// rule here is needed.
//
// A relay begins by claiming the book for a `source`, an id that nobody has used before. From then
// on only this source can bind: whatever an earlier session still has under way finds another
// source in its row and writes nothing.

#include "outbox/base/bytes.hpp"
#include "outbox/message/message_id.hpp"
#include "outbox/store/relay_store.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace outbox {

/// The row of a message, and what tells another message in its place: numbers of rows may come
/// again when somebody empties the table and resets its counter.
struct bound_message {
    std::int64_t seq = 0;
    /// CRC-32C of the message id.
    std::uint32_t id_check = 0;

    auto operator<=>(const bound_message&) const = default;
};

bound_message bound(std::int64_t seq, const message_id& id) noexcept;

/// One slice: `messages[k]` has the number first_number + k of `source`.
struct intent {
    /// Rises with every intent of a shard, for ever.
    std::int64_t place = 0;
    std::string source{};
    std::int64_t first_number = 1;
    std::vector<bound_message> messages{};

    bool operator==(const intent&) const = default;
};

/// As the column `messages` has them: byte 1 (version), then for each message its seq less that of
/// the one before (from 0, 64 bits, wrapping round) as a varint and id_check as four bytes, most
/// significant first. About 5 bytes each. Golden bytes in tests/store/intent_book_test.cpp.
bytes encode_bound(std::span<const bound_message> messages);
/// Throws outbox::error (corrupt). Allocates no more than a few times what `data` holds.
std::vector<bound_message> decode_bound(bytes_view data);

struct claim_answer {
    /// lease_lost: a higher epoch has claimed.
    write_result result = write_result::done;
    /// Of the first intent that is bound next.
    std::int64_t next_place = 0;
};

/// Part of a relay_store: same session, same thread, same errors.
class intent_book {
public:
    virtual ~intent_book() = default;

    /// From now on `source` numbers the messages of this shard, unless a higher epoch has claimed.
    /// Throws schema_mismatch when the tables of numbering are not there.
    virtual claim_answer claim(int shard, std::int64_t epoch, const std::string& source) = 0;

    /// The intents that are not forgotten, in the order of their places. Called after claim(), it
    /// misses none of an earlier source, whatever is still under way.
    virtual std::vector<intent> load(int shard) = 0;

    /// Writes one intent. `done` means that it is as durable as the database can make it; when it
    /// throws, the intent may have been written or not. lease_lost: another source has claimed.
    virtual write_result bind(int shard, const intent& what) = 0;

    /// As relay_store::advance(), and forgets the intents at `places`, both or neither: what is in
    /// the book is what may have to be sent again from the recorded cursor, after any crash.
    virtual write_result advance_and_forget(
        int shard,
        std::int64_t epoch,
        const cursor& to,
        std::span<const std::int64_t> places
    ) = 0;
};

} // namespace outbox
