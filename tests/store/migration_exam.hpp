#pragma once
// The exam that the migrations of every database take. A database takes part by a class that
//
//   static const migration_dialect& dialect();
//   std::unique_ptr<database> open(const migration_dialect& known);      the same place each time
//   std::unique_ptr<migration_session> session(milliseconds lock_wait);
//   void execute(const std::string& sql);                                as somebody else
//   std::string shape();               every table, index and column there is, as text
//   static std::string message_table();
//
// and one line:  INSTANTIATE_TYPED_TEST_SUITE_P(sqlite, migration_exam, sqlite_candidate);

#include "outbox/base/error.hpp"
#include "tests/store/relay_store_exam.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace outbox {

template <class Candidate>
class migration_exam : public testing::Test {
protected:
    /// The versions of this build and one more, which adds a column.
    migration_exam() {
        const auto& ours = Candidate::dialect().versions;
        versions_.assign(ours.begin(), ours.end());
        versions_.push_back(
            {.version = ours.back().version + 1,
             .name = "one_more",
             .up_sql = add_column_,
             .down_sql = drop_column_}
        );
        next_.versions = versions_;
    }

    const migration_dialect& now() { return Candidate::dialect(); }
    int newest() { return now().versions.back().version; }
    std::unique_ptr<migrator> open_migrator() { return candidate_.open(now())->open_migrator(); }

    void send(int count) {
        std::vector<envelope> rows;
        for (int i = 0; i < count; ++i)
            rows.push_back(make_envelope(std::to_string(i)));
        candidate_.open(now())->send(rows);
    }
    void deliver_all(const migration_dialect& known) {
        const auto store = candidate_.open(known)->open_relay_store();
        const auto answer = store->acquire(0, "exam", 60s, "");
        ASSERT_TRUE(answer.granted);
        cursor at = answer.granted->from;
        read_all(*store, at);
        ASSERT_EQ(store->advance(0, answer.granted->epoch, at), write_result::done);
        store->release(0, answer.granted->epoch);
    }

    template <class Work>
    static void expect_error(error_kind kind, const std::string& words, Work&& work) {
        try {
            work();
            FAIL() << "was accepted";
        } catch (const error& e) {
            EXPECT_EQ(e.kind(), kind) << e.what();
            EXPECT_NE(std::string{e.what()}.find(words), std::string::npos) << e.what();
            EXPECT_NE(e.hint(), "");
        }
    }

    Candidate candidate_;
    std::string add_column_ =
        "alter table " + Candidate::message_table() + " add column note int;\n";
    std::string drop_column_ = "alter table " + Candidate::message_table() + " drop column note;\n";
    std::vector<migration> versions_;
    migration_dialect next_ = Candidate::dialect();
};
TYPED_TEST_SUITE_P(migration_exam);

TYPED_TEST_P(migration_exam, the_way_back_leaves_nothing_and_the_way_up_is_open_again) {
    const std::string before = this->candidate_.shape();
    this->open_migrator()->up();
    const std::string made = this->candidate_.shape();
    EXPECT_NE(made, before);
    EXPECT_EQ(this->open_migrator()->down(0).size(), this->now().versions.size());
    EXPECT_EQ(this->candidate_.shape(), before);
    EXPECT_TRUE(this->open_migrator()->down(0).empty());
    this->open_migrator()->up();
    EXPECT_EQ(this->candidate_.shape(), made);
    EXPECT_NO_THROW(require_current(this->open_migrator()->status()));
}

TYPED_TEST_P(migration_exam, undelivered_messages_are_not_taken_away_by_accident) {
    this->open_migrator()->up();
    this->send(3);
    this->expect_error(error_kind::conflict, "3 undelivered messages", [&] {
        this->open_migrator()->down(0);
    });
    this->deliver_all(this->now());
    this->send(2);
    this->expect_error(error_kind::conflict, "2 undelivered messages", [&] {
        this->open_migrator()->down(0);
    });
    this->deliver_all(this->now());
    EXPECT_EQ(this->open_migrator()->down(0).size(), this->now().versions.size());
}

TYPED_TEST_P(migration_exam, undelivered_messages_go_when_that_is_wanted) {
    const std::string before = this->candidate_.shape();
    this->open_migrator()->up();
    this->send(3);
    this->open_migrator()->down(0, if_undelivered::lose_them);
    EXPECT_EQ(this->candidate_.shape(), before);
}

TYPED_TEST_P(migration_exam, a_program_runs_on_the_tables_before_its_own) {
    this->open_migrator()->up();
    this->send(2);
    this->next_.oldest_usable = this->newest();
    EXPECT_NO_THROW(this->deliver_all(this->next_));
    this->expect_error(error_kind::schema_mismatch, "one_more", [&] {
        require_current(this->candidate_.open(this->next_)->open_migrator()->status());
    });

    ++this->next_.oldest_usable;
    this->expect_error(error_kind::schema_mismatch, "one_more", [&] {
        this->candidate_.open(this->next_)->open_relay_store();
    });
    EXPECT_EQ(this->candidate_.open(this->next_)->open_migrator()->up().size(), 1U);
    this->send(1);
    EXPECT_NO_THROW(this->deliver_all(this->next_));
}

TYPED_TEST_P(migration_exam, a_program_refuses_tables_newer_than_its_own) {
    this->candidate_.open(this->next_)->open_migrator()->up();
    const auto refuses = [&](auto&& work) {
        this->expect_error(error_kind::schema_mismatch, "one_more", work);
    };
    refuses([&] { this->candidate_.open(this->now())->open_relay_store(); });
    refuses([&] { this->open_migrator()->up(); });
    refuses([&] { this->open_migrator()->down(0); });
}

TYPED_TEST_P(migration_exam, one_version_is_taken_back_at_a_time) {
    this->open_migrator()->up();
    const std::string before = this->candidate_.shape();
    const auto next = this->candidate_.open(this->next_);
    next->open_migrator()->up();
    const auto back = next->open_migrator()->down(this->newest());
    ASSERT_EQ(back.size(), 1U);
    EXPECT_EQ(back[0].name, "one_more");
    EXPECT_EQ(this->candidate_.shape(), before);
    this->expect_error(error_kind::invalid_argument, "no version 77", [&] {
        next->open_migrator()->down(77);
    });
}

TYPED_TEST_P(migration_exam, what_a_dry_run_prints_is_what_would_have_been_done) {
    const std::string before = this->candidate_.shape();
    const std::string up = this->open_migrator()->up_sql();
    EXPECT_EQ(this->candidate_.shape(), before);
    this->candidate_.execute(up);
    EXPECT_NO_THROW(require_current(this->open_migrator()->status()));
    EXPECT_EQ(this->open_migrator()->up_sql(), "");
    this->send(1);
    EXPECT_NO_THROW(this->deliver_all(this->now()));

    const std::string made = this->candidate_.shape();
    const std::string down = this->open_migrator()->down_sql(0);
    EXPECT_EQ(this->candidate_.shape(), made);
    this->candidate_.execute(down);
    EXPECT_EQ(this->candidate_.shape(), before);
    EXPECT_EQ(this->open_migrator()->down_sql(0), "");
}

TYPED_TEST_P(migration_exam, a_version_that_breaks_off_is_never_taken_for_applied) {
    this->open_migrator()->up();
    const std::string before = this->candidate_.shape();
    const std::string broken = this->add_column_ + "update there_is_no_such_table set x = 1;\n";
    this->versions_.back().up_sql = broken;
    const auto next = this->candidate_.open(this->next_);
    EXPECT_THROW(next->open_migrator()->up(), error);
    const migration_state left = next->open_migrator()->status().back();
    EXPECT_FALSE(left.applied);
    if (this->now().transactional) {
        EXPECT_FALSE(left.unfinished);
        EXPECT_EQ(this->candidate_.shape(), before);
        this->versions_.back().up_sql = this->add_column_;
        EXPECT_EQ(next->open_migrator()->up().size(), 1U);
        return;
    }
    EXPECT_TRUE(left.unfinished);
    const auto refuses = [&](auto&& work) {
        this->expect_error(error_kind::schema_mismatch, "half-way", work);
    };
    refuses([&] { next->open_migrator()->up(); });
    refuses([&] { next->open_migrator()->down(0); });
    refuses([&] { next->open_relay_store(); });
    refuses([&] { this->candidate_.open(this->now())->open_relay_store(); });
}

TYPED_TEST_P(migration_exam, one_migrator_at_a_time_and_the_other_does_not_wait_forever) {
    const auto first = this->candidate_.session(10s);
    first->begin();
    migrator second{this->now(), this->candidate_.session(50ms)};
    this->expect_error(error_kind::conflict, "", [&] { second.up(); });
    first->roll_back();
    EXPECT_EQ(second.up().size(), this->now().versions.size());
}

REGISTER_TYPED_TEST_SUITE_P(
    migration_exam,
    the_way_back_leaves_nothing_and_the_way_up_is_open_again,
    undelivered_messages_are_not_taken_away_by_accident,
    undelivered_messages_go_when_that_is_wanted,
    a_program_runs_on_the_tables_before_its_own,
    a_program_refuses_tables_newer_than_its_own,
    one_version_is_taken_back_at_a_time,
    what_a_dry_run_prints_is_what_would_have_been_done,
    a_version_that_breaks_off_is_never_taken_for_applied,
    one_migrator_at_a_time_and_the_other_does_not_wait_forever
);

} // namespace outbox
