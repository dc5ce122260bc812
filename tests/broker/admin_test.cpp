#include "tests/broker/broker_fixture.hpp"

#include "broker/api/handlers.hpp"
#include "broker/api/topic_settings.hpp"

#include <gmock/gmock.h>

namespace outbox::broker {
namespace {

using testing::HasSubstr;
using wire::error_code;

class admin : public test::broker_fixture {
protected:
    wire::create_topics_request create(
        const std::string& name,
        std::int32_t partitions = -1,
        std::int16_t replication = -1,
        std::vector<wire::create_topics_request::config> configs = {}
    ) {
        return {
            .topics =
                {{.name = name,
                  .num_partitions = partitions,
                  .replication_factor = replication,
                  .configs = std::move(configs)}},
            .timeout_ms = 1000};
    }
    error_code verdict(const wire::create_topics_request& request) {
        auto client = connect();
        return client.ask(request, 5)->topics.at(0).error;
    }
    std::size_t partitions_of(const std::string& name) {
        auto client = connect();
        const auto got = client.ask(
            wire::metadata_request{
                .topics = {{{.name = name}}},
                .allow_auto_topic_creation = false},
            8
        );
        return got->topics.at(0).partitions.size();
    }
};

TEST_F(admin, announces_exactly_what_it_serves) {
    auto client = connect();
    for (std::int16_t version = 0; version <= 4; ++version) {
        const auto got = client.ask(
            wire::api_versions_request{.client_software_name = "t", .client_software_version = "1"},
            version
        );
        EXPECT_EQ(got->error, error_code::none);
        ASSERT_EQ(got->api_keys.size(), api_entries().size());
        for (std::size_t i = 0; i < api_entries().size(); ++i) {
            EXPECT_EQ(got->api_keys[i].api_key, static_cast<std::int16_t>(api_entries()[i].key));
            EXPECT_EQ(got->api_keys[i].max_version, api_entries()[i].versions.max);
        }
    }
}

TEST_F(admin, a_newer_api_versions_is_answered_in_the_oldest_layout) {
    auto client = connect();
    bytes message;
    wire::writer out(message);
    wire::write_request_header(out, {.api_key = 18, .version = 9, .correlation_id = 77});
    out.raw("whatever this version holds");
    client.send_frame(message);
    const auto got = client.receive_as<wire::api_versions_api>(0);
    EXPECT_EQ(got.correlation_id, 77);
    EXPECT_EQ(got->error, error_code::unsupported_version);
    EXPECT_EQ(got->api_keys.size(), api_entries().size());
    EXPECT_EQ(client.ask(wire::api_versions_request{}, 2)->error, error_code::none)
        << "the connection lives";
}

TEST_F(admin, versions_that_old_librdkafka_looks_for_are_announced) {
    // Without them librdkafka 2.0 silently compresses nothing, or refuses idempotence.
    const std::pair<wire::api_key, std::int16_t> wanted[] = {
        {wire::api_key::produce, 0},
        {wire::api_key::produce, 3},
        {wire::api_key::produce, 7},
        {wire::api_key::fetch, 4},
        {wire::api_key::fetch, 10},
        {wire::api_key::find_coordinator, 0},
        {wire::api_key::list_offsets, 1},
        {wire::api_key::init_producer_id, 0},
    };
    for (const auto& [key, version] : wanted) {
        const auto found = std::ranges::find(api_entries(), key, &api_entry::key);
        ASSERT_NE(found, api_entries().end());
        EXPECT_TRUE(found->versions.contains(version)) << found->name << " v" << version;
    }
}

TEST_F(admin, metadata_makes_a_topic_of_four_partitions_once) {
    auto client = connect();
    for (std::int16_t version = 0; version <= 8; ++version) {
        const auto got =
            client.ask(wire::metadata_request{.topics = {{{.name = "orders"}}}}, version);
        ASSERT_EQ(got->topics.size(), 1u);
        EXPECT_EQ(got->topics[0].error, error_code::none);
        EXPECT_EQ(got->topics[0].partitions.size(), 4u);
        ASSERT_EQ(got->brokers.size(), 1u);
        EXPECT_EQ(got->brokers[0].host, "127.0.0.1");
        EXPECT_EQ(got->brokers[0].port, broker_->port());
        EXPECT_EQ(got->topics[0].partitions[3].leader_id, got->brokers[0].node_id);
    }
    const auto none = client.ask(
        wire::metadata_request{
            .topics = {{{.name = "absent"}}},
            .allow_auto_topic_creation = false},
        4
    );
    EXPECT_EQ(none->topics[0].error, error_code::unknown_topic_or_partition);
    EXPECT_EQ(client.ask(wire::metadata_request{}, 1)->topics.size(), 1u) << "null: every topic";
    EXPECT_EQ(client.ask(wire::metadata_request{.topics = {{}}}, 0)->topics.size(), 1u);
    EXPECT_EQ(client.ask(wire::metadata_request{.topics = {{}}}, 1)->topics.size(), 0u)
        << "empty: none";
}

TEST_F(admin, topic_names_outside_of_the_rule_are_refused) {
    auto client = connect();
    for (const std::string& name :
         {std::string(),
          std::string("."),
          std::string(".."),
          std::string("a/b"),
          std::string("a b"),
          std::string("\xc3\xa4"),
          std::string(250, 'a'),
          std::string("a\0b", 3)}) {
        const auto got = client.ask(wire::metadata_request{.topics = {{{.name = name}}}}, 4);
        EXPECT_EQ(got->topics[0].error, error_code::invalid_topic_exception) << name;
        EXPECT_EQ(verdict(create(name)), error_code::invalid_topic_exception) << name;
    }
    EXPECT_EQ(verdict(create(std::string(249, 'a'))), error_code::none);
}

TEST_F(admin, create_topics_takes_defaults_and_refuses_what_it_cannot_do) {
    EXPECT_EQ(verdict(create("by_default")), error_code::none);
    EXPECT_EQ(partitions_of("by_default"), 4u);
    EXPECT_EQ(verdict(create("by_default")), error_code::topic_already_exists);
    EXPECT_EQ(verdict(create("seven", 7, 1)), error_code::none);
    EXPECT_EQ(partitions_of("seven"), 7u);
    EXPECT_EQ(verdict(create("t", 1, 3)), error_code::invalid_replication_factor);
    EXPECT_EQ(verdict(create("t", 1, 0)), error_code::invalid_replication_factor);
    EXPECT_EQ(verdict(create("t", 0, 1)), error_code::invalid_partitions);
    EXPECT_EQ(verdict(create("t", -5, 1)), error_code::invalid_partitions);
    EXPECT_EQ(verdict(create("t", 1'000'000, 1)), error_code::invalid_partitions);
    EXPECT_EQ(
        verdict(create("t", 1, 1, {{"cleanup.policy", "compact"}})),
        error_code::invalid_config
    );
    EXPECT_EQ(verdict(create("t", 1, 1, {{"retention.mss", "5"}})), error_code::invalid_config);
    EXPECT_EQ(verdict(create("t", 1, 1, {{"retention.ms", "soon"}})), error_code::invalid_config);
    EXPECT_EQ(partitions_of("t"), 0u);
    EXPECT_EQ(
        verdict(create("t", 1, 1, {{"cleanup.policy", "delete"}, {"retention.ms", "60000"}})),
        error_code::none
    );
}

TEST_F(admin, create_topics_says_what_is_wrong) {
    auto client = connect();
    const auto got = client.ask(create("t", 1, 1, {{"flush.mesages", "1"}}), 5);
    EXPECT_THAT(
        got->topics[0].error_message.value_or(""),
        HasSubstr("did you mean 'flush.messages'?")
    );
}

TEST_F(admin, validate_only_checks_and_makes_nothing) {
    auto request = create("later", 2, 1);
    request.validate_only = true;
    EXPECT_EQ(verdict(request), error_code::none);
    EXPECT_EQ(partitions_of("later"), 0u);
    request.topics[0].replication_factor = 2;
    EXPECT_EQ(verdict(request), error_code::invalid_replication_factor);
}

TEST_F(admin, a_topic_named_twice_gets_one_row_and_is_not_made) {
    auto request = create("twice", 1, 1);
    request.topics.push_back(request.topics[0]);
    request.topics.push_back({.name = "once", .num_partitions = 1, .replication_factor = 1});
    auto client = connect();
    const auto got = client.ask(request, 4);
    ASSERT_EQ(got->topics.size(), 2u);
    EXPECT_EQ(got->topics[0].error, error_code::invalid_request);
    EXPECT_EQ(got->topics[1].error, error_code::none);
    EXPECT_EQ(partitions_of("twice"), 0u);
}

TEST_F(admin, assignments_name_this_broker_and_every_partition) {
    auto request = create("assigned");
    request.topics[0].assignments = {
        {.partition_index = 1, .broker_ids = {1}},
        {.partition_index = 0, .broker_ids = {1}}};
    EXPECT_EQ(verdict(request), error_code::none);
    EXPECT_EQ(partitions_of("assigned"), 2u);
    request.topics[0].name = "gap";
    request.topics[0].assignments[0].partition_index = 2;
    EXPECT_EQ(verdict(request), error_code::invalid_replica_assignment);
    request.topics[0].assignments = {{.partition_index = 0, .broker_ids = {1, 2}}};
    EXPECT_EQ(verdict(request), error_code::invalid_replica_assignment);
}

TEST_F(admin, a_topic_grows_and_what_is_in_it_stays) {
    auto client = connect();
    ASSERT_EQ(verdict(create("orders", 2, 1)), error_code::none);
    client.ask(produce_of("orders", 1, batch_of({"x"})), 7);
    const auto grow = [&](const std::string& name,
                          std::int32_t count,
                          std::int16_t version = 3,
                          bool only_check = false) {
        return client
            .ask(
                wire::create_partitions_request{
                    .topics = {{.name = name, .count = count}},
                    .timeout_ms = 1000,
                    .validate_only = only_check},
                version
            )
            ->topics.at(0);
    };
    EXPECT_EQ(grow("orders", 9, 3, true).error, error_code::none);
    EXPECT_EQ(partitions_of("orders"), 2u) << "it was only checked";
    for (std::int16_t version = 0; version <= 3; ++version) {
        EXPECT_EQ(grow("orders", 3 + version, version).error, error_code::none) << version;
        EXPECT_EQ(partitions_of("orders"), 3u + static_cast<unsigned>(version));
    }
    EXPECT_EQ(row(client.ask(fetch_of("orders", 1, 0), 11)).high_watermark, 1);
    EXPECT_EQ(
        row(client.ask(produce_of("orders", 5, batch_of({"new"})), 7)).error,
        error_code::none
    );
    for (const std::int32_t count : {6, 5, 0, -1}) {
        EXPECT_EQ(grow("orders", count).error, error_code::invalid_partitions) << count;
        EXPECT_THAT(
            grow("orders", count).error_message.value_or(""),
            HasSubstr("has 6 partitions")
        );
    }
    EXPECT_EQ(grow("orders", 10'001).error, error_code::invalid_partitions);
    EXPECT_EQ(grow("orders", 1'000'000).error, error_code::policy_violation);
    EXPECT_EQ(grow("absent", 3).error, error_code::unknown_topic_or_partition);
    EXPECT_EQ(grow("__consumer_offsets", 50).error, error_code::invalid_topic_exception);
    EXPECT_EQ(partitions_of("orders"), 6u);
}

TEST_F(admin, new_partitions_may_be_assigned_to_this_broker_only) {
    auto client = connect();
    ASSERT_EQ(verdict(create("orders", 2, 1)), error_code::none);
    using list = std::vector<wire::create_partitions_request::assignment>;
    const auto grow = [&](list where) {
        return client
            .ask(
                wire::create_partitions_request{
                    .topics = {{.name = "orders", .count = 4, .assignments = std::move(where)}},
                    .timeout_ms = 1000},
                2
            )
            ->topics.at(0)
            .error;
    };
    EXPECT_EQ(grow({{.broker_ids = {1}}}), error_code::invalid_replica_assignment);
    EXPECT_EQ(
        grow({{.broker_ids = {1}}, {.broker_ids = {1, 2}}}),
        error_code::invalid_replica_assignment
    );
    EXPECT_EQ(partitions_of("orders"), 2u);
    EXPECT_EQ(grow({{.broker_ids = {1}}, {.broker_ids = {1}}}), error_code::none);
    EXPECT_EQ(partitions_of("orders"), 4u);

    const auto twice = client.ask(
        wire::create_partitions_request{
            .topics = {{.name = "orders", .count = 5}, {.name = "orders", .count = 6}},
            .timeout_ms = 1000},
        0
    );
    ASSERT_EQ(twice->topics.size(), 1u);
    EXPECT_EQ(twice->topics[0].error, error_code::invalid_request);
    EXPECT_EQ(partitions_of("orders"), 4u);
}

TEST_F(admin, a_deleted_topic_is_gone_and_can_be_made_again) {
    auto client = connect();
    make_topic("orders");
    client.ask(produce_of("orders", 0, batch_of({"x"})), 7);
    for (std::int16_t version = 1; version <= 5; ++version) {
        const auto got = client.ask(
            wire::delete_topics_request{.topic_names = {"orders", "absent"}, .timeout_ms = 1000},
            version
        );
        ASSERT_EQ(got->topics.size(), 2u);
        EXPECT_EQ(got->topics[0].error, error_code::none) << version;
        EXPECT_EQ(got->topics[1].error, error_code::unknown_topic_or_partition);
        make_topic("orders");
        EXPECT_EQ(row(client.ask(fetch_of("orders", 0, 0), 11)).high_watermark, 0);
    }
}

TEST_F(admin, describe_configs_has_every_key_with_value_and_source) {
    auto client = connect();
    ASSERT_EQ(verdict(create("orders", 1, 1, {{"retention.ms", "60000"}})), error_code::none);
    for (std::int16_t version = 1; version <= 4; ++version) {
        const auto got = client.ask(
            wire::describe_configs_request{
                .resources = {{.type = 2, .name = "orders"}},
                .include_synonyms = true},
            version
        );
        ASSERT_EQ(got->results.at(0).error, error_code::none);
        ASSERT_EQ(got->results[0].configs.size(), topic_settings().size());
        for (const auto& config : got->results[0].configs) {
            const bool ours = config.name == "retention.ms";
            EXPECT_EQ(config.source, ours ? 1 : 5) << config.name;
            EXPECT_EQ(config.synonyms.size(), ours ? 2u : 1u);
            if (ours) {
                EXPECT_EQ(config.value, "60000");
            }
        }
    }
    const auto some = client.ask(
        wire::describe_configs_request{
            .resources =
                {{.type = 2, .name = "orders", .keys = {{"flush.ms", "nonsense"}}},
                 {.type = 4, .name = "1"},
                 {.type = 2, .name = "absent"},
                 {.type = 4, .name = "7"},
                 {.type = 8, .name = "1"}}},
        1
    );
    ASSERT_EQ(some->results[0].configs.size(), 1u);
    EXPECT_EQ(some->results[0].configs[0].value, "1000");
    EXPECT_GT(some->results[1].configs.size(), 5u);
    EXPECT_EQ(some->results[2].error, error_code::unknown_topic_or_partition);
    EXPECT_EQ(some->results[3].error, error_code::invalid_request);
    EXPECT_EQ(some->results[4].error, error_code::invalid_request);
}

TEST_F(admin, what_is_described_a_thousand_times_is_answered_once) {
    auto client = connect();
    ASSERT_EQ(verdict(create("orders")), error_code::none);
    wire::describe_configs_request asked{.resources = {1000, {.type = 2, .name = "orders"}}};
    asked.resources.push_back({.type = 4, .name = "1"});
    const auto got = client.ask(asked, 4);
    ASSERT_EQ(got->results.size(), 2u);
    EXPECT_EQ(got->results[0].configs.size(), topic_settings().size());
    EXPECT_EQ(got->results[1].type, 4);
}

TEST_F(admin, max_message_bytes_of_a_topic_counts_also_after_it_was_made_anew) {
    auto client = connect();
    ASSERT_EQ(verdict(create("small", 1, 1, {{"max.message.bytes", "200"}})), error_code::none);
    EXPECT_EQ(
        row(client.ask(produce_of("small", 0, batch_of({"fits"})), 7)).error,
        error_code::none
    );
    const auto refused = client.ask(produce_of("small", 0, batch_of({bytes(300, 'x')})), 8);
    EXPECT_EQ(row(refused).error, error_code::message_too_large);
    EXPECT_THAT(row(refused).error_message.value_or(""), HasSubstr("200"));
    client.ask(wire::delete_topics_request{.topic_names = {"small"}, .timeout_ms = 1000}, 4);
    ASSERT_EQ(verdict(create("small", 1, 1)), error_code::none);
    EXPECT_EQ(
        row(client.ask(produce_of("small", 0, batch_of({bytes(300, 'x')})), 7)).error,
        error_code::none
    );
}

TEST_F(admin, transactions_are_refused) {
    auto client = connect();
    EXPECT_EQ(
        client.ask(wire::find_coordinator_request{.key = "txn", .key_type = 1}, 2)->error,
        error_code::transactional_id_authorization_failed
    );
    EXPECT_EQ(
        client.ask(wire::init_producer_id_request{.transactional_id = "txn"}, 1)->error,
        error_code::transactional_id_authorization_failed
    );
}

class list_offsets : public test::broker_fixture {
protected:
    auto at(std::int64_t timestamp, std::int16_t version = 7) {
        auto client = connect();
        return row(client.ask(
            wire::list_offsets_request{
                .topics = {{.name = "orders", .partitions = {{.timestamp = timestamp}}}}},
            version
        ));
    }
};

TEST_F(list_offsets, ends_of_the_log_at_every_version) {
    make_topic("orders");
    auto client = connect();
    for (std::int16_t version = 1; version <= 7; ++version) {
        EXPECT_EQ(at(-1, version).offset, version == 1 ? 0 : 2 * (version - 1));
        EXPECT_EQ(at(-2, version).offset, 0);
        client.ask(produce_of("orders", 0, batch_of({"a", "b"})), 7);
    }
}

TEST_F(list_offsets, a_time_finds_its_exact_record_inside_any_batch) {
    make_topic("orders");
    auto client = connect();
    std::int64_t base = 1'000'000;
    for (const auto how :
         {wire::codec::none,
          wire::codec::gzip,
          wire::codec::snappy,
          wire::codec::lz4,
          wire::codec::zstd}) {
        const bytes batch = wire::make_batch(
            {.base_timestamp = base, .compression = how},
            {{.timestamp_delta = 0, .value = "a"},
             {.timestamp_delta = 50, .value = "b"},
             {.timestamp_delta = 20, .value = "c"}}
        );
        const auto first = row(client.ask(produce_of("orders", 0, batch), 7)).base_offset;
        EXPECT_EQ(at(base).offset, first);
        EXPECT_EQ(at(base + 1).offset, first + 1);
        EXPECT_EQ(at(base + 1).timestamp, base + 50);
        EXPECT_EQ(at(base + 50).offset, first + 1);
        EXPECT_EQ(at(-3).offset, first + 1) << "the largest timestamp so far";
        EXPECT_EQ(at(-3).timestamp, base + 50);
        EXPECT_EQ(at(base + 51).offset, -1);
        EXPECT_EQ(at(base + 51).timestamp, -1);
        EXPECT_EQ(at(base + 51).error, error_code::none);
        base += 100;
    }
    EXPECT_EQ(at(0).offset, 0);
}

TEST_F(list_offsets, a_partition_named_a_thousand_times_is_answered_once) {
    make_topic("orders");
    auto client = connect();
    const auto got = client.ask(
        wire::list_offsets_request{
            .topics =
                {{.name = "orders", .partitions = {1000, {.index = 1, .timestamp = -1}}},
                 {.name = "orders", .partitions = {{.index = 1}, {.index = 2, .timestamp = -1}}}}},
        7
    );
    ASSERT_EQ(got->topics.size(), 2u);
    EXPECT_EQ(got->topics[0].partitions.size(), 1u);
    ASSERT_EQ(got->topics[1].partitions.size(), 1u);
    EXPECT_EQ(got->topics[1].partitions[0].index, 2);
}

TEST_F(list_offsets, unknown_partitions_and_times_are_errors) {
    EXPECT_EQ(at(-1).error, error_code::unknown_topic_or_partition);
    make_topic("orders");
    EXPECT_EQ(at(-3, 6).error, error_code::invalid_request);
    EXPECT_EQ(at(-9).error, error_code::invalid_request);
}

} // namespace
} // namespace outbox::broker
