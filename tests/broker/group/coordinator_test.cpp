// All groups and their offsets: what is kept for how long, and what is refused.

#include "broker/group/coordinator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outbox::broker {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;
using testing::SizeIs;
using wire::error_code;

const std::optional<std::string> nobody{};
constexpr std::int64_t day_ms = 24LL * 3600 * 1000;

class a_coordinator : public testing::Test {
protected:
    a_coordinator() { options.initial_rebalance_delay = 0ms; }

    state_change offset_of(
        const std::string& group,
        std::int32_t partition,
        std::int64_t offset,
        const std::string& topic = "orders"
    ) const {
        return offset_change{
            group,
            topic,
            partition,
            committed_offset{
                .offset = offset,
                .committed_ms = now.wall_ms,
                .topic = present.at("orders").first}};
    }
    error_code commit(const std::string& group, std::vector<state_change> changes) {
        const auto why = machine.check_commit(now, group, {"", nobody}, -1, changes);
        if (why == error_code::none)
            for (auto& change : changes)
                machine.apply(std::move(change));
        return why;
    }
    std::string join(const std::string& group) {
        coordinator_actions out;
        machine.join(
            now,
            1,
            group,
            {.client_id = "c",
             .session = 10s,
             .rebalance = 60s,
             .protocol_type = "consumer",
             .protocols = {{"range", ""}}},
            out
        );
        for (auto& change : out.changes)
            machine.apply(change);
        return out.joins.empty() ? std::string() : out.joins[0].second.member_id;
    }
    void pass(std::chrono::milliseconds by) {
        now.ticks += by;
        now.wall_ms += by.count();
        coordinator_actions out;
        machine.tick(now, out);
        for (auto& change : out.changes)
            machine.apply(change);
    }
    coordinator::find_topic topics() const {
        return [this](const std::string& name) -> std::optional<coordinator::present_topic> {
            const auto at = present.find(name);
            if (at == present.end())
                return std::nullopt;
            const auto end = at->second.second;
            return coordinator::present_topic{at->second.first, [end](std::int32_t) {
                                                  return std::optional(end);
                                              }};
        };
    }
    void forget() {
        for (auto& change : machine.expire(now, topics()))
            machine.apply(std::move(change));
    }
    bool has(const std::string& group) const { return machine.find(group) != nullptr; }

    group_options options{};
    seeded_random random{1};
    coordinator machine{options, random};
    moment now{tick_point{1h}, 1'800'000'000'000};
    std::map<std::string, std::pair<topic_id, std::int64_t>> present{
        {"orders", {topic_id{1}, 100}}};
};

TEST_F(a_coordinator, offsets_of_a_group_without_members_go_after_a_week) {
    ASSERT_EQ(commit("simple", {offset_of("simple", 0, 5)}), error_code::none);
    pass(std::chrono::hours{24 * 7} - 1ms);
    forget();
    EXPECT_TRUE(has("simple"));
    pass(1ms);
    forget();
    EXPECT_FALSE(has("simple"));
}

TEST_F(a_coordinator, the_week_begins_when_the_last_member_has_left) {
    const std::string id = join("shop");
    machine.apply(offset_of("shop", 0, 5));
    for (int i = 0; i < 30 * 24 * 360; ++i) {
        now.ticks += 10s;
        now.wall_ms += 10'000;
        ASSERT_EQ(machine.heartbeat(now, "shop", {id, nobody}, 1), error_code::none);
        if (i % 1000 == 0)
            forget();
    }
    forget();
    EXPECT_TRUE(has("shop")) << "a month without a commit, and somebody is there";
    pass(20s); // silent: out
    pass(std::chrono::hours{24 * 7} - 1min);
    forget();
    EXPECT_TRUE(has("shop"));
    pass(1min);
    forget();
    EXPECT_FALSE(has("shop"));
}

TEST_F(a_coordinator, a_group_that_was_in_use_when_the_broker_was_killed_has_its_week) {
    join("shop");
    machine.apply(offset_of("shop", 0, 5));
    const auto kept = machine.snapshot();
    coordinator next(options, random);
    for (const auto& change : kept)
        next.apply(change);
    now.wall_ms += 30 * day_ms;
    next.begin(now);
    EXPECT_THAT(next.expire(now, topics()), IsEmpty());
    EXPECT_EQ(next.find("shop")->membership.generation(), 1) << "and its generations go on";
    now.wall_ms += 7 * day_ms;
    EXPECT_THAT(next.expire(now, topics()), SizeIs(2));
}

TEST_F(a_coordinator, offsets_go_with_their_topic_also_when_it_is_made_again) {
    ASSERT_EQ(commit("shop", {offset_of("shop", 0, 5), offset_of("shop", 1, 5)}), error_code::none);
    forget();
    ASSERT_TRUE(has("shop"));
    present["orders"].first = topic_id{2};
    forget();
    EXPECT_FALSE(has("shop"));
    ASSERT_EQ(commit("shop", {offset_of("shop", 0, 5)}), error_code::none);
    present.erase("orders");
    forget();
    EXPECT_FALSE(has("shop"));
}

TEST_F(a_coordinator, what_lies_beyond_the_end_of_a_log_that_was_cut_is_put_back) {
    ASSERT_EQ(
        commit("shop", {offset_of("shop", 0, 100), offset_of("shop", 1, 101)}),
        error_code::none
    );
    const auto changes = machine.truncate(topics());
    ASSERT_THAT(changes, SizeIs(1));
    const auto& one = std::get<offset_change>(changes[0]);
    EXPECT_EQ(one.partition, 1);
    EXPECT_EQ(one.value->offset, 100);
}

TEST_F(a_coordinator, a_group_with_members_is_not_deleted) {
    std::vector<state_change> changes;
    EXPECT_EQ(machine.remove_group("shop", changes), error_code::group_id_not_found);
    const std::string id = join("shop");
    machine.apply(offset_of("shop", 0, 5));
    EXPECT_EQ(machine.remove_group("shop", changes), error_code::non_empty_group);
    coordinator_actions out;
    EXPECT_EQ(machine.leave(now, "shop", {id, nobody}, out), error_code::none);
    EXPECT_EQ(machine.remove_group("shop", changes), error_code::none);
    for (auto& change : changes)
        machine.apply(std::move(change));
    EXPECT_FALSE(has("shop"));
}

TEST_F(a_coordinator, a_group_that_only_handed_out_an_id_leaves_nothing) {
    coordinator_actions out;
    machine.join(
        now,
        1,
        "shop",
        {.session = 10s,
         .protocol_type = "consumer",
         .protocols = {{"range", ""}},
         .takes_member_id = true},
        out
    );
    EXPECT_EQ(out.joins.at(0).second.error, error_code::member_id_required);
    EXPECT_TRUE(has("shop"));
    pass(10s);
    EXPECT_FALSE(has("shop"));
    EXPECT_EQ(machine.next_deadline(), std::nullopt);
}

TEST_F(a_coordinator, an_empty_group_is_listed_for_a_while) {
    const std::string id = join("shop");
    pass(10s);
    forget();
    EXPECT_TRUE(has("shop"));
    pass(options.empty_group_kept);
    forget();
    EXPECT_FALSE(has("shop")) << id;
}

TEST_F(a_coordinator, limits_are_answered) {
    options.groups_max = 1;
    ASSERT_EQ(commit("shop", {offset_of("shop", 0, 5)}), error_code::none);
    EXPECT_EQ(commit("more", {offset_of("more", 0, 5)}), error_code::policy_violation);
    coordinator_actions out;
    machine.join(now, 1, "more", {.session = 10s}, out);
    EXPECT_EQ(out.joins.at(0).second.error, error_code::policy_violation);
    options.commit_partitions_max = 1;
    EXPECT_EQ(
        commit("shop", {offset_of("shop", 0, 5), offset_of("shop", 1, 5)}),
        error_code::invalid_commit_offset_size
    );
    options.offsets_max = 1;
    EXPECT_EQ(commit("shop", {offset_of("shop", 0, 6)}), error_code::none) << "again, no new room";
    EXPECT_EQ(commit("shop", {offset_of("shop", 1, 6)}), error_code::invalid_commit_offset_size);
}

TEST_F(a_coordinator, nothing_is_known_of_a_group_that_is_not_there) {
    EXPECT_EQ(machine.heartbeat(now, "x", {"id", nobody}, 1), error_code::unknown_member_id);
    coordinator_actions out;
    EXPECT_EQ(machine.leave(now, "x", {"id", nobody}, out), error_code::unknown_member_id);
    EXPECT_EQ(machine.check_commit(now, "x", {"id", nobody}, 3, {}), error_code::unknown_member_id);
    machine.sync(now, 1, "x", {.member_id = "id"}, out);
    EXPECT_EQ(out.syncs.at(0).second.error, error_code::unknown_member_id);
    EXPECT_FALSE(has("x")) << "and asking does not make it";
}

} // namespace
} // namespace outbox::broker
