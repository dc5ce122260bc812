// C1 and C4 with everything that can go wrong at once: a broker that delivers at least once,
// consumers that fail, lose their connection, or are killed at any instruction. At the end the
// books must balance.
#include "harness/tcp_proxy.hpp"
#include "harness/temp_dir.hpp"
#include "harness/wait_until.hpp"
#include "outbox/base/unique_fd.hpp"
#include "outbox/consumer/idempotency/first_time.hpp"
#include "outbox/consumer/idempotency/idempotency_checker.hpp"
#include "outbox/store/mysql/mysql.hpp"
#include "outbox/store/postgresql/pqxx.hpp"
#include "tests/consumer/idempotency/claim_places.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <mysql.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace outbox {
namespace {

using namespace std::chrono_literals;

const group_name billing{"billing"};

message_id id_of(int number) {
    message_id::array raw{};
    raw[0] = 1;
    raw[14] = static_cast<unsigned char>(number / 256);
    raw[15] = static_cast<unsigned char>(number % 256);
    return message_id{raw};
}

template <class List>
void shuffle(List& list, seeded_random& random) {
    for (std::size_t i = list.size(); i > 1; --i)
        std::swap(list[i - 1], list[random.below(i)]);
}

/// Delivers every message one to five times, and again until somebody acknowledges.
class broker {
public:
    broker(int messages, seeded_random& random) {
        for (int i = 1; i <= messages; ++i)
            for (std::uint64_t n = random.below(5) + 1; n > 0; --n)
                waiting_.push_back(i);
        shuffle(waiting_, random);
    }
    /// 0: all is acknowledged.
    int next() {
        const std::lock_guard lock{mutex_};
        if (waiting_.empty())
            return 0;
        const int one = waiting_.front();
        waiting_.pop_front();
        return one;
    }
    void not_acknowledged(int message) {
        const std::lock_guard lock{mutex_};
        waiting_.push_back(message);
    }

private:
    std::mutex mutex_;
    std::deque<int> waiting_;
};

struct by_pqxx {
    using database = doors::postgres_database;
    using connection = pqxx::connection;
    using transaction = pqxx::work;

    static std::unique_ptr<connection> connect(std::uint16_t port, const std::string& name) {
        return std::make_unique<connection>(
            "postgresql://postgres@127.0.0.1:" + std::to_string(port) + "/" + name
        );
    }
    static bool is_first(transaction& tx, const message_id& id) {
        return first_time(tx, billing, id);
    }
};

/// The C API, on either of the two servers.
template <class Database>
struct by_libmariadb {
    using database = Database;

    class connection {
    public:
        connection(std::uint16_t port, const std::string& name) : db_(mysql_init(nullptr)) {
            const unsigned protocol = MYSQL_PROTOCOL_TCP;
            mysql_options(db_.get(), MYSQL_OPT_PROTOCOL, &protocol);
            if (mysql_real_connect(
                    db_.get(),
                    "127.0.0.1",
                    "root",
                    "",
                    name.c_str(),
                    port,
                    nullptr,
                    CLIENT_MULTI_STATEMENTS
                ) == nullptr)
                throw std::runtime_error(mysql_error(db_.get()));
        }
        MYSQL& operator*() const { return *db_; }
        void exec(const std::string& sql) {
            if (mysql_real_query(db_.get(), sql.data(), sql.size()) != 0)
                throw std::runtime_error(mysql_error(db_.get()));
        }

    private:
        struct close {
            void operator()(MYSQL* db) const noexcept { mysql_close(db); }
        };
        std::unique_ptr<MYSQL, close> db_;
    };

    class transaction {
    public:
        explicit transaction(connection& db) : db_(&db) { db.exec("start transaction"); }
        transaction(const transaction&) = delete;
        transaction& operator=(const transaction&) = delete;
        ~transaction() { mysql_rollback(&**db_); }

        MYSQL& handle() const { return **db_; }
        void exec(const std::string& sql) { db_->exec(sql); }
        void commit() { db_->exec("commit"); }

    private:
        connection* db_;
    };

    static std::unique_ptr<connection> connect(std::uint16_t port, const std::string& name) {
        return std::make_unique<connection>(port, name);
    }
    static bool is_first(transaction& tx, const message_id& id) {
        return first_time(tx.handle(), billing, id);
    }
};

template <class Door>
class bank {
public:
    explicit bank(int accounts) {
        raw_.run("create table account (id integer primary key, balance integer not null)");
        for (int i = 0; i < accounts; ++i)
            raw_.run("insert into account values (" + std::to_string(i) + ", 0)");
        accounts_ = accounts;
    }
    static std::uint16_t server_port() { return Door::database::server().port(); }
    auto connect(std::uint16_t port) const { return Door::connect(port, raw_.name()); }
    /// Message n is worth n.
    void apply(typename Door::transaction& tx, int message) const {
        if (Door::is_first(tx, id_of(message)))
            tx.exec(
                "update account set balance = balance + " + std::to_string(message) +
                " where id = " + std::to_string(message % accounts_)
            );
    }
    int total() const { return std::stoi(raw_.run("select sum(balance) from account")); }

private:
    typename Door::database raw_;
    int accounts_ = 0;
};

template <class Door>
class exactly_once_effect : public testing::Test {};

using ways = testing::
    Types<by_pqxx, by_libmariadb<doors::mariadb_database>, by_libmariadb<doors::mysql_database>>;
TYPED_TEST_SUITE(exactly_once_effect, ways);

TYPED_TEST(
    exactly_once_effect,
    four_consumers_with_lost_connections_and_answers_balance_the_books
) {
    constexpr int messages = 120;
    const bank<TypeParam> books{5};
    harness::tcp_proxy proxy{books.server_port()};
    seeded_random order{7};
    broker topic{messages, order};
    std::atomic<int> troubles{0};
    std::atomic<int> in_doubt{0};
    const auto consume = [&](std::uint64_t seed) {
        seeded_random random{seed};
        std::unique_ptr<typename TypeParam::connection> db;
        for (int message = topic.next(); message != 0; message = topic.next()) {
            try {
                if (!db)
                    db = books.connect(proxy.port());
                typename TypeParam::transaction tx{*db};
                books.apply(tx, message);
                switch (random.below(12)) {
                case 0:
                    throw std::runtime_error("the handler");
                case 1:
                    proxy.cut(); // everybody's
                    break;
                case 2: { // COMMIT arrives, its answer does not
                    proxy.lose_answers(true);
                    std::jthread cut{[&] {
                        const auto before = proxy.lost_bytes();
                        try {
                            harness::wait_until(
                                [&] { return proxy.lost_bytes() > before; },
                                300ms,
                                "an answer"
                            );
                        } catch (const harness::timed_out&) { // it had come before
                        }
                        proxy.cut();
                        proxy.lose_answers(false);
                        proxy.cut(); // who came between the two was not greeted
                    }};
                    try {
                        tx.commit();
                    } catch (const std::exception&) {
                        ++in_doubt;
                        throw;
                    }
                    continue;
                }
                default:
                    break;
                }
                tx.commit();
            } catch (const std::exception&) {
                ++troubles;
                db.reset();
                topic.not_acknowledged(message);
            }
        }
    };
    {
        std::vector<std::jthread> consumers;
        for (std::uint64_t i = 1; i <= 4; ++i)
            consumers.emplace_back(consume, i);
    }
    EXPECT_GT(troubles, 20) << "or little was tested";
    EXPECT_GT(in_doubt, 5) << "or little was tested";
    EXPECT_EQ(books.total(), messages * (messages + 1) / 2);
}

/// Forks a consumer, hears which messages it acknowledges, and kills it when it has heard `limit`,
/// or all there are. Until then it may be one message further, however late we are. `work` runs in
/// the child.
class killed_consumer {
public:
    killed_consumer(
        std::vector<int> messages,
        std::size_t limit,
        const std::function<void(int message)>& work
    )
        : limit_(limit) {
        int ends[2] = {-1, -1};
        if (::pipe2(ends, O_CLOEXEC) != 0)
            throw std::runtime_error("pipe");
        acks_ = unique_fd{ends[0]};
        unique_fd speak{ends[1]};
        child_ = ::fork();
        if (child_ != 0)
            return;
        int code = 0;
        try {
            for (std::size_t i = 0; i < messages.size(); ++i) {
                if (i > limit)
                    ::pause();
                work(messages[i]);
                const auto low = static_cast<unsigned char>(messages[i]);
                if (::write(speak.get(), &low, 1) != 1)
                    ::_exit(3);
            }
        } catch (const std::exception&) {
            code = 2;
        }
        ::_exit(code);
    }
    std::vector<int> run_and_kill() {
        std::vector<int> acknowledged;
        unsigned char one = 0;
        while (acknowledged.size() < limit_ && ::read(acks_.get(), &one, 1) == 1)
            acknowledged.push_back(one);
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
        while (::read(acks_.get(), &one, 1) == 1)
            acknowledged.push_back(one);
        return acknowledged;
    }

private:
    std::size_t limit_;
    unique_fd acks_;
    pid_t child_ = -1;
};

/// Of one consumer before it is killed.
constexpr std::size_t acknowledged_max = 12;

struct tally {
    int kills = 0;
    std::set<int> acknowledged{};
};

// Until everything is acknowledged; duplicates of what was go in between.
tally kill_until_done(
    int messages,
    std::uint64_t seed,
    const std::function<void(int message)>& work
) {
    seeded_random random{seed};
    tally sum;
    while (sum.acknowledged.size() < static_cast<std::size_t>(messages)) {
        std::vector<int> batch;
        for (int i = 1; i <= messages; ++i)
            if (!sum.acknowledged.contains(i) || random.below(4) == 0)
                batch.push_back(i);
        shuffle(batch, random);
        killed_consumer one{batch, random.below(acknowledged_max), work};
        for (const int message : one.run_and_kill())
            sum.acknowledged.insert(message);
        ++sum.kills;
        if (sum.kills > 1'000)
            throw std::runtime_error("it does not come to an end");
    }
    return sum;
}

TYPED_TEST(exactly_once_effect, consumers_that_are_killed_at_any_instruction_balance_the_books) {
    constexpr int messages = 100;
    const bank<TypeParam> books{5};
    std::unique_ptr<typename TypeParam::connection> db;
    const tally sum = kill_until_done(messages, 11, [&](int message) {
        // The server may still have the sessions of those who were killed.
        const auto connected = [&] {
            try {
                if (!db)
                    db = books.connect(books.server_port());
            } catch (const std::exception&) {
            }
            return db != nullptr;
        };
        harness::wait_until(connected, 20s, "a session");
        typename TypeParam::transaction tx{*db};
        books.apply(tx, message);
        tx.commit();
    });
    EXPECT_GE(sum.kills, messages / static_cast<int>(acknowledged_max));
    EXPECT_EQ(books.total(), messages * (messages + 1) / 2);
}

/// An effect outside of every database: a line in a file.
class outside_world {
public:
    void happen(int message) const {
        const unique_fd file{
            ::open((dir_ / "effects").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
        const std::string line = std::to_string(message) + "\n";
        if (::write(file.get(), line.data(), line.size()) < 0)
            throw std::runtime_error("write");
    }
    std::map<int, int> count() const {
        std::map<int, int> counts;
        std::ifstream in{dir_ / "effects"};
        for (int message = 0; in >> message;)
            ++counts[message];
        return counts;
    }

private:
    harness::temp_dir dir_;
};

template <class Place>
class leased_effect : public testing::Test {
protected:
    Place place;
};

using places = testing::Types<
    claims_in_a_database<doors::sqlite_database>,
    claims_in_a_database<doors::postgres_database>,
    claims_in_a_database<doors::mariadb_database>,
    claims_in_redis>;
TYPED_TEST_SUITE(leased_effect, places);

// Q1 with real processes: kill -9 at every line of the handler.
TYPED_TEST(leased_effect, qmq_mistake_q1_whoever_is_killed_loses_no_effect) {
    constexpr int messages = 40;
    const outside_world world;
    std::unique_ptr<idempotency_checker> checker;
    const tally sum = kill_until_done(messages, 13, [&](int message) {
        if (!checker)
            checker = std::make_unique<idempotency_checker>(billing, [this] {
                return this->place.open();
            });
        const auto done = [&] {
            claim_lease lease{*checker, id_of(message), 100ms};
            if (lease.is_fresh()) {
                world.happen(message);
                lease.complete();
                return true;
            }
            return lease.state() == claim_state::done;
        };
        harness::wait_until(done, 20s, "the lease of one who was killed");
    });
    const auto counts = world.count();
    int twice = 0;
    for (int i = 1; i <= messages; ++i) {
        ASSERT_TRUE(counts.contains(i)) << "lost: " << i;
        twice += counts.at(i) - 1;
    }
    EXPECT_GE(sum.kills, messages / static_cast<int>(acknowledged_max));
    EXPECT_LE(twice, sum.kills) << "one at most for each death";
    this->RecordProperty("effects_twice", twice);
    this->RecordProperty("kills", sum.kills);
}

} // namespace
} // namespace outbox
