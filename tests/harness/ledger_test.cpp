#include "harness/ledger.hpp"

#include "outbox/base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace outbox::harness {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> ids(const std::vector<finding>& findings) {
    std::vector<std::string> result;
    for (const auto& f : findings)
        result.push_back(f.id);
    return result;
}

// A history without a fault: three keys, four messages each, "b2" is the second of key b; each
// arrives and is applied once. The stories below change one thing in it.
struct history {
    struct step {
        std::string id;
        std::string key;
        std::int64_t sequence;
    };
    std::vector<step> sent;
    std::vector<std::string> arrivals;
    std::vector<std::string> effects;
    std::vector<std::string> rolled_back;
    std::vector<std::string> in_doubt;

    history() {
        for (int sequence = 1; sequence <= 4; ++sequence)
            for (const char* key : {"a", "b", "c"})
                sent.push_back({key + std::to_string(sequence), key, sequence});
        for (const auto& s : sent)
            arrivals.push_back(s.id);
        effects = arrivals;
    }

    static void drop(std::vector<std::string>& from, const std::string& id) {
        std::erase(from, id);
    }

    verdict judge() const {
        ledger books;
        const auto is_in = [](const std::vector<std::string>& list, const std::string& id) {
            return std::ranges::count(list, id) > 0;
        };
        for (const auto& s : sent)
            books.sent(
                {.id = s.id, .key = s.key, .key_sequence = s.sequence},
                is_in(rolled_back, s.id) ? fate::rolled_back
                : is_in(in_doubt, s.id)  ? fate::in_doubt
                                         : fate::committed
            );
        std::int64_t offset = 0;
        for (const auto& id : arrivals)
            books.arrived({
                .id = id,
                .key = id.substr(0, 1),
                .key_sequence = id[1] - '0',
                .partition = 0,
                .offset = offset++,
            });
        for (const auto& id : effects)
            books.applied(id);
        return books.judge();
    }
};

// That nothing was found but what the caller has looked at and taken out.
void expect_nothing_else(const verdict& v) {
    EXPECT_TRUE(v.ok()) << to_text(v);
    EXPECT_THAT(v.duplicate_deliveries, IsEmpty());
}

TEST(ledger, a_faultless_history_is_ok) {
    const auto v = history{}.judge();
    expect_nothing_else(v);
    EXPECT_EQ(v.committed, 12);
    EXPECT_EQ(v.arrived, 12);
    EXPECT_EQ(v.applied, 12);
}

TEST(ledger, one_lost_is_named) {
    history h;
    h.drop(h.arrivals, "b2");
    h.drop(h.effects, "b2");
    auto v = h.judge();
    EXPECT_FALSE(v.ok());
    EXPECT_THAT(std::exchange(v.lost, {}), ElementsAre(finding{"b2", "key b, 2"}));
    expect_nothing_else(v);
}

TEST(ledger, one_rolled_back_that_arrives_is_a_phantom) {
    history h;
    h.rolled_back = {"c3"};
    auto v = h.judge();
    EXPECT_FALSE(v.ok());
    EXPECT_THAT(std::exchange(v.phantom, {}), ElementsAre(finding{"c3", "rolled back, key c, 3"}));
    expect_nothing_else(v);
}

TEST(ledger, one_that_was_never_sent_is_a_phantom) {
    history h;
    h.arrivals.emplace_back("a9");
    auto v = h.judge();
    EXPECT_FALSE(v.ok());
    EXPECT_THAT(std::exchange(v.phantom, {}), ElementsAre(finding{"a9", "never sent, key a, 9"}));
    expect_nothing_else(v);
}

TEST(ledger, an_effect_of_nothing_is_a_phantom) {
    history h;
    h.effects.emplace_back("x1");
    auto v = h.judge();
    EXPECT_THAT(ids(std::exchange(v.phantom, {})), ElementsAre("x1"));
    expect_nothing_else(v);
}

TEST(ledger, one_rolled_back_that_stays_away_is_right) {
    history h;
    h.rolled_back = {"c3"};
    h.drop(h.arrivals, "c3");
    h.drop(h.effects, "c3");
    expect_nothing_else(h.judge());
}

TEST(ledger, one_swap_within_a_key_is_named_with_who_overtook) {
    history h;
    std::swap(*std::ranges::find(h.arrivals, "a2"), *std::ranges::find(h.arrivals, "a3"));
    auto v = h.judge();
    EXPECT_FALSE(v.ok());
    EXPECT_THAT(
        std::exchange(v.reordered, {}),
        ElementsAre(finding{"a2", "key a, 2, overtaken by a3 (3)"})
    );
    expect_nothing_else(v);
}

TEST(ledger, a_swap_between_keys_is_nobodys_business) {
    history h;
    std::swap(h.arrivals[0], h.arrivals[1]);
    expect_nothing_else(h.judge());
}

TEST(ledger, messages_without_a_key_have_no_order) {
    ledger books;
    books.sent({.id = "x", .key_sequence = 1}, fate::committed);
    books.sent({.id = "y", .key_sequence = 2}, fate::committed);
    books.arrived({.id = "y", .key_sequence = 2});
    books.arrived({.id = "x", .key_sequence = 1});
    expect_nothing_else(books.judge());
}

TEST(ledger, one_duplicate_delivery_is_named_and_allowed) {
    history h;
    h.arrivals.emplace_back("b1"); // late, but it is not its first
    auto v = h.judge();
    EXPECT_TRUE(v.ok()) << to_text(v);
    EXPECT_EQ(v.duplicate_delivery_count, 1);
    EXPECT_THAT(std::exchange(v.duplicate_deliveries, {}), ElementsAre(finding{"b1", "2 times"}));
    expect_nothing_else(v);
}

TEST(ledger, a_duplicate_effect_is_named_and_not_allowed) {
    history h;
    h.effects.emplace_back("b1");
    h.effects.emplace_back("b1");
    auto v = h.judge();
    EXPECT_FALSE(v.ok());
    EXPECT_EQ(v.duplicate_effect_count, 2);
    EXPECT_THAT(std::exchange(v.duplicate_effects, {}), ElementsAre(finding{"b1", "3 times"}));
    expect_nothing_else(v);
}

TEST(ledger, one_that_arrived_without_its_effect_is_named) {
    history h;
    h.drop(h.effects, "c1");
    auto v = h.judge();
    EXPECT_FALSE(v.ok());
    EXPECT_THAT(ids(std::exchange(v.unapplied, {})), ElementsAre("c1"));
    expect_nothing_else(v);
}

TEST(ledger, effects_are_not_judged_when_nobody_tells_any) {
    history h;
    h.effects.clear();
    expect_nothing_else(h.judge());
}

TEST(ledger, what_is_in_doubt_may_arrive_or_not) {
    history arrives;
    arrives.in_doubt = {"a2"};
    const auto in = arrives.judge();
    expect_nothing_else(in);
    EXPECT_EQ(in.in_doubt, 1);
    EXPECT_EQ(in.in_doubt_arrived, 1);

    history stays_away;
    stays_away.in_doubt = {"a2"};
    stays_away.drop(stays_away.arrivals, "a2");
    stays_away.drop(stays_away.effects, "a2");
    const auto out = stays_away.judge();
    expect_nothing_else(out);
    EXPECT_EQ(out.in_doubt_arrived, 0);
}

TEST(ledger, what_is_in_doubt_keeps_its_place_when_it_arrives) {
    history h;
    h.in_doubt = {"a2"};
    std::swap(*std::ranges::find(h.arrivals, "a2"), *std::ranges::find(h.arrivals, "a3"));
    auto v = h.judge();
    EXPECT_THAT(ids(std::exchange(v.reordered, {})), ElementsAre("a2"));
    expect_nothing_else(v);
}

TEST(ledger, a_doubt_can_be_settled_and_a_certainty_not_changed) {
    ledger books;
    books.sent({.id = "x", .key = "k", .key_sequence = 1}, fate::in_doubt);
    books.sent({.id = "x", .key = "k", .key_sequence = 1}, fate::committed);
    EXPECT_THAT(ids(books.judge().lost), ElementsAre("x"));
    EXPECT_THROW(
        books.sent({.id = "x", .key = "k", .key_sequence = 1}, fate::rolled_back),
        usage_error
    );
    EXPECT_THROW(
        books.sent({.id = "x", .key = "j", .key_sequence = 1}, fate::committed),
        usage_error
    );
}

TEST(ledger, a_changed_message_is_named) {
    ledger books;
    books.sent({.id = "x", .key = "k", .key_sequence = 1}, fate::committed);
    books.arrived({.id = "x", .key = "other", .key_sequence = 1});
    auto v = books.judge();
    EXPECT_THAT(
        std::exchange(v.altered, {}),
        ElementsAre(finding{"x", "sent as key k, 1; arrived as key other, 1"})
    );
    expect_nothing_else(v);
}

TEST(ledger, a_key_that_moves_to_another_partition_is_named) {
    ledger books;
    for (const int n : {1, 2}) {
        books.sent({.id = std::to_string(n), .key = "k", .key_sequence = n}, fate::committed);
        books.arrived({
            .id = std::to_string(n),
            .key = "k",
            .key_sequence = n,
            .partition = n,
            .offset = 0,
        });
    }
    auto v = books.judge();
    EXPECT_THAT(
        std::exchange(v.scattered, {}),
        ElementsAre(finding{"2", "key k, 2, on partition 2 instead of 1"})
    );
    expect_nothing_else(v);
}

TEST(ledger, an_offset_that_shows_two_messages_is_named) {
    ledger books;
    for (const char* id : {"x", "y"}) {
        books.sent({.id = id}, fate::committed);
        books.arrived({.id = id, .partition = 3, .offset = 7});
    }
    auto v = books.judge();
    EXPECT_THAT(
        std::exchange(v.rewritten, {}),
        ElementsAre(finding{"y", "partition 3, offset 7, where x stood"})
    );
    expect_nothing_else(v);
}

TEST(ledger, many_faults_at_once_are_kept_apart) {
    history h;
    h.rolled_back = {"a4"};
    h.drop(h.arrivals, "b4");
    h.drop(h.effects, "b4");
    h.arrivals.emplace_back("c4");
    std::swap(*std::ranges::find(h.arrivals, "c1"), *std::ranges::find(h.arrivals, "c2"));
    auto v = h.judge();
    EXPECT_THAT(ids(std::exchange(v.lost, {})), ElementsAre("b4"));
    EXPECT_THAT(ids(std::exchange(v.phantom, {})), ElementsAre("a4"));
    EXPECT_THAT(ids(std::exchange(v.reordered, {})), ElementsAre("c1"));
    EXPECT_THAT(ids(std::exchange(v.duplicate_deliveries, {})), ElementsAre("c4"));
    expect_nothing_else(v);
}

TEST(ledger, the_report_has_counts_and_names) {
    history h;
    h.drop(h.arrivals, "b2");
    h.drop(h.effects, "b2");
    h.arrivals.emplace_back("b1");
    const auto v = h.judge();
    EXPECT_THAT(to_text(v), HasSubstr("lost: 1\n  b2 (key b, 2)\n"));
    const auto json = nlohmann::json::parse(to_json(v));
    EXPECT_EQ(json["ok"], false);
    EXPECT_EQ(json["lost"], 1);
    EXPECT_EQ(json["phantom"], 0);
    EXPECT_EQ(json["order_breaks"], 0);
    EXPECT_EQ(json["duplicate_deliveries"], 1);
    EXPECT_EQ(json["duplicate_effects"], 0);
    EXPECT_EQ(json["names"]["lost"][0]["id"], "b2");
}

TEST(ledger, the_report_survives_an_id_that_is_no_text) {
    ledger books;
    books.arrived({.id = "\xff\xfe"});
    EXPECT_EQ(nlohmann::json::parse(to_json(books.judge()))["phantom"], 1);
}

TEST(ledger, a_million_messages_are_no_trouble) {
    constexpr int count = 1'000'000;
    ledger books;
    const auto id = [](int n) {
        return "01890a5d-ac96-774b-bcce-b302" + std::to_string(10'000'000 + n);
    };
    const auto key = [](int n) { return "key-" + std::to_string(n % 1000); };
    for (int n = 0; n < count; ++n)
        books.sent({.id = id(n), .key = key(n), .key_sequence = n}, fate::committed);
    for (int n = 0; n < count; ++n)
        if (n != 123'456)
            books.arrived({
                .id = id(n),
                .key = key(n),
                .key_sequence = n,
                .partition = n % 4,
                .offset = n / 4,
            });
    auto v = books.judge();
    EXPECT_THAT(ids(std::exchange(v.lost, {})), ElementsAre(id(123'456)));
    expect_nothing_else(v);
}

} // namespace
} // namespace outbox::harness
