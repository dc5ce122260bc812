#pragma once
// What numbered_store promises, on every database, with the candidates of relay_store_exam.hpp.

#include "outbox/message/codec.hpp"
#include "outbox/relay/numbered_store.hpp"
#include "tests/store/relay_store_exam.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace outbox {

/// Payload, source, number.
struct numbered_message {
    std::string payload;
    std::string source;
    std::string number;

    bool operator==(const numbered_message&) const = default;
};

inline void PrintTo(const numbered_message& m, std::ostream* out) {
    *out << m.payload << " = " << m.source << " " << m.number;
}

inline std::vector<numbered_message> numbers_of(const std::vector<stored_message>& messages) {
    std::vector<numbered_message> all;
    for (const stored_message& m : messages) {
        const headers there = decode_headers(m.content.headers);
        const auto text = [&](std::string_view name) {
            const bytes* value = find_header(there, name);
            return value != nullptr ? *value : bytes{"none"};
        };
        EXPECT_EQ(text(header_name::shard), "0");
        all.push_back({m.content.payload, text(header_name::source), text(header_name::number)});
    }
    return all;
}

template <class Candidate>
class numbered_exam : public testing::Test {
protected:
    numbered_exam() : database_(candidate_.open(name_of_candidate<Candidate>)) {
        database_->open_migrator()->up();
    }

    void send(const std::vector<std::string>& texts) {
        std::vector<envelope> rows;
        for (const std::string& text : texts)
            rows.push_back(make_envelope(text));
        database_->send(rows);
    }
    std::unique_ptr<numbered_store> open(const numbering_limits& limits = {}) {
        return std::make_unique<numbered_store>(
            database_->open_relay_store(),
            system_random(),
            limits
        );
    }
    /// Takes the lease under a name of its own, as if the one before had died and it had run out.
    lease take_over(relay_store& store) {
        const auto killer = database_->open_relay_store();
        const store_status before = killer->status(0);
        killer->release(0, before.lease_epoch);
        return store.acquire(0, "relay-" + std::to_string(++owners_), 60s, "").granted.value();
    }
    std::size_t intents() { return database_->open_relay_store()->intents()->load(0).size(); }

    Candidate candidate_;
    std::unique_ptr<database> database_;
    int owners_ = 0;
};

TYPED_TEST_SUITE_P(numbered_exam);

TYPED_TEST_P(numbered_exam, counts_from_one_and_forgets_what_is_recorded) {
    this->send({"a", "b"});
    const auto store = this->open();
    const lease held = this->take_over(*store);
    cursor at = held.from;
    auto all = numbers_of(read_all(*store, at));
    this->send({"c"});
    for (const auto& m : numbers_of(read_all(*store, at)))
        all.push_back(m);
    ASSERT_EQ(all.size(), 3U);
    const std::string source = all[0].source;
    EXPECT_EQ(source.size(), 32U);
    EXPECT_EQ(
        all,
        (std::vector<numbered_message>{{"a", source, "1"}, {"b", source, "2"}, {"c", source, "3"}})
    );
    EXPECT_EQ(this->intents(), 2U);
    EXPECT_EQ(store->advance(0, held.epoch, at), write_result::done);
    EXPECT_EQ(this->intents(), 0U);
}

TYPED_TEST_P(numbered_exam, whoever_takes_over_sends_again_under_the_same_numbers) {
    std::vector<std::string> sent;
    for (int i = 0; i < 30; ++i)
        sent.push_back(std::to_string(i));
    this->send(sent);
    std::vector<numbered_message> first;
    {
        const auto store = this->open();
        const lease held = this->take_over(*store);
        const slice one = store->read(0, held.from, {.message_count_max = 7});
        EXPECT_EQ(store->advance(0, held.epoch, one.after), write_result::done);
        const slice two = store->read(0, one.after, {.message_count_max = 7});
        const slice three = store->read(0, two.after, {.message_count_max = 7});
        for (const slice* s : {&two, &three})
            for (const auto& m : numbers_of(s->messages))
                first.push_back(m);
        ASSERT_EQ(first.size(), 14U);
        EXPECT_EQ(first.back().number, "21");
    }
    for (int death = 0; death < 2; ++death) {
        const auto store = this->open();
        cursor at = this->take_over(*store).from;
        std::vector<stored_message> again;
        while (again.size() < first.size()) {
            slice next = store->read(0, at, {.message_count_max = 5});
            EXPECT_EQ(next.after, at) << "the cursor has passed what is not numbered yet";
            std::move(next.messages.begin(), next.messages.end(), std::back_inserter(again));
        }
        EXPECT_EQ(numbers_of(again), first);
    }
    const auto store = this->open();
    const lease held = this->take_over(*store);
    cursor at = held.from;
    const auto all = numbers_of(read_all(*store, at, {.message_count_max = 4}));
    ASSERT_EQ(all.size(), 23U);
    EXPECT_TRUE(std::equal(first.begin(), first.end(), all.begin()));
    for (std::size_t i = first.size(); i < all.size(); ++i) {
        EXPECT_NE(all[i].source, first[0].source);
        EXPECT_EQ(all[i].number, std::to_string(i - first.size() + 1));
        EXPECT_EQ(all[i].payload, std::to_string(i + 7));
    }
    EXPECT_EQ(store->advance(0, held.epoch, at), write_result::done);
    EXPECT_EQ(this->intents(), 0U);
    EXPECT_EQ(store->status(0).backlog, 0);
}

TYPED_TEST_P(numbered_exam, a_relay_without_anything_new_still_records_what_it_sent_again) {
    this->send({"a", "b"});
    {
        const auto dead = this->open();
        cursor at = this->take_over(*dead).from;
        EXPECT_EQ(read_all(*dead, at).size(), 2U);
    }
    const auto store = this->open();
    const lease held = this->take_over(*store);
    cursor at = held.from;
    bool worth_recording = false;
    while (!worth_recording) {
        const slice next = store->read(0, at, {});
        at = next.after;
        worth_recording = next.record;
        ASSERT_TRUE(next.more || next.record || !next.messages.empty()) << "the end";
    }
    EXPECT_EQ(store->advance(0, held.epoch, at), write_result::done);
    EXPECT_EQ(this->intents(), 0U);
    EXPECT_EQ(store->status(0).backlog, 0);
}

TYPED_TEST_P(numbered_exam, a_zombie_binds_nothing_and_what_it_has_in_hand_is_no_news) {
    this->send({"a", "b"});
    const auto zombie = this->open();
    const lease lost = this->take_over(*zombie);
    const slice in_hand = zombie->read(0, lost.from, {.message_count_max = 1});
    const auto heir = this->open();
    cursor at = this->take_over(*heir).from;
    const auto all = numbers_of(read_all(*heir, at));
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0], numbers_of(in_hand.messages)[0]);

    const slice refused = zombie->read(0, in_hand.after, {});
    EXPECT_TRUE(refused.messages.empty());
    EXPECT_EQ(refused.after, in_hand.after);
    EXPECT_EQ(zombie->advance(0, lost.epoch, in_hand.after), write_result::lease_lost);
    EXPECT_EQ(this->intents(), 2U);
}

TYPED_TEST_P(numbered_exam, at_its_limit_it_waits_until_progress_is_recorded) {
    this->send({"a", "b", "c"});
    const auto store = this->open({.intents_max = 2});
    const lease held = this->take_over(*store);
    const slice_limits one{.message_count_max = 1};
    const cursor first = store->read(0, held.from, one).after;
    const cursor second = store->read(0, first, one).after;
    const slice full = store->read(0, second, one);
    EXPECT_TRUE(full.messages.empty());
    EXPECT_FALSE(full.more) << "asked again at once";
    EXPECT_EQ(full.after, second);
    EXPECT_EQ(store->advance(0, held.epoch, second), write_result::done);
    EXPECT_EQ(payloads(store->read(0, second, one).messages), std::vector<std::string>{"c"});
}

TYPED_TEST_P(numbered_exam, what_was_discarded_leaves_its_number_unused_and_holds_up_nothing) {
    this->send({"a", "b", "c"});
    {
        const auto dead = this->open();
        cursor at = this->take_over(*dead).from;
        EXPECT_EQ(read_all(*dead, at).size(), 3U);
    }
    this->candidate_.discard(name_of_candidate<TypeParam>, "b");
    const auto store = this->open();
    const lease held = this->take_over(*store);
    cursor at = held.from;
    const auto all = numbers_of(read_all(*store, at));
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].payload + all[0].number + all[1].payload + all[1].number, "a1c3");
    EXPECT_EQ(store->advance(0, held.epoch, at), write_result::done);
    EXPECT_EQ(this->intents(), 0U);
}

TYPED_TEST_P(numbered_exam, without_the_lease_nothing_is_read) {
    EXPECT_THROW(this->open()->read(0, {}, {}), error);
}

REGISTER_TYPED_TEST_SUITE_P(
    numbered_exam,
    counts_from_one_and_forgets_what_is_recorded,
    whoever_takes_over_sends_again_under_the_same_numbers,
    a_relay_without_anything_new_still_records_what_it_sent_again,
    a_zombie_binds_nothing_and_what_it_has_in_hand_is_no_news,
    at_its_limit_it_waits_until_progress_is_recorded,
    what_was_discarded_leaves_its_number_unused_and_holds_up_nothing,
    without_the_lease_nothing_is_read
);

} // namespace outbox
