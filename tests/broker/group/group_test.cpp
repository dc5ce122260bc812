// One group, told as short stories.

#include "broker/group/group.hpp"

#include "broker/group/subscription.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outbox::broker {
namespace {

using namespace std::chrono_literals;
using testing::SizeIs;
using wire::error_code;

const std::optional<std::string> nobody{};

class a_group : public testing::Test {
protected:
    a_group() { options.initial_rebalance_delay = 0ms; }

    static join_ask ask(std::string id, std::optional<std::string> instance = {}) {
        return {
            .member_id = std::move(id),
            .instance_id = std::move(instance),
            .client_id = "client",
            .session = 10s,
            .rebalance = 60s,
            .protocol_type = "consumer",
            .protocols = {{"range", "r"}},
            .takes_member_id = true,
            .takes_skip_assignment = true};
    }
    call_id join(join_ask what) {
        out = {};
        members.join(now, ++last, std::move(what), out);
        return last;
    }
    call_id sync(
        const std::string& id,
        std::int32_t generation,
        std::vector<std::pair<std::string, bytes>> assignments = {}
    ) {
        out = {};
        sync_ask what{.member_id = id, .generation = generation};
        what.assignments = std::move(assignments);
        members.sync(now, ++last, std::move(what), out);
        return last;
    }
    void pass(std::chrono::milliseconds by) {
        out = {};
        now += by;
        members.tick(now, out);
    }
    /// Joins as a new dynamic member does: is given an id, and comes again with it.
    std::string newcomer() {
        join(ask(""));
        std::string id = out.joins.at(0).second.member_id;
        EXPECT_EQ(out.joins.at(0).second.error, error_code::member_id_required);
        join(ask(id));
        return id;
    }
    /// One member, stable.
    std::string settle_one() {
        std::string id = newcomer();
        sync(id, members.generation(), {{id, "all"}});
        EXPECT_EQ(members.state(), group_state::stable);
        return id;
    }
    error_code beat(const std::string& id) {
        return members.heartbeat(now, {id, nobody}, members.generation());
    }
    error_code commit(const std::string& id, std::int32_t generation) {
        return members.check_commit(now, {id, nobody}, generation);
    }

    group_options options{};
    seeded_random random{1};
    group members{options, random};
    group_actions out{};
    tick_point now{1h};
    call_id last = 0;
};

TEST_F(a_group, of_one_forms_at_once_and_assigns_itself) {
    const std::string id = newcomer();
    ASSERT_THAT(out.joins, SizeIs(1));
    const auto& answer = out.joins[0].second;
    EXPECT_EQ(answer.generation, 1);
    EXPECT_EQ(answer.leader, id);
    ASSERT_THAT(answer.members, SizeIs(1));
    EXPECT_EQ(answer.members[0].metadata, "r");
    EXPECT_TRUE(out.changed);
    sync(id, 1, {{id, "all"}});
    EXPECT_EQ(out.syncs.at(0).second.assigned, "all");
    EXPECT_EQ(beat(id), error_code::none);
}

TEST_F(a_group, an_id_that_was_only_handed_out_holds_up_nothing) {
    const std::string id = settle_one();
    join(ask("")); // gets an id and never comes back
    EXPECT_EQ(beat(id), error_code::none) << "no rebalance";
    join(ask(id));
    EXPECT_THAT(out.joins, SizeIs(1)) << "and none that waits for it";
    EXPECT_FALSE(members.deserted());
    EXPECT_EQ(members.member_count(), 1U);
}

TEST_F(a_group, an_id_is_asked_of_those_only_who_know_the_handshake) {
    join_ask old = ask("");
    old.takes_member_id = false;
    join(old);
    EXPECT_EQ(out.joins.at(0).second.error, error_code::none);
    join(ask("", "static"));
    EXPECT_THAT(out.joins, SizeIs(0)) << "it waits, without a detour";
}

TEST_F(a_group, waits_for_everybody_and_no_longer_than_the_rebalance_timeout) {
    const std::string first = settle_one();
    const std::string second = newcomer();
    EXPECT_THAT(out.joins, SizeIs(0));
    EXPECT_EQ(beat(first), error_code::rebalance_in_progress);
    for (int i = 0; i < 11; ++i) {
        pass(5s);
        EXPECT_EQ(beat(first), error_code::rebalance_in_progress);
        EXPECT_THAT(out.joins, SizeIs(0));
    }
    EXPECT_EQ(commit(first, 1), error_code::none) << "it still owns what it had";
    pass(5s);
    ASSERT_THAT(out.joins, SizeIs(1));
    EXPECT_EQ(out.joins[0].second.member_id, second);
    EXPECT_EQ(out.joins[0].second.leader, second);
    EXPECT_EQ(members.member_count(), 1U);
    EXPECT_EQ(beat(first), error_code::unknown_member_id);
    EXPECT_EQ(commit(first, 1), error_code::unknown_member_id);
}

TEST_F(a_group, the_first_of_an_empty_group_waits_for_others) {
    options.initial_rebalance_delay = 3s;
    newcomer();
    EXPECT_THAT(out.joins, SizeIs(0));
    pass(2s);
    newcomer();
    pass(2s);
    EXPECT_THAT(out.joins, SizeIs(0)) << "each of them makes it wait anew";
    pass(1s);
    EXPECT_THAT(out.joins, SizeIs(2)) << "one generation for both";
    EXPECT_EQ(members.generation(), 1);
}

TEST_F(a_group, a_leader_that_does_not_assign_is_put_out) {
    const std::string leader = settle_one();
    const std::string follower = newcomer();
    join(ask(leader));
    ASSERT_THAT(out.joins, SizeIs(2));
    sync(follower, 2);
    EXPECT_THAT(out.syncs, SizeIs(0));
    for (int i = 0; i < 11; ++i) {
        EXPECT_EQ(beat(leader), error_code::none);
        pass(5s);
    }
    EXPECT_EQ(beat(leader), error_code::none);
    pass(5s);
    ASSERT_THAT(out.syncs, SizeIs(1));
    EXPECT_EQ(out.syncs[0].second.error, error_code::rebalance_in_progress);
    EXPECT_EQ(beat(leader), error_code::unknown_member_id);
    join(ask(follower));
    EXPECT_EQ(out.joins.at(0).second.leader, follower);
}

TEST_F(a_group, whom_its_leader_leaves_out_has_nothing_and_not_what_it_had) {
    const std::string first = settle_one();
    const std::string second = newcomer();
    join(ask(first));
    ASSERT_EQ(members.leader(), first);
    sync(first, 2, {{second, "all"}});
    EXPECT_EQ(out.syncs.at(0).second.error, error_code::none);
    EXPECT_EQ(out.syncs.at(0).second.assigned, "");
}

TEST_F(a_group, who_is_silent_for_a_session_is_out_and_fenced) {
    const std::string id = settle_one();
    pass(9'999ms);
    EXPECT_EQ(commit(id, 1), error_code::none) << "a commit is a sign of life";
    pass(9'999ms);
    EXPECT_EQ(beat(id), error_code::none);
    pass(10s);
    EXPECT_EQ(members.state(), group_state::empty);
    EXPECT_EQ(commit(id, 1), error_code::unknown_member_id);
    EXPECT_EQ(beat(id), error_code::unknown_member_id);
}

TEST_F(a_group, an_old_generation_commits_nothing) {
    const std::string first = settle_one();
    const std::string second = newcomer();
    join(ask(first));
    EXPECT_EQ(commit(first, 1), error_code::illegal_generation);
    EXPECT_EQ(commit(first, 2), error_code::rebalance_in_progress) << "nobody owns anything yet";
    sync(first, 2, {{first, "a"}, {second, "b"}});
    EXPECT_EQ(commit(first, 2), error_code::none);
    EXPECT_EQ(commit(first, 1), error_code::illegal_generation);
    EXPECT_EQ(commit("", -1), error_code::unknown_member_id)
        << "from outside, while somebody is in";
}

TEST_F(a_group, from_outside_commits_are_taken_while_it_is_empty) {
    EXPECT_EQ(commit("", -1), error_code::none);
    EXPECT_EQ(commit("somebody", -1), error_code::unknown_member_id);
}

TEST_F(a_group, a_static_member_that_starts_again_keeps_its_place_and_fences_its_ghost) {
    join(ask("", "till"));
    const std::string old = out.joins.at(0).second.member_id;
    sync(old, 1, {{old, "all"}});
    join(ask("", "till"));
    ASSERT_THAT(out.joins, SizeIs(1)) << "no rebalance";
    const auto answer = out.joins[0].second;
    EXPECT_EQ(answer.generation, 1);
    EXPECT_TRUE(answer.skip_assignment);
    EXPECT_NE(answer.member_id, old);
    sync(answer.member_id, 1);
    EXPECT_EQ(out.syncs.at(0).second.assigned, "all");
    const std::optional<std::string> till = "till";
    EXPECT_EQ(members.heartbeat(now, {old, till}, 1), error_code::fenced_instance_id);
    EXPECT_EQ(members.check_commit(now, {old, till}, 1), error_code::fenced_instance_id);
    // librdkafka asks so after it has given up its membership, and the other answer is its end.
    EXPECT_EQ(members.check_commit(now, {"", till}, 1), error_code::unknown_member_id);
    EXPECT_EQ(members.heartbeat(now, {answer.member_id, till}, 1), error_code::none);
    join(ask(old, "till"));
    EXPECT_EQ(out.joins.at(0).second.error, error_code::fenced_instance_id);
}

TEST_F(a_group, an_old_client_that_leads_and_starts_again_is_not_told_to_assign) {
    join_ask till = ask("", "till");
    till.takes_skip_assignment = false;
    join(till);
    const std::string old = out.joins.at(0).second.member_id;
    sync(old, 1, {{old, "all"}});
    join(till);
    EXPECT_EQ(out.joins.at(0).second.leader, old);
    EXPECT_THAT(out.joins[0].second.members, SizeIs(0));
}

TEST_F(a_group, a_tool_takes_a_static_member_out_by_its_instance) {
    join(ask("", "till"));
    const std::optional<std::string> till = "till";
    const std::optional<std::string> other = "other";
    EXPECT_EQ(members.leave(now, {"", other}, out), error_code::unknown_member_id);
    EXPECT_EQ(members.leave(now, {"wrong", till}, out), error_code::fenced_instance_id);
    EXPECT_EQ(members.leave(now, {"", till}, out), error_code::none);
    EXPECT_EQ(members.state(), group_state::empty);
}

TEST_F(a_group, a_newcomer_whose_connection_goes_is_forgotten_at_once) {
    const std::string first = settle_one();
    newcomer();
    out = {};
    members.disconnected(now, last, out);
    EXPECT_EQ(members.member_count(), 1U);
    join(ask(first));
    ASSERT_THAT(out.joins, SizeIs(1)) << "nobody is waited for";
    EXPECT_THAT(out.joins[0].second.members, SizeIs(1));
}

TEST_F(a_group, a_member_whose_connection_goes_while_it_waits_has_its_session) {
    const std::string first = settle_one();
    newcomer();
    const call_id waiting = join(ask(first)); // completes: both came
    ASSERT_THAT(out.joins, SizeIs(2));
    (void)waiting;
    const std::string third = newcomer(); // prepares again
    const call_id lost = join(ask(first));
    out = {};
    members.disconnected(now, lost, out);
    EXPECT_EQ(members.member_count(), 3U) << third;
    pass(10s);
    EXPECT_FALSE(members.members().contains(first));
}

TEST_F(a_group, the_answer_to_a_join_that_was_lost_is_given_again) {
    const std::string first = settle_one();
    newcomer();
    join(ask(first));
    const auto told = out.joins;
    join(ask(first));
    ASSERT_THAT(out.joins, SizeIs(1));
    EXPECT_EQ(out.joins[0].second.generation, 2) << "the same generation";
    EXPECT_THAT(out.joins[0].second.members, SizeIs(2));
}

TEST_F(a_group, what_most_members_like_best_is_chosen) {
    join_ask one = ask("", "1");
    one.protocols = {{"range", "r1"}, {"sticky", "s1"}};
    join(one);
    const std::string first = out.joins.at(0).second.member_id;
    EXPECT_EQ(out.joins[0].second.protocol, "range");
    for (const char* name : {"2", "3"}) {
        join_ask more = ask("", name);
        more.protocols = {{"sticky", "s"}, {"range", "r"}};
        join(more);
    }
    one.member_id = first;
    join(one);
    ASSERT_THAT(out.joins, SizeIs(3));
    EXPECT_EQ(out.joins[0].second.protocol, "sticky");
    join_ask stranger = ask("", "4");
    stranger.protocols = {{"other", ""}};
    join(stranger);
    EXPECT_EQ(out.joins.at(0).second.error, error_code::inconsistent_group_protocol);
    stranger.protocols = {{"range", ""}};
    stranger.protocol_type = "connect";
    join(stranger);
    EXPECT_EQ(out.joins.at(0).second.error, error_code::inconsistent_group_protocol);
}

TEST_F(a_group, limits_are_answered) {
    join_ask hasty = ask("");
    hasty.session = options.session_min - 1ms;
    join(hasty);
    EXPECT_EQ(out.joins.at(0).second.error, error_code::invalid_session_timeout);
    hasty.session = options.session_max + 1ms;
    join(hasty);
    EXPECT_EQ(out.joins.at(0).second.error, error_code::invalid_session_timeout);
    join_ask empty = ask("");
    empty.protocols.clear();
    join(empty);
    EXPECT_EQ(out.joins.at(0).second.error, error_code::inconsistent_group_protocol);
    join_ask many = ask("");
    many.protocols.resize(options.protocols_max + 1, {"range", ""});
    join(many);
    EXPECT_EQ(out.joins.at(0).second.error, error_code::inconsistent_group_protocol);

    options.members_max = 2;
    const std::string first = settle_one();
    join(ask("")); // an id counts as a member
    join(ask(""));
    EXPECT_EQ(out.joins.at(0).second.error, error_code::group_max_size_reached);
    join(ask(first));
    EXPECT_EQ(out.joins.at(0).second.error, error_code::none) << "those who are in may come again";
    options.members_max = 10;
    options.group_bytes_max = 100;
    join_ask talkative = ask("", "t");
    talkative.protocols[0].metadata = bytes(90, 'x');
    join(talkative);
    EXPECT_EQ(out.joins.at(0).second.error, error_code::group_max_size_reached);
}

TEST_F(a_group, knows_what_its_members_are_subscribed_to) {
    using namespace std::string_view_literals;
    join_ask what = ask("", "1");
    what.protocols = {{"range", bytes("\0\3\0\0\0\2\0\1a\0\6orders rest"sv)}};
    join(what);
    EXPECT_TRUE(is_subscribed(members, "a"));
    EXPECT_TRUE(is_subscribed(members, "orders"));
    EXPECT_FALSE(is_subscribed(members, "order"));
    what.member_id = out.joins.at(0).second.member_id;
    what.protocols = {{"range", "garbled"}};
    join(what);
    EXPECT_TRUE(is_subscribed(members, "order")) << "who is not understood may consume anything";
}

} // namespace
} // namespace outbox::broker
