// `outbox message trace` against real brokers: ours, and Apache Kafka.

#include "harness/broker_server.hpp"
#include "harness/child_process.hpp"
#include "harness/free_port.hpp"
#include "harness/kafka_server.hpp"
#include "harness/program_path.hpp"
#include "harness/temp_dir.hpp"
#include "harness/wait_until.hpp"
#include "outbox/message/message_id.hpp"

#include <librdkafka/rdkafka.h>
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <optional>

namespace outbox::tools {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;

/// One for all stories of a kind: each has topics of its own.
const std::string& address_of(const std::string& kind) {
    if (kind == "outbox_broker") {
        static const harness::broker_server server;
        static const std::string address = server.address();
        return address;
    }
    static const harness::kafka_server server;
    static const std::string address = server.address();
    return address;
}

harness::run_result run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), harness::our_program("outbox").string());
    return harness::run_to_end({.argv = std::move(arguments)});
}

void expect_refusal(const harness::run_result& result, int code, const std::string& words) {
    EXPECT_EQ(result.status.code, code) << result.stderr_text;
    EXPECT_THAT(result.stderr_text, HasSubstr(words));
}

class message_trace : public testing::TestWithParam<std::string> {
protected:
    harness::temp_dir folder_;
    std::string url_ = "sqlite:" + (folder_ / "shop.db").string();
    std::string broker_ = address_of(GetParam());
    message_id_generator ids_;

    json trace(const std::string& id, std::vector<std::string> more = {}, int code = 0) {
        more.insert(more.begin(), {"message", "trace", id, "--json"});
        const auto result = run(more);
        EXPECT_EQ(result.status.code, code) << result.stderr_text;
        return json::parse(result.stdout_text);
    }
    std::string trace_text(const std::string& id) {
        return run({"message", "trace", id, "--broker", broker_}).stdout_text;
    }

    std::string run_status() { return run({"status", "--db", url_}).stdout_text; }

    std::string send(const std::string& subject, const std::vector<std::string>& more = {}) {
        std::vector<std::string> all{"send", "--db", url_, "--subject", subject, "--payload", "x"};
        all.insert(all.end(), more.begin(), more.end());
        const auto result = run(all);
        EXPECT_TRUE(result.status.ok()) << result.stderr_text;
        return result.stdout_text.substr(0, 36);
    }

    /// `count` records with these headers, acknowledged when it returns.
    void produce(const std::string& topic, const std::vector<std::string>& headers, int count = 1) {
        const std::string lines = folder_ / "lines";
        std::ofstream out{lines};
        for (int i = 0; i < count; ++i)
            out << i << '\n';
        out.close();
        std::vector<std::string>
            argv{harness::system_program("kcat"), "-P", "-b", broker_, "-t", topic, "-p", "0"};
        for (const std::string& header : headers)
            argv.insert(argv.end(), {"-H", header});
        argv.insert(argv.end(), {"-l", lines});
        const auto result = harness::run_to_end({.argv = argv});
        ASSERT_TRUE(result.status.ok()) << result.stderr_text;
    }

    /// As an administrator sets it: the group has no members.
    void commit(
        const std::string& group,
        const std::string& topic,
        std::int64_t next,
        std::int32_t partition = 0
    ) {
        rd_kafka_conf_t* const conf = rd_kafka_conf_new();
        rd_kafka_conf_set(conf, "bootstrap.servers", broker_.c_str(), nullptr, 0);
        rd_kafka_conf_set(conf, "group.id", group.c_str(), nullptr, 0);
        rd_kafka_t* const kafka = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0);
        ASSERT_NE(kafka, nullptr);
        auto* const list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = next;
        // A coordinator that has just come up says "not yet" for a moment.
        rd_kafka_resp_err_t code{};
        harness::wait_until(
            [&] {
                code = rd_kafka_commit(kafka, list, 0);
                return code == RD_KAFKA_RESP_ERR_NO_ERROR;
            },
            60s,
            "the coordinator of " + group
        );
        EXPECT_STREQ(rd_kafka_err2name(code), "NO_ERROR");
        rd_kafka_topic_partition_list_destroy(list);
        rd_kafka_destroy(kafka);
    }

    std::string fate(const json& told, const std::string& group) {
        for (const json& each : told.at("groups"))
            if (each.at("group") == group)
                return each.at("fate");
        return "none";
    }
};

TEST_P(message_trace, follows_a_message_from_the_row_to_the_groups) {
    ASSERT_TRUE(run({"migrate", "up", "--db", url_}).status.ok());
    const std::string later = send("trace.later", {"--deliver-after", "1h"});
    const json scheduled = trace(later, {"--db", url_});
    EXPECT_EQ(scheduled.at("database").at("state"), "scheduled");
    EXPECT_TRUE(scheduled.at("database").at("due_at").is_string());

    const std::string id = send("trace.way");
    const json stored = trace(id, {"--db", url_, "--broker", broker_});
    EXPECT_EQ(stored.at("database").at("state"), "stored");
    EXPECT_EQ(stored.at("database").at("rows").at(0).at("subject"), "trace.way");
    EXPECT_TRUE(stored.at("copies").empty());

    const std::string config = folder_ / "watchdog.toml";
    std::ofstream{config} << "[[target]]\nname = \"kafka\"\nbrokers = \"" << broker_
                          << "\"\n[[database]]\nname = \"shop\"\nurl = \"" << url_
                          << "\"\ntarget = \"kafka\"\n";
    {
        harness::child_process watchdog{
            {.argv = {harness::our_program("outbox-watchdog").string(), "--config", config}}};
        harness::wait_until(
            [&] { return run_status().find("backlog     0") != std::string::npos; },
            60s,
            "the relay to deliver"
        );
    }
    const json relayed = trace(id, {"--db", url_, "--broker", broker_});
    // A delivered row may be gone already.
    EXPECT_THAT(
        relayed.at("database").at("state"),
        testing::AnyOf(json("relayed"), json("not_there"))
    );
    ASSERT_EQ(relayed.at("copies").size(), 1U);
    const json& copy = relayed.at("copies").at(0);
    EXPECT_EQ(copy.at("kind"), "delivered");
    EXPECT_EQ(copy.at("topic"), "trace.way");
    EXPECT_TRUE(copy.at("timestamp").is_string());
    EXPECT_EQ(fate(relayed, "way.billing"), "none");
    EXPECT_EQ(relayed.at("search").at("partitions_unread"), 0);

    const auto offset = copy.at("offset").get<std::int64_t>();
    const auto partition = copy.at("partition").get<std::int32_t>(); // any: it has no order key
    const std::string place = "trace.way[" + std::to_string(partition) + "] @";
    commit("way.billing", "trace.way", offset, partition);
    EXPECT_EQ(fate(trace(id, {"--broker", broker_}), "way.billing"), "waiting");
    EXPECT_THAT(trace_text(id), HasSubstr("way.billing waiting at " + place));
    commit("way.billing", "trace.way", offset + 1, partition);
    EXPECT_EQ(fate(trace(id, {"--broker", broker_}), "way.billing"), "passed");
    EXPECT_THAT(trace_text(id), HasSubstr("way.billing committed beyond " + place));
}

TEST_P(message_trace, tells_retries_and_dead_letters_of_each_group) {
    const std::string id = ids_.next().text();
    const std::string other = ids_.next().text();
    const std::string mark = "outbox-group=fate.billing";
    produce("trace.fate", {"outbox-id=" + id});
    commit("fate.billing", "trace.fate", 1);
    commit("fate.shipping", "trace.fate", 0);
    produce("fate.billing.retry.10s", {"outbox-id=" + other, mark, "outbox-attempt=1"});
    produce(
        "fate.billing.retry.10s",
        {"outbox-id=" + id,
         mark,
         "outbox-attempt=2",
         "outbox-error=no bank",
         "outbox-retry-at=1700000000000"}
    );
    const json retried = trace(id, {"--broker", broker_, "--subject", "trace.fate"});
    ASSERT_EQ(retried.at("copies").size(), 2U);
    EXPECT_EQ(fate(retried, "fate.billing"), "retrying");
    EXPECT_EQ(fate(retried, "fate.shipping"), "waiting");
    const std::string text = trace_text(id);
    EXPECT_THAT(text, HasSubstr("after attempt 2: no bank; again at 2023-11-14T22:13:20.000Z"));
    EXPECT_THAT(text, HasSubstr("fate.billing retrying, 2 attempts made"));

    commit("fate.billing", "fate.billing.retry.10s", 2);
    produce(
        "trace.fate.fate.billing.dlt",
        {"outbox-id=" + id, mark, "outbox-attempt=3", "outbox-error=closed account"}
    );
    const json dead = trace(id, {"--broker", broker_, "--subject", "trace.fate"});
    EXPECT_EQ(dead.at("copies").size(), 3U);
    EXPECT_EQ(fate(dead, "fate.billing"), "dead");
    EXPECT_THAT(
        trace_text(id),
        HasSubstr("fate.billing dead at trace.fate.fate.billing.dlt[0] @ 0: closed account")
    );
}

TEST_P(message_trace, finds_every_copy_and_reads_from_the_time_in_the_id) {
    produce("trace.copies", {"outbox-id=" + ids_.next().text()}, 3);
    const std::string id = ids_.next().text();
    produce("trace.copies", {"outbox-id=" + id}, 2);
    const std::vector<std::string> where{"--broker", broker_, "--subject", "trace.copies"};
    auto strict = where;
    strict.insert(strict.end(), {"--margin", "0s"});
    const json told = trace(id, strict);
    EXPECT_EQ(told.at("copies").size(), 2U);
    EXPECT_EQ(told.at("search").at("records_read"), 2) << "the three before it are not read";
    // Within a minute before it: these three, and what other stories left in retry topics.
    EXPECT_GE(trace(id, where).at("search").at("records_read"), 5);

    // A random id says no time: everything is read.
    const std::string no_time = "0190b3d4-0000-4000-8000-000000000001";
    produce("trace.copies", {"outbox-id=" + no_time});
    const json all = trace(no_time, strict);
    EXPECT_EQ(all.at("copies").size(), 1U);
    EXPECT_GE(all.at("search").at("records_read"), 6);
    EXPECT_TRUE(all.at("search").at("since").is_null());
}

TEST_P(message_trace, says_that_it_was_found_nowhere_and_where_it_did_not_look) {
    const std::string id = ids_.next().text();
    produce("trace.limit", {}, 5);
    std::vector<std::string>
        search{"--broker", broker_, "--subject", "trace.limit", "--margin", "0s"};
    const json whole = trace(id, search, 4);
    EXPECT_FALSE(whole.at("found"));
    EXPECT_EQ(whole.at("search").at("records_read"), 5);
    EXPECT_EQ(whole.at("search").at("partitions_unread"), 0);
    search.insert(search.end(), {"--records-max", "2"});
    const json cut = trace(id, search, 4);
    EXPECT_EQ(cut.at("search").at("records_read"), 2);
    EXPECT_EQ(cut.at("search").at("partitions_unread"), 1);
    search.insert(search.begin(), {"message", "trace", id});
    const auto told = run(search);
    EXPECT_THAT(told.stdout_text, HasSubstr("1 partitions not to their end: raise --records-max"));
    expect_refusal(told, 4, "message " + id + " was not found in what was looked at");
}

INSTANTIATE_TEST_SUITE_P(
    brokers,
    message_trace,
    testing::Values("outbox_broker", "apache_kafka"),
    [](const auto& kind) { return kind.param; }
);

TEST(message_trace_arguments, what_is_wrong_is_said) {
    const std::string id = message_id_generator{}.next().text();
    const std::string closed = "127.0.0.1:" + std::to_string(harness::free_port());
    expect_refusal(run({"message", "trace", "x", "--broker", closed}), 2, "bad message id \"x\"");
    expect_refusal(run({"message", "trace", id}), 2, "nowhere to look");
    expect_refusal(run({"message", "trace", id, "--broker", closed}), 3, "broker " + closed);
    expect_refusal(run({"message", "trace", id, "--db", "sqlite:/nowhere/x"}), 3, "/nowhere/x");
    expect_refusal(
        run({"message", "trace", id, "--broker", closed, "--margin", "soon"}),
        2,
        "bad margin"
    );
    expect_refusal(
        run({"message", "trace", id, "--broker", closed, "--records-max", "0"}),
        2,
        "--records-max"
    );
    for (const auto& [property, words] : std::map<std::string, std::string>{
             {"nothing", "--kafka name=value"},
             {"no.such=1", "no.such"},
             {"client.id=x", "client.id is our own"}})
        expect_refusal(
            run({"message", "trace", id, "--broker", closed, "--kafka", property}),
            2,
            words
        );
    expect_refusal(run({"message"}), 2, "");
}

TEST(message_trace_arguments, a_database_that_has_more_rows_than_are_looked_at_is_unknown) {
    const harness::temp_dir folder;
    const std::string url = "sqlite:" + (folder / "shop.db").string();
    ASSERT_TRUE(run({"migrate", "up", "--db", url}).status.ok());
    for (int i = 0; i < 3; ++i)
        ASSERT_TRUE(run({"send", "--db", url, "--subject", "a", "--payload", "x"}).status.ok());
    const std::string id = message_id_generator{}.next().text();
    const auto cut = run({"message", "trace", id, "--db", url, "--rows-max", "2"});
    EXPECT_THAT(cut.stdout_text, HasSubstr("raise --rows-max"));
    expect_refusal(cut, 4, "not found in what was looked at");
    const auto whole = run({"message", "trace", id, "--db", url});
    EXPECT_THAT(whole.stdout_text, HasSubstr("never committed here, or delivered and removed"));
    expect_refusal(whole, 4, "message " + id + " was found nowhere");
}

} // namespace
} // namespace outbox::tools
