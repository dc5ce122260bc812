// Groups through the wire, every API at every version that is announced.

#include "tests/broker/broker_fixture.hpp"

#include "broker/group/state_change.hpp"
#include "harness/wait_until.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>

namespace outbox::broker {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;
using testing::SizeIs;
using wire::error_code;

struct membership {
    std::string id{};
    std::int32_t generation = -1;
};
const membership outside{};

/// The most memory that this process has ever had, in KiB.
long most_held_kib() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return used.ru_maxrss;
}

class groups : public test::broker_fixture {
protected:
    server_options group_options() const {
        auto with = options();
        with.api.groups.initial_rebalance_delay = 0ms;
        with.api.groups.session_min = 1ms;
        return with;
    }
    void SetUp() override {
        start(group_options());
        make_topic("orders");
    }

    static wire::join_group_request join_of(const std::string& group, std::string member = "") {
        return {
            .group_id = group,
            .session_timeout_ms = 30'000,
            .rebalance_timeout_ms = 60'000,
            .member_id = std::move(member),
            .protocol_type = "consumer",
            .protocols = {{"range", bytes_view("\0\0\0\0\0\1\0\6orders", 14)}}};
    }
    /// The only member of its group, which has assigned itself.
    static membership settle(test::raw_client& client, const std::string& group) {
        const auto joined = client.ask(join_of(group), 3);
        EXPECT_EQ(joined->error, error_code::none);
        const membership m{joined->member_id, joined->generation_id};
        const auto synced = client.ask(
            wire::sync_group_request{
                .group_id = group,
                .generation_id = m.generation,
                .member_id = m.id,
                .assignments = {{m.id, "all of it"}}},
            3
        );
        EXPECT_EQ(synced->assigned, "all of it");
        return m;
    }
    static wire::offset_commit_request commit_of(
        const std::string& group,
        std::int64_t offset,
        const membership& who = outside,
        std::int32_t partition = 0
    ) {
        return {
            .group_id = group,
            .generation_id = who.generation,
            .member_id = who.id,
            .topics = {
                {.name = "orders",
                 .partitions = {{.index = partition, .offset = offset, .metadata = "note"}}}}};
    }
    static error_code
    commit(test::raw_client& client, const wire::offset_commit_request& what, std::int16_t v = 7) {
        return row(client.ask(what, v)).error;
    }
    static wire::offset_fetch_request fetch_offsets(const std::string& group) {
        return {.group_id = group, .topics = {{{"orders", {0}}}}};
    }
    static std::size_t member_count(test::raw_client& client) {
        return client.ask(wire::describe_groups_request{.groups = {"shop"}}, 4)
            ->groups[0]
            .members.size();
    }
    static std::int64_t committed(test::raw_client& client, const std::string& group) {
        return row(client.ask(fetch_offsets(group), 5)).offset;
    }
};

TEST_F(groups, live_and_end_at_every_version) {
    auto client = connect();
    for (std::int16_t v = 0; v <= 9; ++v) {
        SCOPED_TRACE("JoinGroup v" + std::to_string(v));
        const std::string group = "group-" + std::to_string(v);
        const auto capped = [&](std::int16_t most) { return std::min(v, most); };
        const auto found =
            client.ask(wire::find_coordinator_request{.key = group, .keys = {group}}, capped(4));
        if (v >= 4) {
            ASSERT_THAT(found->coordinators, SizeIs(1));
            EXPECT_EQ(found->coordinators[0].key, group);
            EXPECT_EQ(found->coordinators[0].port, broker_->port());
        } else {
            EXPECT_EQ(found->port, broker_->port());
            EXPECT_EQ(found->node_id, 1);
        }
        auto joined = client.ask(join_of(group), v);
        if (v >= 4) {
            ASSERT_EQ(joined->error, error_code::member_id_required);
            joined = client.ask(join_of(group, joined->member_id), v);
        }
        ASSERT_EQ(joined->error, error_code::none);
        EXPECT_EQ(joined->generation_id, 1);
        EXPECT_EQ(joined->protocol_name, "range");
        EXPECT_EQ(joined->leader, joined->member_id);
        ASSERT_THAT(joined->members, SizeIs(1));
        EXPECT_THAT(joined->members[0].metadata, SizeIs(14));
        const membership me{joined->member_id, 1};

        const auto synced = client.ask(
            wire::sync_group_request{
                .group_id = group,
                .generation_id = 1,
                .member_id = me.id,
                .protocol_type = "consumer",
                .protocol_name = "range",
                .assignments = {{me.id, "mine"}}},
            capped(5)
        );
        ASSERT_EQ(synced->error, error_code::none);
        EXPECT_EQ(synced->assigned, "mine");
        EXPECT_EQ(
            client
                .ask(
                    wire::heartbeat_request{
                        .group_id = group,
                        .generation_id = 1,
                        .member_id = me.id},
                    capped(4)
                )
                ->error,
            error_code::none
        );
        const auto commit_version = std::clamp<std::int16_t>(v, 2, 8);
        EXPECT_EQ(commit(client, commit_of(group, 42, me), commit_version), error_code::none);
        const auto fetch_version = std::clamp<std::int16_t>(v, 1, 8);
        auto asked = fetch_offsets(group);
        asked.groups = {{group, {{{"orders", {0, 1}}}}}};
        const auto fetched = client.ask(asked, fetch_version);
        const auto& rows = fetch_version >= 8 ? fetched->groups.at(0).topics : fetched->topics;
        EXPECT_EQ(rows.at(0).partitions.at(0).offset, 42);
        EXPECT_EQ(rows[0].partitions[0].metadata, "note");

        const auto described =
            client.ask(wire::describe_groups_request{.groups = {group, "none"}}, capped(5));
        ASSERT_THAT(described->groups, SizeIs(2));
        EXPECT_EQ(described->groups[0].state, "Stable");
        EXPECT_EQ(described->groups[0].protocol_data, "range");
        ASSERT_THAT(described->groups[0].members, SizeIs(1));
        EXPECT_EQ(described->groups[0].members[0].assigned, "mine");
        EXPECT_EQ(described->groups[0].members[0].client_id, "raw");
        EXPECT_EQ(described->groups[0].members[0].client_host, "/127.0.0.1");
        EXPECT_EQ(described->groups[1].state, "Dead");

        const auto deletion = wire::delete_groups_request{.groups = {group, "none"}};
        const auto refused = client.ask(deletion, capped(2));
        EXPECT_EQ(refused->results.at(0).error, error_code::non_empty_group);
        EXPECT_EQ(refused->results.at(1).error, error_code::group_id_not_found);
        const auto left = client.ask(
            wire::leave_group_request{
                .group_id = group,
                .member_id = me.id,
                .members = {{.member_id = me.id}, {.member_id = "stranger"}}},
            capped(5)
        );
        EXPECT_EQ(left->error, error_code::none);
        if (v >= 3) {
            EXPECT_EQ(left->members.at(0).error, error_code::none);
            EXPECT_EQ(left->members.at(1).error, error_code::unknown_member_id);
        }
        const auto listed = client.ask(
            wire::list_groups_request{.states_filter = {"empty"}, .types_filter = {"Classic"}},
            capped(5)
        );
        ASSERT_THAT(listed->groups, SizeIs(1));
        EXPECT_EQ(listed->groups[0].group_id, group);
        EXPECT_EQ(listed->groups[0].protocol_type, "consumer");
        EXPECT_EQ(client.ask(deletion, capped(2))->results.at(0).error, error_code::none);
        EXPECT_EQ(committed(client, group), -1);
        EXPECT_THAT(client.ask(wire::list_groups_request{}, capped(5))->groups, IsEmpty());
    }
}

TEST_F(groups, a_commit_is_answered_when_it_is_on_disk) {
    auto client = connect();
    ASSERT_EQ(commit(client, commit_of("shop", 1)), error_code::none); // makes the topic
    disk_.hold_syncs();
    client.send(commit_of("shop", 2), 7);
    EXPECT_TRUE(client.silent_for(200ms));
    auto other = connect();
    other.send(fetch_offsets("shop"), 5);
    EXPECT_TRUE(other.silent_for(100ms)) << "the answer would be older than the commit";
    disk_.release_syncs();
    EXPECT_EQ(row(client.receive_as<wire::offset_commit_api>(7)).error, error_code::none);
    EXPECT_EQ(row(other.receive_as<wire::offset_fetch_api>(5)).offset, 2);
}

TEST_F(groups, offsets_and_generations_are_there_after_a_restart) {
    {
        auto client = connect();
        const auto me = settle(client, "shop");
        ASSERT_EQ(commit(client, commit_of("shop", 7, me)), error_code::none);
        ASSERT_EQ(commit(client, commit_of("shop", 8, me)), error_code::none);
    }
    start(group_options());
    auto client = connect();
    EXPECT_EQ(committed(client, "shop"), 8);
    EXPECT_GT(settle(client, "shop").generation, 1);
}

TEST_F(groups, an_offset_beyond_an_accepted_loss_is_put_back_and_one_ahead_on_purpose_is_not) {
    {
        auto client = connect();
        for (int i = 0; i < 5; ++i)
            client.ask(produce_of("orders", 0, batch_of({"a"})), 7);
        ASSERT_EQ(commit(client, commit_of("shop", 5)), error_code::none);
        ASSERT_EQ(commit(client, commit_of("ahead", 7, outside, 1)), error_code::none);
    }
    broker_.reset();
    const auto partition = dir_ / "data" / "orders-0";
    const auto segment = partition / "00000000000000000000.log";
    {
        // The third of five equal batches.
        const auto at = std::filesystem::file_size(segment) / 5 * 3 - 1;
        std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(at));
        file.put('?');
        ASSERT_TRUE(file.good());
    }
    std::ofstream(partition / "accept-data-loss").flush();
    start(group_options());
    auto client = connect();
    EXPECT_EQ(committed(client, "shop"), 2);
    const auto ahead = client.ask(
        wire::offset_fetch_request{.group_id = "ahead", .topics = {{{"orders", {1}}}}},
        5
    );
    EXPECT_EQ(row(ahead).offset, 7);
}

TEST_F(groups, the_dead_are_noticed_and_fenced) {
    auto client = connect();
    auto asked = join_of("shop");
    asked.session_timeout_ms = 200;
    const auto joined = client.ask(asked, 3);
    const membership dead{joined->member_id, joined->generation_id};
    auto other = connect();
    harness::wait_until([&] { return member_count(other) == 0; }, 10s, "the session to end");
    EXPECT_EQ(commit(client, commit_of("shop", 5, dead)), error_code::unknown_member_id);
    const auto heir = settle(other, "shop");
    EXPECT_EQ(commit(client, commit_of("shop", 5, dead)), error_code::unknown_member_id);
    EXPECT_EQ(
        commit(other, commit_of("shop", 5, {heir.id, heir.generation - 1})),
        error_code::illegal_generation
    );
    EXPECT_EQ(commit(other, commit_of("shop", 5)), error_code::unknown_member_id)
        << "from outside, while somebody is in";
    EXPECT_EQ(committed(other, "shop"), -1);
}

TEST_F(groups, a_leader_may_assign_more_than_a_mebibyte) {
    auto leader = connect();
    const auto before = settle(leader, "shop");
    auto follower = connect();
    follower.send(join_of("shop"), 3);
    harness::wait_until([&] { return member_count(leader) == 2; }, 10s, "the second to wait");
    const auto me = leader.ask(join_of("shop", before.id), 3);
    ASSERT_EQ(me->leader, before.id);
    const auto other = follower.receive_as<wire::join_group_api>(3);
    const auto sync_of = [&](const std::string& member) {
        return wire::sync_group_request{
            .group_id = "shop",
            .generation_id = me->generation_id,
            .member_id = member};
    };
    follower.send(sync_of(other->member_id), 3);
    const bytes mine(600'000, 'm');
    const bytes its(600'000, 'i');
    auto assigning = sync_of(before.id);
    assigning.assignments = {{before.id, mine}, {other->member_id, its}};
    EXPECT_EQ(leader.ask(assigning, 3)->assigned, mine);
    EXPECT_EQ(follower.receive_as<wire::sync_group_api>(3)->assigned, its);
}

TEST_F(groups, a_commit_of_too_many_partitions_is_refused_in_words) {
    auto client = connect();
    auto asked = commit_of("shop", 5);
    asked.topics[0].partitions.resize(100'000, asked.topics[0].partitions[0]);
    const auto answer = client.ask(asked, 7);
    EXPECT_EQ(answer->topics.at(0).partitions.size(), 100'000U);
    EXPECT_EQ(row(answer).error, error_code::invalid_commit_offset_size) << "1.8 MiB of them";
    EXPECT_EQ(committed(client, "shop"), -1);
}

TEST_F(groups, a_name_that_is_refused_is_not_copied_for_each_partition) {
    auto client = connect();
    auto asked = commit_of(std::string(500'000, 'g'), 5);
    asked.topics[0].partitions.resize(2'000, asked.topics[0].partitions[0]);
    const auto most_held_before = most_held_kib();
    const auto answer = client.ask(asked, 8);
    EXPECT_EQ(row(answer).error, error_code::invalid_group_id);
    EXPECT_LT(most_held_kib() - most_held_before, 200 * 1024) << "of a gigabyte";
}

TEST_F(groups, a_newcomer_that_is_killed_while_it_waits_holds_nobody_up) {
    auto first = connect();
    const auto me = settle(first, "shop");
    {
        auto second = connect();
        second.send(join_of("shop"), 3);
        harness::wait_until([&] { return member_count(first) == 2; }, 10s, "the second to wait");
    }
    harness::wait_until(
        [&] { return member_count(first) == 1; },
        10s,
        "the second to be forgotten"
    );
    EXPECT_EQ(first.ask(join_of("shop", me.id), 3)->error, error_code::none);
}

TEST_F(groups, a_stop_does_not_wait_for_a_rebalance) {
    auto first = connect();
    settle(first, "shop");
    auto second = connect();
    second.send(join_of("shop"), 3);
    harness::wait_until([&] { return member_count(first) == 2; }, 10s, "the second to wait");
    broker_->get().stop();
    EXPECT_EQ(
        second.receive_as<wire::join_group_api>(3)->error,
        error_code::coordinator_not_available
    );
}

TEST_F(groups, what_is_named_a_thousand_times_is_answered_once) {
    auto client = connect();
    const auto me = settle(client, "shop");
    ASSERT_EQ(commit(client, commit_of("shop", 5, me)), error_code::none);
    const std::vector<std::string> names(1000, "shop");
    const auto described = client.ask(wire::describe_groups_request{.groups = names}, 5);
    ASSERT_THAT(described->groups, SizeIs(1));
    EXPECT_THAT(described->groups[0].members, SizeIs(1));
    EXPECT_THAT(
        client.ask(wire::find_coordinator_request{.keys = names}, 4)->coordinators,
        SizeIs(1)
    );

    const wire::offset_fetch_request::topic partition{"orders", std::vector(1000, 0)};
    const wire::offset_fetch_request fetching{
        .group_id = "shop",
        .topics = {{partition, partition}},
        .groups = {100, {"shop", {{partition, partition}}}}};
    for (const std::int16_t version : {std::int16_t{5}, std::int16_t{8}}) {
        const auto fetched = client.ask(fetching, version);
        if (version >= 8) {
            ASSERT_THAT(fetched->groups, SizeIs(1));
        }
        const auto& topics = version >= 8 ? fetched->groups[0].topics : fetched->topics;
        ASSERT_THAT(topics, SizeIs(1));
        ASSERT_THAT(topics[0].partitions, SizeIs(1));
        EXPECT_EQ(topics[0].partitions[0].offset, 5);
    }

    client.ask(wire::leave_group_request{.group_id = "shop", .member_id = me.id}, 2);
    const auto forgotten = client.ask(
        wire::offset_delete_request{
            .group_id = "shop",
            .topics = {1000, {.name = "orders", .partitions = {{0}, {0}}}}},
        0
    );
    ASSERT_THAT(forgotten->topics, SizeIs(1));
    EXPECT_THAT(forgotten->topics[0].partitions, SizeIs(1));
    const auto deleted = client.ask(wire::delete_groups_request{.groups = names}, 2);
    ASSERT_THAT(deleted->results, SizeIs(1));
    EXPECT_EQ(deleted->results[0].error, error_code::none);
}

TEST_F(groups, bad_wishes_are_answered_in_words) {
    auto client = connect();
    EXPECT_EQ(client.ask(join_of(""), 3)->error, error_code::invalid_group_id);
    EXPECT_EQ(client.ask(join_of(std::string(256, 'g')), 3)->error, error_code::invalid_group_id);
    auto instance = join_of("shop");
    instance.group_instance_id = "";
    EXPECT_EQ(client.ask(instance, 5)->error, error_code::invalid_request);
    EXPECT_EQ(client.ask(join_of("shop", "unknown"), 3)->error, error_code::unknown_member_id);
    EXPECT_EQ(commit(client, commit_of("", 1)), error_code::invalid_group_id);
    EXPECT_EQ(commit(client, commit_of("shop", -1)), error_code::offset_out_of_range);
    EXPECT_EQ(
        commit(client, commit_of("shop", 1, outside, 4)),
        error_code::unknown_topic_or_partition
    );
    auto long_note = commit_of("shop", 1);
    long_note.topics[0].partitions[0].metadata = std::string(4097, 'm');
    EXPECT_EQ(commit(client, long_note), error_code::offset_metadata_too_large);
    long_note.topics[0].partitions[0].metadata = std::string(4096, 'm');
    EXPECT_EQ(commit(client, long_note), error_code::none);
    EXPECT_EQ(
        client.ask(wire::find_coordinator_request{.key = "x", .key_type = 2}, 3)->error,
        error_code::invalid_request
    );
    EXPECT_EQ(committed(client, "never seen"), -1);
    EXPECT_EQ(client.ask(fetch_offsets(""), 5)->error, error_code::invalid_group_id);
}

TEST_F(groups, offsets_can_be_deleted_unless_they_are_in_use) {
    auto client = connect();
    const wire::offset_delete_request asked{
        .group_id = "shop",
        .topics = {{.name = "orders", .partitions = {{0}}}}};
    EXPECT_EQ(client.ask(asked, 0)->error, error_code::group_id_not_found);
    const auto me = settle(client, "shop");
    ASSERT_EQ(commit(client, commit_of("shop", 5, me)), error_code::none);
    EXPECT_EQ(row(client.ask(asked, 0)).error, error_code::group_subscribed_to_topic);
    client.ask(wire::leave_group_request{.group_id = "shop", .member_id = me.id}, 2);
    EXPECT_EQ(row(client.ask(asked, 0)).error, error_code::none);
    EXPECT_EQ(committed(client, "shop"), -1);
    start(group_options());
    auto again = connect();
    EXPECT_EQ(committed(again, "shop"), -1);
}

TEST_F(groups, offsets_go_with_their_topic) {
    auto client = connect();
    ASSERT_EQ(commit(client, commit_of("shop", 5)), error_code::none);
    client.ask(wire::delete_topics_request{.topic_names = {"orders"}, .timeout_ms = 1000}, 4);
    EXPECT_EQ(committed(client, "shop"), -1);
    make_topic("orders");
    EXPECT_EQ(committed(client, "shop"), -1) << "nothing of the new one has been consumed";
    EXPECT_THAT(client.ask(wire::offset_fetch_request{.group_id = "shop"}, 5)->topics, IsEmpty());
    EXPECT_THAT(client.ask(wire::list_groups_request{}, 2)->groups, IsEmpty());
}

TEST_F(groups, their_own_topic_belongs_to_the_broker) {
    const std::string name{offsets_topic};
    auto client = connect();
    const auto metadata = [&] {
        return client.ask(wire::metadata_request{.topics = {{{.name = name}}}}, 8)->topics.at(0);
    };
    EXPECT_EQ(metadata().error, error_code::unknown_topic_or_partition)
        << "not made because somebody asks for it";
    EXPECT_EQ(
        client
            .ask(
                wire::create_topics_request{
                    .topics = {{.name = name, .num_partitions = 1, .replication_factor = 1}},
                    .timeout_ms = 1000},
                4
            )
            ->topics.at(0)
            .error,
        error_code::invalid_topic_exception
    );
    ASSERT_EQ(commit(client, commit_of("shop", 5)), error_code::none);
    EXPECT_TRUE(metadata().is_internal);
    EXPECT_EQ(
        row(client.ask(produce_of(name, 0, batch_of({"x"})), 7)).error,
        error_code::invalid_topic_exception
    );
    EXPECT_EQ(
        client.ask(wire::delete_topics_request{.topic_names = {name}, .timeout_ms = 1000}, 4)
            ->topics.at(0)
            .error,
        error_code::invalid_topic_exception
    );
    EXPECT_EQ(committed(client, "shop"), 5);
}

TEST_F(groups, a_full_disk_refuses_commits_in_words_and_heals) {
    auto client = connect();
    ASSERT_EQ(commit(client, commit_of("shop", 5)), error_code::none);
    disk_.fill();
    EXPECT_EQ(commit(client, commit_of("shop", 6)), error_code::coordinator_not_available);
    EXPECT_EQ(committed(client, "shop"), 5);
    disk_.make_room();
    EXPECT_EQ(commit(client, commit_of("shop", 6)), error_code::none);
    EXPECT_EQ(committed(client, "shop"), 6);
}

} // namespace
} // namespace outbox::broker
