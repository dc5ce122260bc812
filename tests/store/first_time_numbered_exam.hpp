#pragma once
// What every door must do for first_time_numbered(), with the candidates of door_exam.hpp.

#include "outbox/consumer/idempotency/first_time_numbered.hpp"
#include "outbox/consumer/idempotency/number_set.hpp"
#include "tests/store/first_time_exam.hpp"

#include <map>
#include <string>
#include <vector>

namespace outbox::doors {

template <class Candidate>
class first_time_numbered_exam : public first_time_exam<Candidate> {
protected:
    static delivery_number numbered(std::int64_t number, const std::string& source = "a1") {
        return {.source = source, .shard = 0, .number = number};
    }
    template <class Tx>
    static bool note(Tx& tx, const group_name& group, const delivery_number& which) {
        return first_time_numbered(tx, group, which, first_time_numbered_exam::in(tx));
    }
    template <class Tx>
    static std::vector<bool>
    note_all(Tx& tx, const group_name& group, std::span<const delivery_number> all) {
        return first_times_numbered(tx, group, all, first_time_numbered_exam::in(tx));
    }
    template <class Tx>
    static std::size_t forget(Tx& tx, const retention& keep, std::size_t rows_max = 1'000) {
        return forget_numbers(tx, keep, rows_max, first_time_numbered_exam::in(tx));
    }
    std::string ask(const std::string& sql) {
        const std::string text = this->door.database().run(sql);
        return text.substr(0, text.find('\n'));
    }
    std::string count_rows() {
        return ask("select count(*) from " + this->door.database().table("applied"));
    }
    bool apply_one(typename Candidate::connection& db, const delivery_number& which) {
        typename Candidate::own_transaction tx{db};
        const bool first = this->note(tx.handle(), this->billing, which);
        tx.commit();
        return first;
    }
};

TYPED_TEST_SUITE_P(first_time_numbered_exam);

TYPED_TEST_P(first_time_numbered_exam, a_number_is_new_once_in_any_order_and_in_one_row) {
    auto db = this->door.connect();
    for (const std::int64_t number : {1, 2, 5, 3, 9, 4, 8})
        EXPECT_TRUE(this->apply_one(*db, this->numbered(number))) << number;
    for (std::int64_t number = 1; number <= 9; ++number)
        EXPECT_EQ(this->apply_one(*db, this->numbered(number)), number == 6 || number == 7)
            << number;
    EXPECT_EQ(this->count_rows(), "1");
    EXPECT_TRUE(this->apply_one(*db, this->numbered(1, "b2")));
    EXPECT_TRUE(this->apply_one(*db, {.source = "a1", .shard = 1, .number = 1}));
    EXPECT_EQ(this->count_rows(), "3");
}

TYPED_TEST_P(first_time_numbered_exam, two_groups_both_process_it) {
    auto db = this->door.connect();
    typename TestFixture::own_transaction tx{*db};
    EXPECT_TRUE(this->note(tx.handle(), this->billing, this->numbered(1)));
    EXPECT_TRUE(this->note(tx.handle(), this->shipping, this->numbered(1)));
    EXPECT_FALSE(this->note(tx.handle(), this->billing, this->numbered(1)));
    tx.commit();
}

TYPED_TEST_P(first_time_numbered_exam, what_is_rolled_back_is_new_again) {
    auto db = this->door.connect();
    for (int time = 0; time < 2; ++time) {
        typename TestFixture::own_transaction tx{*db};
        EXPECT_TRUE(this->note(tx.handle(), this->billing, this->numbered(1)));
        tx.rollback();
    }
    {
        typename TestFixture::own_transaction tx{*db};
        EXPECT_TRUE(this->note(tx.handle(), this->billing, this->numbered(1)));
        tx.execute("savepoint mine");
        EXPECT_TRUE(this->note(tx.handle(), this->billing, this->numbered(2)));
        tx.execute("rollback to savepoint mine");
        EXPECT_TRUE(this->note(tx.handle(), this->billing, this->numbered(2)));
        tx.commit();
    }
    EXPECT_FALSE(this->apply_one(*db, this->numbered(2)));
}

TYPED_TEST_P(first_time_numbered_exam, what_transact_opens_takes_it_too) {
    auto db = this->door.connect();
    const message_id id = new_id();
    for (int delivery = 0; delivery < 3; ++delivery)
        this->sender.transact(*db, [&](auto& tx, outgoing& out) {
            if (!first_time_numbered(tx, this->billing, this->numbered(7)))
                return;
            tx.execute(this->apply(id));
            out.send({.to = subject::parse("orders.billed"), .body = body::raw("b")});
        });
    EXPECT_EQ(this->effects(id), "1");
    EXPECT_EQ(this->door.database().payloads(), std::vector<std::string>{"b"});
}

TYPED_TEST_P(first_time_numbered_exam, several_at_once_in_the_order_they_were_asked) {
    auto db = this->door.connect();
    const std::vector<delivery_number> asked{
        this->numbered(3, "b2"),
        this->numbered(1),
        this->numbered(3, "b2"),
        this->numbered(2)};
    typename TestFixture::own_transaction tx{*db};
    EXPECT_EQ(
        this->note_all(tx.handle(), this->billing, asked),
        (std::vector<bool>{true, true, false, true})
    );
    EXPECT_EQ(this->note_all(tx.handle(), this->billing, asked), std::vector<bool>(4, false));
    EXPECT_TRUE(this->note_all(tx.handle(), this->billing, {}).empty());
    tx.commit();
}

TYPED_TEST_P(first_time_numbered_exam, it_is_refused_where_no_transaction_is_open) {
    auto db = this->door.connect();
    const auto refused = [&](auto& handle) {
        try {
            static_cast<void>(this->note(handle, this->billing, this->numbered(1)));
            ADD_FAILURE() << "noted";
        } catch (const error& e) {
            EXPECT_EQ(e.kind(), error_kind::not_in_transaction) << e.what();
        }
    };
    {
        typename TestFixture::own_transaction tx{*db};
        tx.commit();
        refused(tx.handle());
    }
    if constexpr (joinable<typename TestFixture::connection>)
        refused(*db);
    EXPECT_TRUE(this->apply_one(*db, this->numbered(1)));
}

TYPED_TEST_P(first_time_numbered_exam, at_its_limit_nothing_is_guessed) {
    auto db = this->door.connect();
    {
        typename TestFixture::own_transaction tx{*db};
        std::vector<delivery_number> all;
        for (std::size_t i = 1; i <= number_set::ranges_max; ++i)
            all.push_back(this->numbered(static_cast<std::int64_t>(2 * i)));
        EXPECT_EQ(
            this->note_all(tx.handle(), this->billing, all),
            std::vector<bool>(all.size(), true)
        );
        tx.commit();
    }
    const auto beyond = this->numbered(2 * number_set::ranges_max + 10);
    {
        typename TestFixture::own_transaction tx{*db};
        try {
            static_cast<void>(this->note(tx.handle(), this->billing, beyond));
            ADD_FAILURE() << "guessed";
        } catch (const error& e) {
            EXPECT_EQ(e.kind(), error_kind::conflict);
            EXPECT_NE(e.hint(), "");
        }
        tx.rollback();
    }
    EXPECT_FALSE(this->apply_one(*db, this->numbered(2)));
    EXPECT_TRUE(this->apply_one(*db, this->numbered(1)));
    EXPECT_TRUE(this->apply_one(*db, beyond));
}

TYPED_TEST_P(first_time_numbered_exam, four_consumers_at_once_apply_each_message_once) {
    constexpr int messages = 20;
    std::vector<message_id> ids;
    for (int i = 0; i < messages; ++i)
        ids.push_back(new_id());
    std::atomic<int> applied{0};
    const auto consume = [&](unsigned seed) {
        seeded_random random{seed};
        auto db = this->door.connect();
        for (int round = 0; round < 2; ++round)
            for (std::size_t i = 0; i < ids.size(); ++i)
                for (bool acked = false; !acked;) {
                    const std::size_t which = (i * 7 + seed) % ids.size();
                    const bool fails = random.below(4) == 0;
                    try {
                        typename TestFixture::own_transaction tx{*db};
                        const bool first = this->note(
                            tx.handle(),
                            this->billing,
                            this->numbered(static_cast<std::int64_t>(which) + 1)
                        );
                        if (first)
                            tx.execute(this->apply(ids[which]));
                        if (fails)
                            throw std::runtime_error("the handler");
                        tx.commit();
                        applied += first ? 1 : 0;
                        acked = true;
                    } catch (const std::exception&) { // delivered again
                    }
                }
    };
    std::vector<std::thread> consumers;
    for (unsigned i = 1; i <= 4; ++i)
        consumers.emplace_back(consume, i);
    for (std::thread& one : consumers)
        one.join();
    EXPECT_EQ(applied, messages);
    for (const message_id& id : ids)
        EXPECT_EQ(this->effects(id), "1");
    EXPECT_EQ(this->count_rows(), "1");
}

TYPED_TEST_P(first_time_numbered_exam, rows_of_sources_long_silent_are_removed) {
    auto db = this->door.connect();
    for (const char* source : {"a1", "b2", "c3"})
        EXPECT_TRUE(this->apply_one(*db, this->numbered(1, source)));
    const raw_database& raw = this->door.database();
    raw.run(
        "update " + raw.table("applied") + " set changed_at = " + raw.ten_days_ago() +
        " where source <> 'b2'"
    );
    const redelivery_horizon horizon{std::chrono::hours{24}};
    typename TestFixture::own_transaction tx{*db};
    const retention nine_days{std::chrono::hours{9 * 24}, horizon};
    EXPECT_EQ(this->forget(tx.handle(), retention{std::chrono::hours{11 * 24}, horizon}), 0U);
    EXPECT_EQ(this->forget(tx.handle(), nine_days, 1), 1U);
    EXPECT_EQ(this->forget(tx.handle(), nine_days), 1U);
    tx.commit();
    EXPECT_EQ(this->count_rows(), "1");
    EXPECT_FALSE(this->apply_one(*db, this->numbered(1, "b2")));
}

TYPED_TEST_P(first_time_numbered_exam, absent_tables_say_what_to_do) {
    const raw_database& raw = this->door.database();
    raw.run("drop table " + raw.table("applied"));
    auto db = this->door.connect();
    typename TestFixture::own_transaction tx{*db};
    try {
        static_cast<void>(this->note(tx.handle(), this->billing, this->numbered(1)));
        ADD_FAILURE() << "noted";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::schema_mismatch) << e.what();
        EXPECT_NE(e.hint().find("migrate up"), std::string::npos) << e.hint();
    }
}

REGISTER_TYPED_TEST_SUITE_P(
    first_time_numbered_exam,
    a_number_is_new_once_in_any_order_and_in_one_row,
    two_groups_both_process_it,
    what_is_rolled_back_is_new_again,
    what_transact_opens_takes_it_too,
    several_at_once_in_the_order_they_were_asked,
    it_is_refused_where_no_transaction_is_open,
    at_its_limit_nothing_is_guessed,
    four_consumers_at_once_apply_each_message_once,
    rows_of_sources_long_silent_are_removed,
    absent_tables_say_what_to_do
);

} // namespace outbox::doors
