#pragma once
// A savepoint in the transaction that `transact` opens, the same behind every door. It lives until
// it is released or rolled back; the destructor rolls back. The messages sent meanwhile go with it,
// which they do not for a savepoint that SQL of your own sets while they still wait for COMMIT.
//
//   auto maybe = tx.savepoint();
//   tx.execute("…"); out.send(…);
//   maybe.release();                                    // or maybe.rollback()
//
// End an inner one before the one around it. When one cannot be ended, the transaction cannot be
// committed.

#include "outbox/store/adapter.hpp"

#include <cstddef>
#include <exception>
#include <string>
#include <utility>

namespace outbox {

/// `tx` must outlive it, and so must the messages, where there are any that wait.
template <class Transaction>
class savepoint_guard {
public:
    savepoint_guard(Transaction& tx, pending_messages* pending, int number)
        : tx_(&tx)
        , pending_(pending)
        , messages_before_(pending == nullptr ? 0 : pending->rows.size())
        , name_("outbox_savepoint_" + std::to_string(number)) {
        tx.execute("savepoint " + name_);
    }
    savepoint_guard(const savepoint_guard&) = delete;
    savepoint_guard& operator=(const savepoint_guard&) = delete;
    ~savepoint_guard() {
        try {
            if (tx_ != nullptr)
                rollback();
        } catch (const std::exception&) { // end() has seen to it that nothing is committed
        }
    }

    void release() { end("release savepoint "); }
    void rollback() {
        // There may be fewer: the one around it has been rolled back.
        if (pending_ != nullptr && pending_->rows.size() > messages_before_)
            pending_->rows.resize(messages_before_);
        end("rollback to savepoint ");
    }

private:
    void end(const char* how) {
        Transaction* const tx = std::exchange(tx_, nullptr);
        try {
            tx->execute(how + name_);
        } catch (const std::exception& e) {
            // Nobody knows any more which changes belong to which messages.
            if (pending_ != nullptr)
                pending_->poisoned_by = name_ + " could not be ended: " + e.what();
            else if constexpr (requires { tx->poison(); })
                tx->poison();
            throw;
        }
    }

    Transaction* tx_;
    pending_messages* pending_;
    std::size_t messages_before_;
    std::string name_;
};

} // namespace outbox
