#include "bench/application.hpp"
#include "bench/workload.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/soci/soci.hpp"

namespace outbox::bench {

namespace {

class soci_application final : public application {
public:
    soci_application(const char* backend, const std::string& how)
        : db_(backend, how)
        , business_((db_.prepare << business_sql_with(":id"), soci::use(account_, "id"))) {}

    void plain(long number) override {
        soci::transaction tx{db_};
        change(number);
        tx.commit();
    }

    void with_outbox(long number, int messages) override {
        producer_.transact(db_, [&](auto&, outgoing& out) {
            change(number);
            send_messages(out, number, messages);
        });
    }

private:
    void change(long number) {
        account_ = static_cast<int>(account_of(number));
        business_.execute(true);
    }

    soci::session db_;
    int account_ = 0;
    soci::statement business_;
    producer producer_{};
};

std::unique_ptr<application>
connect(const char* backend, const char* user, std::uint16_t port, const char* name) {
    return std::make_unique<soci_application>(
        backend,
        std::string{"host=127.0.0.1 user="} + user + " port=" + std::to_string(port) +
            " dbname=" + name
    );
}

} // namespace

std::unique_ptr<application> connect_soci_postgresql(std::uint16_t port) {
    return connect("postgresql", "postgres", port, "postgres");
}

std::unique_ptr<application> connect_soci_mariadb(std::uint16_t port) {
    return connect("mysql", "root", port, "test");
}

} // namespace outbox::bench
