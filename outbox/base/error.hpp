#pragma once
// The errors that leave this library: one root, `outbox::error`, that answers the questions a
// caller has.
//
//   retryable()  Would the same call, made again, have a chance? (The database was restarting, the
//   lease was lost.) in_doubt()   Is it unknown whether the change was made? True only for a COMMIT
//   whose answer was lost. Never treat it
//                as a failure: the message, if its row exists, will be delivered.
//   hint()       What to do now, in words for the person who reads the log.
//
// `usage_error` is a mistake in the calling program, such as sending after the transaction ended;
// fix the program. Exceptions of the user's own database driver, thrown by the user's own
// statements, pass through untouched.

#include <stdexcept>
#include <string>

namespace outbox {

enum class error_kind {
    invalid_argument,   // a value outside its rule: a topic name, a size, a configuration key
    unreachable,        // no connection to the database or the broker
    schema_mismatch,    // the outbox tables are absent or of another version
    not_in_transaction, // a message was sent where nothing would make it atomic
    rejected,           // the database or the target refused this very message
    in_doubt,           // COMMIT was sent, its answer never came
    conflict,           // somebody else holds it: a lease, a port, a data directory
    io,                 // the disk or the operating system refused
    corrupt,            // bytes that were once good are not
};

/// The name of a kind as it appears in logs and in `--json` output, such as "schema_mismatch".
const char* to_string(error_kind kind) noexcept;

class error : public std::runtime_error {
public:
    /// `what` says what failed and why; `hint` what to do, may be empty. what() holds both.
    error(error_kind kind, const std::string& what, const std::string& hint = {});

    error_kind kind() const noexcept { return kind_; }
    bool retryable() const noexcept {
        return kind_ == error_kind::unreachable || kind_ == error_kind::conflict;
    }
    bool in_doubt() const noexcept { return kind_ == error_kind::in_doubt; }
    const std::string& hint() const noexcept { return hint_; }

private:
    error_kind kind_;
    std::string hint_;
};

class usage_error : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

} // namespace outbox
