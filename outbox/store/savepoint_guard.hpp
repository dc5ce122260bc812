#pragma once
// A savepoint in the transaction that `transact` opens, the same behind every door. It lives until
// it is released or rolled back; the destructor rolls back. The messages sent meanwhile go with it,
// which they do not for a savepoint that SQL of your own sets while they still wait for COMMIT.
//
//   auto maybe = tx.savepoint();
//   tx.execute("…"); out.send(…);
//   maybe.release();                                    // or maybe.rollback()

#include "outbox/store/adapter.hpp"

#include <cstddef>
#include <exception>
#include <string>

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
        } catch (const std::exception&) { // then the whole transaction is lost
        }
    }

    void release() { end("release savepoint "); }
    void rollback() {
        if (pending_ != nullptr)
            pending_->rows.resize(messages_before_);
        end("rollback to savepoint ");
    }

private:
    void end(const char* how) {
        Transaction* tx = tx_;
        tx_ = nullptr;
        tx->execute(how + name_);
    }

    Transaction* tx_;
    pending_messages* pending_;
    std::size_t messages_before_;
    std::string name_;
};

} // namespace outbox
