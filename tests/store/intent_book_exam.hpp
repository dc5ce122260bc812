#pragma once
// The exam that every intent book takes, with the candidates of relay_store_exam.hpp.

#include "outbox/store/intent_book.hpp"
#include "tests/store/relay_store_exam.hpp"

#include <string>
#include <vector>

namespace outbox {

template <class Candidate>
class intent_book_exam : public testing::Test {
protected:
    intent_book_exam() : database_(candidate_.open(name_of_candidate<Candidate>)) {
        database_->open_migrator()->up();
        store_ = database_->open_relay_store();
        epoch_ = store_->acquire(0, "relay", 60s, "").granted.value().epoch;
    }

    static intent make_intent(std::int64_t place, const std::string& source) {
        return {
            .place = place,
            .source = source,
            .first_number = place * 10,
            .messages = {
                {.seq = 7, .id_check = 0xdeadbeef},
                {.seq = 5'000'000'000, .id_check = 0}}};
    }
    intent_book& book() { return *store_->intents(); }

    Candidate candidate_;
    std::unique_ptr<database> database_;
    std::unique_ptr<relay_store> store_;
    std::int64_t epoch_ = 0;
};

TYPED_TEST_SUITE_P(intent_book_exam);

TYPED_TEST_P(intent_book_exam, what_is_bound_is_loaded_in_the_order_of_its_places) {
    EXPECT_TRUE(this->book().load(0).empty());
    const claim_answer claimed = this->book().claim(0, this->epoch_, "a");
    ASSERT_EQ(claimed.result, write_result::done);
    EXPECT_EQ(claimed.next_place, 1);
    std::vector<intent> all;
    for (std::int64_t place = 1; place <= 11; ++place) {
        all.push_back(this->make_intent(place, "a"));
        EXPECT_EQ(this->book().bind(0, all.back()), write_result::done);
    }
    const auto other = this->database_->open_relay_store();
    EXPECT_EQ(other->intents()->load(0), all);
    EXPECT_TRUE(other->intents()->load(1).empty());
}

TYPED_TEST_P(intent_book_exam, places_go_on_under_the_next_source) {
    this->book().claim(0, this->epoch_, "a");
    this->book().bind(0, this->make_intent(1, "a"));
    EXPECT_EQ(this->book().claim(0, this->epoch_, "b").next_place, 2);
    EXPECT_EQ(this->book().bind(0, this->make_intent(2, "b")), write_result::done);
    ASSERT_EQ(this->book().load(0).size(), 2U);
    EXPECT_EQ(this->book().load(0)[0].source, "a");
}

TYPED_TEST_P(intent_book_exam, whoever_was_followed_by_another_source_binds_nothing) {
    this->book().claim(0, this->epoch_, "a");
    const auto successor = this->database_->open_relay_store();
    successor->intents()->claim(0, this->epoch_, "b");
    EXPECT_EQ(this->book().bind(0, this->make_intent(1, "a")), write_result::lease_lost);
    EXPECT_TRUE(this->book().load(0).empty());
    EXPECT_EQ(successor->intents()->bind(0, this->make_intent(1, "b")), write_result::done);
}

TYPED_TEST_P(intent_book_exam, a_place_is_given_once) {
    this->book().claim(0, this->epoch_, "a");
    EXPECT_EQ(this->book().bind(0, this->make_intent(2, "a")), write_result::lease_lost);
    EXPECT_EQ(this->book().bind(0, this->make_intent(1, "a")), write_result::done);
    EXPECT_EQ(this->book().bind(0, this->make_intent(1, "a")), write_result::lease_lost);
    EXPECT_EQ(this->book().load(0).size(), 1U);
}

TYPED_TEST_P(intent_book_exam, a_lower_epoch_claims_nothing) {
    EXPECT_EQ(this->book().claim(0, this->epoch_ + 1, "heir").result, write_result::done);
    EXPECT_EQ(this->book().claim(0, this->epoch_, "zombie").result, write_result::lease_lost);
    EXPECT_EQ(this->book().bind(0, this->make_intent(1, "heir")), write_result::done);
}

TYPED_TEST_P(intent_book_exam, the_cursor_and_what_it_forgets_go_together) {
    const std::vector<envelope> sent{make_envelope("1"), make_envelope("2")};
    this->database_->send(sent);
    this->book().claim(0, this->epoch_, "a");
    for (std::int64_t place = 1; place <= 4; ++place)
        this->book().bind(0, this->make_intent(place, "a"));
    const cursor before = this->store_->status(0).at;
    const cursor to = this->store_->read(0, before, {}).after;
    const std::vector<std::int64_t> places{1, 3};

    EXPECT_EQ(
        this->book().advance_and_forget(0, this->epoch_ - 1, to, places),
        write_result::lease_lost
    );
    EXPECT_EQ(this->store_->status(0).at, before);
    EXPECT_EQ(this->book().load(0).size(), 4U);

    EXPECT_EQ(this->book().advance_and_forget(0, this->epoch_, to, places), write_result::done);
    EXPECT_EQ(this->store_->status(0).at, to);
    const auto left = this->book().load(0);
    ASSERT_EQ(left.size(), 2U);
    EXPECT_EQ(left[0].place, 2);
    EXPECT_EQ(left[1].place, 4);
}

TYPED_TEST_P(intent_book_exam, a_session_that_its_own_owner_has_given_up_forgets_nothing) {
    this->database_->send(std::vector{make_envelope("1")});
    this->book().claim(0, this->epoch_, "a");
    this->book().bind(0, this->make_intent(1, "a"));
    const cursor before = this->store_->status(0).at;
    const cursor to = this->store_->read(0, before, {}).after;

    const auto again = this->database_->open_relay_store();
    const lease held = again->acquire(0, "relay", 60s, "").granted.value();
    const std::vector<std::int64_t> places{1};
    EXPECT_EQ(
        this->book().advance_and_forget(0, this->epoch_, to, places),
        write_result::lease_lost
    );
    EXPECT_EQ(again->status(0).at, held.from);
    EXPECT_EQ(again->intents()->load(0).size(), 1U);
}

TYPED_TEST_P(intent_book_exam, without_its_tables_it_says_what_to_do) {
    this->store_.reset();
    int before = 0;
    for (const migration_state& state : this->database_->open_migrator()->status())
        if (state.name == "numbering")
            break;
        else
            before = state.version;
    this->database_->open_migrator()->down(before);
    const auto store = this->database_->open_relay_store();
    try {
        store->intents()->claim(0, 1, "a");
        FAIL() << "claimed what is not there";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::schema_mismatch);
        EXPECT_NE(e.hint().find("migrate up"), std::string::npos);
    }
}

REGISTER_TYPED_TEST_SUITE_P(
    intent_book_exam,
    what_is_bound_is_loaded_in_the_order_of_its_places,
    places_go_on_under_the_next_source,
    whoever_was_followed_by_another_source_binds_nothing,
    a_place_is_given_once,
    a_lower_epoch_claims_nothing,
    the_cursor_and_what_it_forgets_go_together,
    a_session_that_its_own_owner_has_given_up_forgets_nothing,
    without_its_tables_it_says_what_to_do
);

} // namespace outbox
