#include "bench/application.hpp"
#include "bench/pgq.hpp"
#include "bench/usual_outbox.hpp"
#include "bench/workload.hpp"
#include "outbox/consumer/idempotency/first_time_numbered.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/postgresql/pqxx.hpp"

#include <utility>

namespace outbox::bench {

namespace {

class pqxx_application final : public application {
public:
    explicit pqxx_application(const std::string& url) : db_(url) {
        db_.prepare("business", business_sql);
        db_.prepare("points", points_sql_with("$1::int"));
    }

    void plain(long number) override {
        pqxx::work tx{db_};
        change(tx, number);
        tx.commit();
    }

    void with_outbox(long number, int messages) override {
        producer_.transact(db_, [&](auto& tx, outgoing& out) {
            change(tx, number);
            send_messages(out, number, messages);
        });
    }

    void with_peer(peer which, long number, int messages) override {
        if (!std::exchange(is_prepared_[which == peer::pgq], true))
            db_.prepare(statement_of(which), which == peer::pgq ? pgq_put_sql : status_put_sql);
        pqxx::work tx{db_};
        change(tx, number);
        for (int i = 0; i < messages; ++i)
            tx.exec_prepared(statement_of(which), number % key_count, payload(number));
        tx.commit();
    }

    void handle(long number, const std::optional<message_key>& key) override {
        handle_if(number, [&](auto& tx) { return !key || first_time(tx, consumers, *key); });
    }

    void handle_numbered(long number, const delivery_number& which) override {
        handle_if(number, [&](auto& tx) { return first_time_numbered(tx, consumers, which); });
    }

    void handle_in_transact(long number, const std::optional<message_key>& key) override {
        const auto work = [&](auto& tx, outgoing&) { add_points(tx, number); };
        if (key)
            producer_.transact(db_, once{consumers, *key}, work);
        else
            producer_.transact(db_, work);
    }

private:
    template <class IsNew>
    void handle_if(long number, const IsNew& is_new) {
        pqxx::work tx{db_};
        if (is_new(tx))
            add_points(tx, number);
        tx.commit();
    }
    static const char* statement_of(peer which) {
        return which == peer::pgq ? "pgq_put" : "status_put";
    }
    static void add_points(pqxx::transaction_base& tx, long number) {
        tx.exec_prepared("points", account_of(number));
    }
    static void change(pqxx::transaction_base& tx, long number) {
        tx.exec_prepared("business", account_of(number));
    }

    pqxx::connection db_;
    bool is_prepared_[2] = {};
    producer producer_{};
};

} // namespace

std::unique_ptr<application> connect_pqxx(std::uint16_t port) {
    return std::make_unique<pqxx_application>(
        "postgresql://postgres@127.0.0.1:" + std::to_string(port) + "/postgres"
    );
}

} // namespace outbox::bench
