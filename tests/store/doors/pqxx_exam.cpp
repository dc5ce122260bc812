#include "outbox/store/postgresql/pqxx.hpp"
#include "tests/store/door_exam.hpp"
#include "tests/store/doors/pqxx_own.hpp"
#include "tests/store/first_time_exam.hpp"
#include "tests/store/first_time_numbered_exam.hpp"

namespace outbox::doors {
namespace {

class pqxx_candidate {
public:
    using connection = pqxx::connection;
    using own_transaction = pqxx_own;
    static constexpr door_traits traits{.one_failure_fails_all = true};

    raw_database& database() { return place_; }
    std::unique_ptr<pqxx::connection> connect() { return connect_through(server_port()); }
    std::unique_ptr<pqxx::connection> connect_through(std::uint16_t port) {
        return std::make_unique<pqxx::connection>(
            "postgresql://postgres@127.0.0.1:" + std::to_string(port) + "/" + place_.name()
        );
    }
    std::uint16_t server_port() const { return postgres_database::server().port(); }
    template <class Execute>
    void break_commit(Execute execute) {
        execute("create table parts (id integer references orders deferrable initially deferred)");
        execute("insert into parts values (999)");
    }

private:
    postgres_database place_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(pqxx, door_exam, pqxx_candidate);
INSTANTIATE_TYPED_TEST_SUITE_P(pqxx, first_time_exam, pqxx_candidate);
INSTANTIATE_TYPED_TEST_SUITE_P(pqxx, first_time_numbered_exam, pqxx_candidate);
INSTANTIATE_TYPED_TEST_SUITE_P(pqxx, networked_door_exam, pqxx_candidate);
INSTANTIATE_TYPED_TEST_SUITE_P(pqxx, networked_first_time_exam, pqxx_candidate);

} // namespace
} // namespace outbox::doors
