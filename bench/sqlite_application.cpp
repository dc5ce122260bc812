#include "bench/application.hpp"
#include "bench/lite.hpp"
#include "bench/sqlite_status_outbox.hpp"
#include "bench/workload.hpp"
#include "outbox/consumer/idempotency/first_time_numbered.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/sqlite/sqlite.hpp"

namespace outbox::bench {

namespace {

class sqlite_application final : public application {
public:
    explicit sqlite_application(const std::string& file)
        : db_(file)
        , business_(db_.prepare(business_sql_with("?")))
        , points_(db_.prepare(points_sql_with("?")))
        , put_(db_.prepare(sqlite_status_put_sql)) {}

    void plain(long number) override {
        db_.execute("begin immediate");
        change(number);
        db_.execute("commit");
    }

    void handle(long number, const std::optional<message_key>& key) override {
        handle_if(number, [&] { return !key || first_time(*db_.handle(), consumers, *key); });
    }

    void handle_numbered(long number, const delivery_number& which) override {
        handle_if(number, [&] { return first_time_numbered(*db_.handle(), consumers, which); });
    }

    void handle_in_transact(long number, const std::optional<message_key>& key) override {
        const auto work = [&](auto&, outgoing&) { add_points(number); };
        if (key)
            producer_.transact(*db_.handle(), once{consumers, *key}, work);
        else
            producer_.transact(*db_.handle(), work);
    }

    void with_outbox(long number, int messages) override {
        producer_.transact(*db_.handle(), [&](auto&, outgoing& out) {
            change(number);
            send_messages(out, number, messages);
        });
    }

    void with_peer(peer which, long number, int messages) override {
        if (which != peer::usual_outbox)
            return application::with_peer(which, number, messages);
        db_.execute("begin immediate");
        change(number);
        for (int i = 0; i < messages; ++i)
            db_.run(put_, {std::to_string(number % key_count), payload(number)});
        db_.execute("commit");
    }

private:
    template <class IsNew>
    void handle_if(long number, const IsNew& is_new) {
        db_.execute("begin immediate");
        if (is_new())
            add_points(number);
        db_.execute("commit");
    }
    void add_points(long number) { db_.run(points_, {std::to_string(account_of(number))}); }
    void change(long number) { db_.run(business_, {std::to_string(account_of(number))}); }

    lite db_;
    lite::statement business_;
    lite::statement points_;
    lite::statement put_;
    producer producer_{};
};

} // namespace

std::unique_ptr<application> connect_sqlite(const std::string& file) {
    return std::make_unique<sqlite_application>(file);
}

} // namespace outbox::bench
