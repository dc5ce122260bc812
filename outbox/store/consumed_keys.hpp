#pragma once
// Noting, within an open transaction, what a consumer does in it. A door that can do it implements
// this; a user says first_time(), see outbox/consumer/idempotency/first_time.hpp.

#include "outbox/base/bytes.hpp"
#include "outbox/base/error.hpp"
#include "outbox/store/applied_question.hpp"

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace outbox {

/// Of one group, at most `keys_max` keys, ascending and each once: two transactions that note the
/// same ones then wait for each other instead of both failing.
struct consumed_batch {
    static constexpr std::size_t keys_max = 1'000;

    std::string_view group{};
    std::span<const bytes> keys{};
    /// 8 random bytes of this batch alone: how MariaDB and MySQL tell it from others.
    bytes token{};
};

class consumed_keys {
public:
    /// Notes those of the keys that nobody has noted, and returns them. A key that another open
    /// transaction has noted is waited for: it counts as noted if that one commits. Throws what the
    /// door throws when a statement fails (a lock wait that ran out, a serialization failure), and
    /// outbox::error (not_in_transaction) when nothing would bind the keys to the user's change.
    virtual std::vector<bytes> note_consumed(const consumed_batch& batch) {
        static_cast<void>(batch);
        cannot();
    }
    /// Removes keys noted longer than `age` ago by the database's clock, of all groups, at most
    /// `rows_max` of them. Returns how many.
    virtual std::size_t forget_consumed(std::chrono::seconds age, std::size_t rows_max) {
        static_cast<void>(age);
        static_cast<void>(rows_max);
        cannot();
    }

    /// What first_time_numbered() wants, see applied_question.hpp; rows of one text. Throws as
    /// note_consumed() does.
    virtual std::vector<std::string> ask_applied(const applied_question& about) {
        static_cast<void>(about);
        cannot();
    }

protected:
    ~consumed_keys() = default;

private:
    [[noreturn]] static void cannot() {
        throw usage_error("outbox: this door cannot note what a consumer has done");
    }
};

/// For the authors of doors: the keys from an answer that has them in hexadecimal; an empty text is
/// none.
std::vector<bytes> keys_from_hex(const std::vector<std::string>& texts);

} // namespace outbox
