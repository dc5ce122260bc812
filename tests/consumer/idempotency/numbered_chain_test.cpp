// From the outbox to the effect, with numbers: relays that die between any two steps, a target that
// delivers several times and out of order, a consumer that dies between any two of its own. Two
// SQLite files, everything else is real.

#include "harness/temp_dir.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/random.hpp"
#include "outbox/consumer/idempotency/first_time_numbered.hpp"
#include "outbox/message/codec.hpp"
#include "outbox/relay/numbered_store.hpp"
#include "outbox/store/sqlite/database.hpp"
#include "outbox/store/sqlite/sqlite.hpp"
#include "outbox/store/sqlite/statement.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace outbox {
namespace {

using namespace std::chrono_literals;

class numbered_chain : public testing::Test {
protected:
    numbered_chain() {
        for (const auto& path : {shop_path_, ledger_path_}) {
            sqlite::open(path, true);
            sqlite::open_database("sqlite:" + path)->open_migrator()->up();
        }
        shop_ = sqlite::open_database("sqlite:" + shop_path_);
        ledger_ = sqlite::open(ledger_path_, false);
        run("pragma synchronous = off");
        run("create table effect (message text)");
    }

    void run(const std::string& sql) { sqlite::execute(ledger_.get(), sql.c_str(), "test"); }
    std::int64_t number(const std::string& sql) {
        sqlite::statement ask{ledger_.get(), sql.c_str(), "test"};
        return ask.step() ? ask.number(0) : -1;
    }
    void send(int count) {
        std::vector<envelope> rows;
        for (int i = 0; i < count; ++i)
            rows.push_back({.id = ids_.next(), .subject = "a", .payload = std::to_string(sent_++)});
        shop_->send(rows);
    }
    std::pair<std::unique_ptr<numbered_store>, lease> begin_reign() {
        const auto killer = shop_->open_relay_store();
        killer->release(0, killer->status(0).lease_epoch);
        auto store = std::make_unique<numbered_store>(shop_->open_relay_store(), system_random());
        const lease held =
            store->acquire(0, "relay-" + std::to_string(++reigns_), 60s, "").granted.value();
        return {std::move(store), held};
    }

    harness::temp_dir folder_;
    std::string shop_path_ = (folder_ / "shop.db").string();
    std::string ledger_path_ = (folder_ / "ledger.db").string();
    message_id_generator ids_;
    std::unique_ptr<database> shop_;
    sqlite::connection ledger_;
    int sent_ = 0;
    int reigns_ = 0;
    const group_name billing_{"billing"};
};

TEST_F(numbered_chain, each_message_has_its_effect_once_whoever_dies) {
    seeded_random random{3};
    std::vector<stored_message> topic; // what arrived, and may be handed out again at any time
    const auto consume = [&](const stored_message& m) {
        const auto which = delivery_number::of(decode_headers(m.content.headers)).value();
        run("begin immediate");
        if (first_time_numbered(*ledger_, billing_, which)) {
            if (random.below(10) == 0) { // dies before its work …
                run("rollback");
                return false;
            }
            run("insert into effect values ('" + m.content.payload + "')");
        }
        if (random.below(10) == 0) { // … before its commit …
            run("rollback");
            return false;
        }
        run("commit");
        return random.below(10) != 0; // … before its acknowledgement
    };
    constexpr int rounds = 40;
    for (int round = 0; round < rounds; ++round) {
        send(static_cast<int>(random.below(40)));
        auto [store, held] = begin_reign();
        cursor at = held.from;
        // The relay dies after any number of steps; the last round goes to the end.
        const auto steps = round == rounds - 1 ? 1'000 : random.below(12);
        for (std::uint64_t step = 0; step < steps; ++step) {
            slice next = store->read(0, at, {.message_count_max = 1 + random.below(9)});
            const bool something = !next.messages.empty();
            // It may die within a wave.
            const std::size_t arrive = round < rounds - 1 && random.below(5) == 0
                                           ? random.below(next.messages.size() + 1)
                                           : next.messages.size();
            std::move(
                next.messages.begin(),
                next.messages.begin() + static_cast<std::ptrdiff_t>(arrive),
                std::back_inserter(topic)
            );
            if (arrive < next.messages.size())
                break;
            at = next.after;
            if ((something || next.record) && random.below(2) == 0) {
                ASSERT_EQ(store->advance(0, held.epoch, at), write_result::done);
            }
            if (!something && !next.more && !next.record)
                break;
        }
        for (int i = 0; i < 100 && !topic.empty(); ++i)
            consume(topic[random.below(topic.size())]);
    }
    ASSERT_GT(sent_, 300);
    for (const stored_message& m : topic)
        while (!consume(m))
            ;
    std::set<std::string> sources;
    for (const stored_message& m : topic)
        sources.insert(delivery_number::of(decode_headers(m.content.headers))->source);
    EXPECT_GT(topic.size(), static_cast<std::size_t>(sent_)) << "nothing came twice";
    EXPECT_GT(sources.size(), 10U);
    EXPECT_EQ(number("select count(*) from effect"), sent_);
    EXPECT_EQ(number("select count(distinct message) from effect"), sent_);
    EXPECT_EQ(
        number("select count(*) from outbox_applied"),
        static_cast<std::int64_t>(sources.size())
    );
}

TEST_F(numbered_chain, a_hundred_thousand_messages_of_one_relay_are_one_row) {
    constexpr int count = 100'000;
    for (int i = 0; i < count; i += 5'000)
        send(5'000);
    auto [store, held] = begin_reign();
    cursor at = held.from;
    std::int64_t applied = 0;
    while (true) {
        const slice next = store->read(0, at, {});
        at = next.after;
        if (next.messages.empty() && !next.more)
            break;
        std::vector<delivery_number> numbers;
        for (const stored_message& m : next.messages)
            numbers.push_back(delivery_number::of(decode_headers(m.content.headers)).value());
        run("begin immediate");
        for (const bool first : first_times_numbered(*ledger_, billing_, numbers))
            applied += first ? 1 : 0;
        run("commit");
        ASSERT_EQ(store->advance(0, held.epoch, at), write_result::done);
    }
    EXPECT_EQ(applied, count);
    EXPECT_EQ(number("select count(*) from outbox_applied"), 1);
    EXPECT_LE(number("select length(numbers) from outbox_applied"), 8);
}

} // namespace
} // namespace outbox
