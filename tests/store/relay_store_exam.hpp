#pragma once
// The exam that every relay_store takes, whatever database stands behind it. A database takes part
// by a class that
//
//   std::unique_ptr<database> open(const outbox_name& name);   opens a fresh database, not migrated
//   void alter_checksum(const outbox_name& name);              changes what is recorded of version
//   1
//   void note_consumed(const outbox_name& name, const std::vector<std::string>& groups, const
//   message_id& id);                        writes the rows that first_time() writes
//
// and one line:
//
//   using candidates = testing::Types<sqlite_candidate, beside_another<sqlite_candidate>>;
//   INSTANTIATE_TYPED_TEST_SUITE_P(sqlite, relay_store_exam, candidates);

#include "harness/wait_until.hpp"
#include "outbox/base/error.hpp"
#include "outbox/message/message_id.hpp"
#include "outbox/store/database.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace outbox {

using namespace std::chrono_literals;

inline envelope make_envelope(const std::string& payload, std::optional<bytes> key = {}) {
    static message_id_generator ids;
    return {
        .id = ids.next(),
        .subject = "orders.paid",
        .key = std::move(key),
        .headers = {},
        .payload = payload};
}

inline std::vector<std::string> payloads(const std::vector<stored_message>& messages) {
    std::vector<std::string> result;
    for (const stored_message& m : messages)
        result.push_back(m.content.payload);
    return result;
}

/// Reads on from `at`, which it moves, until nothing more comes.
inline std::vector<stored_message>
read_all(relay_store& store, cursor& at, const slice_limits& limits = {}) {
    std::vector<stored_message> all;
    while (true) {
        slice next = store.read(0, at, limits);
        at = next.after;
        for (stored_message& m : next.messages)
            all.push_back(std::move(m));
        if (next.messages.empty() && !next.more)
            return all;
    }
}

template <class Candidate>
class beside_another;

template <class Candidate>
inline const outbox_name name_of_candidate{};
template <class Candidate>
inline const outbox_name name_of_candidate<beside_another<Candidate>>{"outbox_b"};

/// The exam is taken by an outbox with a name of its own; the usual one stands in the same
/// database, with a message of its own, which must still be there, and alone, at the end.
template <class Candidate>
class beside_another : public Candidate {
public:
    std::unique_ptr<database> open(const outbox_name& name) {
        auto opened = Candidate::open(name);
        other_ = Candidate::open({});
        other_->open_migrator()->up();
        other_->send(std::vector{make_envelope("of the other")});
        return opened;
    }
    ~beside_another() {
        const auto store = other_->open_relay_store();
        cursor at = store->status(0).at;
        EXPECT_EQ(payloads(read_all(*store, at)), std::vector<std::string>{"of the other"});
        EXPECT_EQ(store->status(0).scheduled, 0);
        EXPECT_EQ(store->status(0).lease_holder, "");
    }

private:
    std::unique_ptr<database> other_;
};

template <class Candidate>
class relay_store_exam : public testing::Test {
protected:
    relay_store_exam() : database_(candidate_.open(name_of_candidate<Candidate>)) {
        database_->open_migrator()->up();
    }

    void send(const std::vector<std::string>& texts) {
        std::vector<envelope> rows;
        for (const std::string& text : texts)
            rows.push_back(make_envelope(text));
        database_->send(rows);
    }

    std::unique_ptr<relay_store> open() { return database_->open_relay_store(); }

    static lease take(relay_store& store, const std::string& owner = "first") {
        const lease_answer answer = store.acquire(0, owner, 60s, "");
        EXPECT_TRUE(answer.granted);
        return answer.granted.value_or(lease{});
    }

    Candidate candidate_;
    std::unique_ptr<database> database_;
};

TYPED_TEST_SUITE_P(relay_store_exam);

TYPED_TEST_P(relay_store_exam, an_empty_outbox_has_nothing_to_read) {
    const auto store = this->open();
    cursor at = this->take(*store).from;
    EXPECT_TRUE(read_all(*store, at).empty());
    EXPECT_EQ(store->status(0).backlog, 0);
    EXPECT_FALSE(store->status(0).oldest_age);
}

TYPED_TEST_P(relay_store_exam, what_is_sent_comes_back_as_it_was) {
    const envelope sent{
        .id = message_id_generator{}.next(),
        .subject = "a.b-c_D9",
        .key = bytes("k\0ey'\\", 6),
        .headers = bytes("\x01\0\0", 3),
        .payload = bytes("\0\xff'\"\\{}$1\n", 10)};
    const envelope plain = make_envelope("");
    const time_point before = system_clock().now();
    this->database_->send(std::vector{sent, plain});

    const auto store = this->open();
    cursor at = this->take(*store).from;
    const auto all = read_all(*store, at);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].content.id, sent.id);
    EXPECT_EQ(all[0].content.subject, sent.subject);
    EXPECT_EQ(all[0].content.key, sent.key);
    EXPECT_EQ(all[0].content.headers, sent.headers);
    EXPECT_EQ(all[0].content.payload, sent.payload);
    EXPECT_GE(all[0].created_at, before - 5s);
    EXPECT_LE(all[0].created_at, before + 5s);
    EXPECT_FALSE(all[1].content.key);
    EXPECT_EQ(all[1].content.headers, "");
    EXPECT_EQ(all[1].content.payload, "");
    EXPECT_LT(all[0].seq, all[1].seq);
}

TYPED_TEST_P(relay_store_exam, each_message_is_read_once_and_in_order) {
    const auto store = this->open();
    cursor at = this->take(*store).from;
    std::vector<std::string> read;
    for (const auto& sent : {std::vector<std::string>{"1", "2", "3"}, {"4"}, {}, {"5", "6"}}) {
        if (!sent.empty())
            this->send(sent);
        for (const std::string& text : payloads(read_all(*store, at)))
            read.push_back(text);
    }
    EXPECT_EQ(read, (std::vector<std::string>{"1", "2", "3", "4", "5", "6"}));
}

TYPED_TEST_P(relay_store_exam, slices_of_any_size_say_the_same) {
    std::vector<std::string> sent;
    for (int i = 0; i < 37; ++i)
        sent.push_back(std::string(static_cast<std::size_t>(i * 7 % 50), 'x') + std::to_string(i));
    this->send(sent);
    const auto store = this->open();
    const cursor start = this->take(*store).from;
    for (const std::size_t count_max : {1U, 2U, 5U, 36U, 37U, 38U}) {
        for (const std::size_t bytes_max : {1U, 60U, 1'000'000U}) {
            cursor at = start;
            const slice_limits limits{.message_count_max = count_max, .bytes_max = bytes_max};
            EXPECT_EQ(payloads(read_all(*store, at, limits)), sent)
                << count_max << " messages, " << bytes_max << " bytes";
        }
    }
}

TYPED_TEST_P(relay_store_exam, a_slice_keeps_its_limits) {
    this->send({std::string(600, 'a'), std::string(600, 'b'), std::string(600, 'c'), "d"});
    const auto store = this->open();
    const cursor start = this->take(*store).from;
    EXPECT_EQ(store->read(0, start, {.message_count_max = 3}).messages.size(), 3U);
    EXPECT_TRUE(store->read(0, start, {.message_count_max = 3}).more);
    EXPECT_LE(store->read(0, start, {.bytes_max = 1'300}).messages.size(), 3U);
    EXPECT_EQ(store->read(0, start, {.bytes_max = 10}).messages.size(), 1U);
}

TYPED_TEST_P(relay_store_exam, recorded_progress_is_where_the_next_one_begins) {
    this->send({"1", "2", "3", "4", "5"});
    {
        const auto store = this->open();
        const lease held = this->take(*store);
        const slice first = store->read(0, held.from, {.message_count_max = 2});
        ASSERT_EQ(payloads(first.messages), (std::vector<std::string>{"1", "2"}));
        EXPECT_EQ(store->advance(0, held.epoch, first.after), write_result::done);
        store->read(
            0,
            first.after,
            {.message_count_max = 2}
        ); // read, delivered perhaps, never recorded
        store->release(0, held.epoch);
    }
    this->send({"6"});
    const auto store = this->open();
    cursor at = this->take(*store, "second").from;
    EXPECT_EQ(payloads(read_all(*store, at)), (std::vector<std::string>{"3", "4", "5", "6"}));
}

TYPED_TEST_P(relay_store_exam, one_owner_at_a_time) {
    const auto first = this->open();
    const auto second = this->open();
    const lease held = this->take(*first);
    const lease_answer refused = second->acquire(0, "second", 60s, "");
    EXPECT_FALSE(refused.granted);
    EXPECT_EQ(refused.holder, "first");
    EXPECT_GT(refused.held_for, 50s);
    EXPECT_LE(refused.held_for, 60s);

    first->release(0, held.epoch);
    EXPECT_EQ(second->status(0).lease_holder, "");
    EXPECT_EQ(second->status(0).lease_left, 0ms);
    const lease taken = this->take(*second, "second");
    EXPECT_EQ(taken.epoch, held.epoch + 1);
}

TYPED_TEST_P(relay_store_exam, each_grant_has_an_epoch_of_its_own_also_for_the_same_owner) {
    this->send({"1"});
    const auto lost = this->open();
    const lease before = this->take(*lost);
    const slice read = lost->read(0, before.from, {});
    EXPECT_EQ(lost->renew(0, before.epoch, 60s), write_result::done);

    const auto store = this->open();
    const lease held = this->take(*store);
    EXPECT_EQ(held.epoch, before.epoch + 1);
    // As a write that the server carries out after its session was given up.
    EXPECT_EQ(lost->advance(0, before.epoch, read.after), write_result::lease_lost);
    EXPECT_EQ(store->status(0).at, held.from);
    EXPECT_EQ(this->take(*store).epoch, held.epoch + 1);
}

TYPED_TEST_P(relay_store_exam, an_expired_lease_is_taken_and_its_old_holder_can_write_nothing) {
    this->send({"1"});
    const auto old = this->open();
    const lease lost = old->acquire(0, "old", 1ms, "udp:127.0.0.1:1").granted.value();
    const slice read = old->read(0, lost.from, {});

    const auto heir = this->open();
    const lease held = harness::wait_until(
                           [&] { return heir->acquire(0, "heir", 60s, "udp:127.0.0.1:2").granted; },
                           5s,
                           "the lease to expire"
    )
                           .value();
    EXPECT_EQ(held.epoch, lost.epoch + 1);

    EXPECT_EQ(old->renew(0, lost.epoch, 60s), write_result::lease_lost);
    EXPECT_EQ(old->advance(0, lost.epoch, read.after), write_result::lease_lost);
    EXPECT_FALSE(old->remove_delivered(0, lost.epoch));
    old->release(0, lost.epoch); // harmless
    EXPECT_EQ(heir->status(0).lease_holder, "heir");
    EXPECT_EQ(heir->status(0).backlog, 1);
    EXPECT_EQ(heir->renew(0, held.epoch, 60s), write_result::done);
}

TYPED_TEST_P(relay_store_exam, a_lease_that_nobody_took_can_still_be_renewed) {
    const auto store = this->open();
    const lease held = store->acquire(0, "slow", 1ms, "").granted.value();
    harness::wait_until(
        [&] { return store->status(0).lease_left == 0ms; },
        5s,
        "the lease to expire"
    );
    EXPECT_EQ(store->renew(0, held.epoch, 60s), write_result::done);
    EXPECT_GT(store->status(0).lease_left, 50s);
}

TYPED_TEST_P(relay_store_exam, status_tells_what_is_left_and_who_holds_the_lease) {
    this->send({"1", "2", "3"});
    const auto store = this->open();
    const lease held = this->take(*store, "somebody");
    EXPECT_EQ(store->status(0).backlog, 3);
    EXPECT_TRUE(store->status(0).oldest_age);
    EXPECT_EQ(store->status(0).lease_holder, "somebody");
    EXPECT_EQ(store->status(0).lease_epoch, held.epoch);

    const slice two = store->read(0, held.from, {.message_count_max = 2});
    store->advance(0, held.epoch, two.after);
    EXPECT_EQ(store->status(0).backlog, 1);
    cursor at = two.after;
    read_all(*store, at);
    store->advance(0, held.epoch, at);
    EXPECT_EQ(store->status(0).backlog, 0);
    EXPECT_EQ(store->status(0).at, at);
    EXPECT_FALSE(store->status(0).cursor_text.empty());
}

TYPED_TEST_P(relay_store_exam, removal_takes_no_message_that_is_not_delivered) {
    this->send({"1", "2", "3"});
    const auto store = this->open();
    const lease held = this->take(*store);
    const slice two = store->read(0, held.from, {.message_count_max = 2});
    store->advance(0, held.epoch, two.after);
    while (store->remove_delivered(0, held.epoch))
        ;
    this->send({"4"});
    cursor at = two.after;
    EXPECT_EQ(payloads(read_all(*store, at)), (std::vector<std::string>{"3", "4"}));
    store->advance(0, held.epoch, at);
    while (store->remove_delivered(0, held.epoch))
        ;
    this->send({"5"});
    EXPECT_EQ(payloads(read_all(*store, at)), (std::vector<std::string>{"5"}));
}

TYPED_TEST_P(relay_store_exam, tables_that_are_absent_or_altered_are_refused_with_a_hint) {
    this->candidate_.alter_checksum(name_of_candidate<TypeParam>);
    try {
        this->open();
        FAIL() << "altered tables were accepted";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::schema_mismatch);
        EXPECT_NE(e.hint(), "");
    }
    TypeParam fresh;
    try {
        fresh.open(name_of_candidate<TypeParam>)->open_relay_store();
        FAIL() << "absent tables were accepted";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::schema_mismatch);
        EXPECT_NE(e.hint().find("migrate up"), std::string::npos);
    }
}

TYPED_TEST_P(relay_store_exam, a_scheduled_message_waits_until_it_is_due) {
    envelope in_an_hour = make_envelope("in an hour");
    in_an_hour.deliver = deliver_after(1h);
    envelope past = make_envelope("past");
    past.deliver = deliver_at(system_clock().now() - 1h);
    this->database_->send(std::vector{in_an_hour, past, make_envelope("now")});

    const auto store = this->open();
    const lease held = this->take(*store);
    cursor at = held.from;
    EXPECT_EQ(payloads(read_all(*store, at)), (std::vector<std::string>{"now"}));
    EXPECT_EQ(store->status(0).scheduled, 2);

    const release_answer answer = store->release_due(0, held.epoch, 100);
    EXPECT_EQ(answer.result, write_result::done);
    EXPECT_EQ(answer.released, 1U);
    ASSERT_TRUE(answer.next_due);
    EXPECT_GT(*answer.next_due, 59min);
    EXPECT_LE(*answer.next_due, 60min);
    const auto released = read_all(*store, at);
    ASSERT_EQ(payloads(released), (std::vector<std::string>{"past"}));
    EXPECT_EQ(released[0].content.id, past.id);
    EXPECT_EQ(released[0].content.subject, past.subject);
    EXPECT_EQ(store->release_due(0, held.epoch, 100).released, 0U);
    EXPECT_EQ(store->status(0).scheduled, 1);
}

TYPED_TEST_P(relay_store_exam, a_delay_is_counted_by_the_clock_of_the_database) {
    envelope soon = make_envelope("soon");
    soon.deliver = deliver_after(300ms);
    this->database_->send(std::vector{soon});
    const auto store = this->open();
    const lease held = this->take(*store);
    const release_answer early = store->release_due(0, held.epoch, 100);
    if (early.released == 0) {
        ASSERT_TRUE(early.next_due);
        EXPECT_LE(*early.next_due, 300ms);
    }
    harness::wait_until(
        [&] {
            store->release_due(0, held.epoch, 100);
            return store->status(0).backlog == 1;
        },
        5s,
        "the message to be due"
    );
    EXPECT_FALSE(store->release_due(0, held.epoch, 100).next_due);
}

TYPED_TEST_P(relay_store_exam, scheduled_messages_come_in_the_order_in_which_they_are_due) {
    std::vector<envelope> rows;
    for (const int minutes_ago : {1, 3, 2, 5, 4}) {
        rows.push_back(make_envelope(std::to_string(minutes_ago), "k"));
        rows.back().deliver = deliver_at(system_clock().now() - std::chrono::minutes{minutes_ago});
    }
    this->database_->send(rows);
    const auto store = this->open();
    const lease held = this->take(*store);
    cursor at = held.from;
    const release_answer first = store->release_due(0, held.epoch, 2);
    EXPECT_EQ(first.released, 2U);
    EXPECT_EQ(first.next_due, 0ms) << "more are due";
    EXPECT_EQ(store->release_due(0, held.epoch, 100).released, 3U);
    const auto all = read_all(*store, at);
    EXPECT_EQ(payloads(all), (std::vector<std::string>{"5", "4", "3", "2", "1"}));
    EXPECT_EQ(all[0].content.key, "k");
}

TYPED_TEST_P(relay_store_exam, who_has_lost_the_lease_releases_nothing_and_loses_nothing) {
    envelope past = make_envelope("past");
    past.deliver = deliver_at(system_clock().now() - 1h);
    this->database_->send(std::vector{past});
    const auto store = this->open();
    const lease held = this->take(*store);
    const release_answer refused = store->release_due(0, held.epoch - 1, 100);
    EXPECT_EQ(refused.result, write_result::lease_lost);
    EXPECT_EQ(refused.released, 0U);
    EXPECT_EQ(store->status(0).scheduled, 1);
    EXPECT_EQ(store->release_due(0, held.epoch, 100).released, 1U);
}

TYPED_TEST_P(relay_store_exam, migrating_twice_changes_nothing) {
    EXPECT_TRUE(this->database_->open_migrator()->up().empty());
    for (const migration_state& state : this->database_->open_migrator()->status()) {
        EXPECT_TRUE(state.applied);
        EXPECT_FALSE(state.altered);
    }
}

TYPED_TEST_P(relay_store_exam, a_message_is_found_before_and_after_it_is_relayed) {
    const std::vector<envelope> sent{make_envelope("1"), make_envelope("2"), make_envelope("3")};
    this->database_->send(sent);
    const auto find = [&](const envelope& row) { return this->database_->find(row.id, 1'000); };
    const auto store = this->open();
    const lease held = this->take(*store);
    ASSERT_EQ(find(sent[1]).stored.size(), 1U);
    EXPECT_FALSE(find(sent[1]).stored[0].relayed);

    const slice first = store->read(0, held.from, {.message_count_max = 2});
    ASSERT_EQ(first.messages.size(), 2U);
    EXPECT_FALSE(find(sent[1]).stored[0].relayed) << "read is not delivered";
    ASSERT_EQ(store->advance(0, held.epoch, first.after), write_result::done);
    for (const std::size_t i : {0U, 1U, 2U}) {
        const message_search found = find(sent[i]);
        ASSERT_EQ(found.stored.size(), 1U) << i;
        EXPECT_EQ(found.stored[0].relayed, i < 2) << i;
        EXPECT_EQ(found.stored[0].subject, "orders.paid");
        EXPECT_FALSE(found.scheduled);
        EXPECT_TRUE(found.complete);
    }
    EXPECT_EQ(find(sent[0]).stored[0].seq, first.messages[0].seq);
    EXPECT_EQ(find(sent[0]).stored[0].created_at, first.messages[0].created_at);
    const message_search nowhere = find(make_envelope("4"));
    EXPECT_TRUE(nowhere.stored.empty());
    EXPECT_TRUE(nowhere.complete);
}

TYPED_TEST_P(relay_store_exam, a_message_that_is_not_due_is_found_with_its_time) {
    envelope later = make_envelope("later");
    const time_point due = std::chrono::floor<std::chrono::seconds>(system_clock().now() + 1h);
    later.deliver = deliver_at(due);
    this->database_->send(std::vector{later});
    const message_search found = this->database_->find(later.id, 1'000);
    EXPECT_TRUE(found.stored.empty());
    ASSERT_TRUE(found.scheduled);
    EXPECT_EQ(found.scheduled->subject, "orders.paid");
    EXPECT_EQ(found.scheduled->due_at, due);
}

TYPED_TEST_P(relay_store_exam, a_search_that_reached_its_limit_says_so) {
    this->send({"1", "2", "3"});
    const message_id nobody = make_envelope("").id;
    EXPECT_FALSE(this->database_->find(nobody, 2).complete);
    EXPECT_TRUE(this->database_->find(nobody, 3).complete);
}

TYPED_TEST_P(relay_store_exam, what_groups_have_noted_is_found_with_the_message) {
    const message_id id = make_envelope("").id;
    const message_id other = make_envelope("").id;
    const auto noted = [&](const message_id& of) {
        return this->database_->find(of, 1).noted.value_or(std::vector<noted_row>{noted_row{}});
    };
    EXPECT_TRUE(noted(id).empty());

    const outbox_name name = name_of_candidate<TypeParam>;
    this->candidate_.note_consumed(name, {"billing", "shipping"}, id);
    this->candidate_.note_consumed(name, {"audit", "billing"}, other);
    const auto claims = this->database_->open_claim_store();
    const bytes mine(claim_token_bytes, 'm');
    for (const char* group : {"done", "held"})
        EXPECT_TRUE(claims->claim({group, id.raw()}, mine, 1h));
    EXPECT_TRUE(claims->complete({"done", id.raw()}, mine));
    EXPECT_TRUE(claims->claim({"left", id.raw()}, mine, 1ms));
    EXPECT_TRUE(claims->claim({"left", other.raw()}, mine, 1h));
    harness::wait_until(
        [&] { return noted(id).size() == 5 && noted(id)[4].kind == note_kind::left; },
        10s,
        "a lease of 1 ms to end"
    );

    const time_point soon = system_clock().now() + 1min;
    std::string told;
    for (const noted_row& row : noted(id)) {
        told += row.group + " " + std::to_string(static_cast<int>(row.kind)) + ", ";
        EXPECT_GT(row.at, soon - 2min) << row.group;
        EXPECT_LT(row.at, soon) << row.group;
        const bool is_claimed = row.kind == note_kind::held || row.kind == note_kind::left;
        ASSERT_EQ(row.lease_until.has_value(), is_claimed) << row.group;
        if (is_claimed) {
            EXPECT_EQ(*row.lease_until > soon, row.kind == note_kind::held) << row.group;
        }
    }
    EXPECT_EQ(told, "billing 0, shipping 0, done 1, held 2, left 3, ");
    EXPECT_EQ(noted(other).size(), 3U);
    EXPECT_TRUE(this->database_->find(id, 1).noted_complete);
}

TYPED_TEST_P(relay_store_exam, notes_of_more_groups_than_are_asked_are_said_to_be_cut) {
    const message_id id = make_envelope("").id;
    std::vector<std::string> groups;
    for (int i = 0; i < message_search::groups_max; ++i)
        groups.push_back("group-" + std::to_string(1'000 + i));
    groups.pop_back();
    const outbox_name name = name_of_candidate<TypeParam>;
    this->candidate_.note_consumed(name, groups, id);
    const message_search all = this->database_->find(id, 1);
    EXPECT_EQ(all.noted->size(), groups.size());
    EXPECT_TRUE(all.noted_complete);
    this->candidate_.note_consumed(name, {"x", "y"}, id);
    const message_search cut = this->database_->find(id, 1);
    EXPECT_EQ(cut.noted->size(), groups.size() + 1);
    EXPECT_FALSE(cut.noted_complete);
}

REGISTER_TYPED_TEST_SUITE_P(
    relay_store_exam,
    what_groups_have_noted_is_found_with_the_message,
    notes_of_more_groups_than_are_asked_are_said_to_be_cut,
    an_empty_outbox_has_nothing_to_read,
    what_is_sent_comes_back_as_it_was,
    each_message_is_read_once_and_in_order,
    slices_of_any_size_say_the_same,
    a_slice_keeps_its_limits,
    recorded_progress_is_where_the_next_one_begins,
    one_owner_at_a_time,
    each_grant_has_an_epoch_of_its_own_also_for_the_same_owner,
    an_expired_lease_is_taken_and_its_old_holder_can_write_nothing,
    a_lease_that_nobody_took_can_still_be_renewed,
    status_tells_what_is_left_and_who_holds_the_lease,
    removal_takes_no_message_that_is_not_delivered,
    tables_that_are_absent_or_altered_are_refused_with_a_hint,
    a_scheduled_message_waits_until_it_is_due,
    a_delay_is_counted_by_the_clock_of_the_database,
    scheduled_messages_come_in_the_order_in_which_they_are_due,
    who_has_lost_the_lease_releases_nothing_and_loses_nothing,
    a_message_is_found_before_and_after_it_is_relayed,
    a_message_that_is_not_due_is_found_with_its_time,
    a_search_that_reached_its_limit_says_so,
    migrating_twice_changes_nothing
);

} // namespace outbox
