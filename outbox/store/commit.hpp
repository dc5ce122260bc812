#pragma once
// For those who commit on a connection of their own: the one moment in which a lost connection
// means more than to try again.

#include "outbox/base/error.hpp"

#include <utility>

namespace outbox {

/// Runs `commit`, which says COMMIT. An `unreachable` that comes out of it comes out of here as
/// `in_doubt`, because the database may have committed; everything else as it is.
template <class Commit>
void commit_or_doubt(Commit&& commit) {
    try {
        std::forward<Commit>(commit)();
    } catch (const error& e) {
        if (e.kind() != error_kind::unreachable)
            throw;
        throw error(
            error_kind::in_doubt,
            e.what(),
            "the messages may be committed; if they are, they will be delivered"
        );
    }
}

} // namespace outbox
