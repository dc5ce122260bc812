// What a consumer must do with a real server, asked of every one that we have: unmodified Apache
// Kafka and outbox-broker.

#include "harness/child_process.hpp"
#include "harness/program_path.hpp"
#include "harness/temp_dir.hpp"
#include "harness/wait_until.hpp"
#include "outbox/base/error.hpp"
#include "outbox/consumer/kafka/kafka_consumer.hpp"
#include "outbox/message/codec.hpp"
#include "tests/target/kafka/cluster_exam.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <fstream>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>

namespace outbox::kafka {
namespace {

using namespace std::chrono_literals;
using harness::wait_until;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

void send(const mailbag& bag) {
    kafka_target target{{.brokers = the_cluster().brokers()}};
    target.deliver(bag.wave());
    std::size_t delivered = 0;
    wait_until(
        [&] {
            std::vector<delivery_outcome> news;
            target.await(100ms, news);
            for (const auto& each : news)
                delivered += each.fate == fate::delivered ? 1 : 0;
            return delivered == bag.size();
        },
        60s,
        "the messages of the test to be sent"
    );
}

kafka_source_options here() {
    return {
        .brokers = the_cluster().brokers(),
        .session = 6s,
        .properties = {{"fetch.wait.max.ms", "50"}}};
}

/// A consumer on a thread of its own, and what it saw.
class member {
public:
    using answer = std::function<outcome(const delivery&)>;

    explicit member(consumer_options what, answer say = {})
        : consumer_(here(), std::move(what))
        , thread_([this, say] {
            consumer_.run([&](const delivery& d) {
                {
                    const std::lock_guard hold{mutex_};
                    seen_.emplace_back(d);
                }
                return say ? say(d) : outcome::ack();
            });
        }) {}
    ~member() { stop(); }

    void stop() {
        consumer_.request_stop();
        if (thread_.joinable())
            thread_.join();
    }
    std::vector<delivery> seen() const {
        const std::lock_guard hold{mutex_};
        return seen_;
    }
    std::vector<std::string> payloads() const {
        std::vector<std::string> all;
        for (const auto& d : seen())
            all.emplace_back(d.payload);
        return all;
    }
    void wait_for(std::size_t count) const {
        wait_until(
            [&] { return seen().size() >= count; },
            60s,
            std::to_string(count) + " messages to arrive"
        );
    }
    kafka_consumer& operator*() { return consumer_; }
    kafka_consumer* operator->() { return &consumer_; }

private:
    kafka_consumer consumer_;
    mutable std::mutex mutex_;
    std::vector<delivery> seen_;
    std::thread thread_;
};

TEST(consumer_exam, everything_arrives_once_and_is_not_read_again) {
    mailbag bag;
    for (int i = 0; i < 500; ++i)
        bag.add(
            "exam.all",
            "k" + std::to_string(i % 7),
            "m" + std::to_string(i),
            {{"outbox-tag", "vip"}, {"x", "y"}, {"content-type", "text/plain"}}
        );
    send(bag);
    const consumer_options what{.group = group_name{"all"}, .subjects = {subject{"exam.all"}}};
    std::set<std::string> seen;
    {
        member one{what};
        one.wait_for(500);
        for (const auto& d : one.seen()) {
            seen.insert(std::string{d.payload});
            EXPECT_EQ(d.attempt, 1U);
            EXPECT_EQ(d.subject, subject{"exam.all"});
            EXPECT_THAT(d.tags, ElementsAre("vip"));
            EXPECT_EQ(d.content_type, "text/plain");
            EXPECT_EQ(*d.property("x"), "y");
            EXPECT_EQ(d.properties.size(), 1U);
        }
    }
    EXPECT_EQ(seen.size(), 500U);
    member two{what};
    mailbag more;
    more.add("exam.all", "k", "the last");
    send(more);
    two.wait_for(1);
    EXPECT_THAT(two.payloads(), ElementsAre("the last"));
}

/// One record as any producer may write it.
void send_raw(
    const std::string& topic,
    const std::string& key,
    const std::optional<std::string>& value,
    const std::vector<std::pair<std::string, std::optional<std::string>>>& headers
) {
    std::array<char, 512> words{};
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    const auto brokers = the_cluster().brokers();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), words.data(), words.size());
    rd_kafka_t* client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, words.data(), words.size());
    rd_kafka_headers_t* all = rd_kafka_headers_new(headers.size());
    for (const auto& [name, content] : headers)
        rd_kafka_header_add(
            all,
            name.data(),
            static_cast<ssize_t>(name.size()),
            content ? content->data() : nullptr,
            content ? static_cast<ssize_t>(content->size()) : 0
        );
    std::string copy = value.value_or("");
    char* const bytes_or_null = value ? copy.data() : nullptr;
    ASSERT_EQ(
        rd_kafka_producev(
            client,
            RD_KAFKA_V_TOPIC(topic.c_str()),
            RD_KAFKA_V_KEY(key.data(), key.size()),
            RD_KAFKA_V_VALUE(bytes_or_null, copy.size()),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_HEADERS(all),
            RD_KAFKA_V_END
        ),
        RD_KAFKA_RESP_ERR_NO_ERROR
    );
    ASSERT_EQ(rd_kafka_flush(client, 30'000), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(client);
}

void send_numbers(const std::string& topic, int count, int keys = 7) {
    mailbag bag;
    for (int i = 0; i < count; ++i)
        bag.add(topic, "k" + std::to_string(i % keys), std::to_string(i));
    send(bag);
}

std::string header_of(const record& r, std::string_view name) {
    for (const auto& [n, value] : r.headers) {
        if (n == name)
            return value;
    }
    return "(none)";
}

std::vector<record> wait_for_records(const std::string& topic, std::size_t count) {
    return wait_until(
               [&] {
                   auto all = read_topic(the_cluster().brokers(), topic);
                   return all.size() >= count ? std::optional{std::move(all)} : std::nullopt;
               },
               60s,
               std::to_string(count) + " records in " + topic
    )
        .value();
}

/// The group has committed everything that the topic has.
void wait_until_committed(member& one, const std::string& topic) {
    const auto count = static_cast<std::int64_t>(read_topic(the_cluster().brokers(), topic).size());
    wait_until(
        [&] {
            std::int64_t committed = 0;
            for (const auto& each : one->progress()) {
                if (each.of.topic == topic)
                    committed += std::max<std::int64_t>(0, each.committed);
            }
            return committed == count;
        },
        60s,
        "the group to have committed all of " + topic
    );
}

TEST(consumer_exam, what_failed_comes_again_through_a_retry_topic) {
    mailbag bag;
    bag.add("exam.retry", "k", "pay", {{"x", "y"}});
    send(bag);
    member one{
        {.group = group_name{"retry"},
         .subjects = {subject{"exam.retry"}},
         .order = consume_order::none,
         .retries = {.delays = {200ms, 400ms, 800ms}, .in_place_max = 0ms}},
        [](const delivery& d) {
            if (d.attempt == 1)
                throw 42;
            if (d.attempt == 2)
                throw std::bad_alloc{};
            return d.attempt == 3 ? outcome::retry("not yet") : outcome::ack();
        }};
    one.wait_for(4);
    const auto seen = one.seen();
    std::vector<std::string> reasons;
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(seen[i].attempt, i + 1);
        EXPECT_EQ(seen[i].payload, "pay");
        EXPECT_EQ(seen[i].key, "k");
        EXPECT_EQ(seen[i].id, bag[0].content.id);
        EXPECT_EQ(seen[i].subject, subject{"exam.retry"});
        EXPECT_EQ(seen[i].origin, seen[0].origin);
        EXPECT_EQ(seen[i].created_at, seen[0].created_at);
        EXPECT_EQ(seen[i].properties, seen[0].properties);
        reasons.push_back(seen[i].last_failure);
    }
    EXPECT_THAT(
        reasons,
        ElementsAre("", "threw something that is no std::exception", "std::bad_alloc", "not yet")
    );
    EXPECT_EQ(seen[3].read_from.topic, "retry.retry.800ms");
    wait_until_committed(one, "exam.retry");
    EXPECT_THAT(read_topic(the_cluster().brokers(), "exam.retry.retry.dlt"), IsEmpty());
}

TEST(consumer_exam, what_fails_to_the_end_is_a_dead_letter_with_its_story) {
    const std::string bytes{"\0\xff odd \n", 8};
    send_raw("exam.dead", bytes, bytes, {{"x", bytes}, {"x", ""}, {"null", std::nullopt}});
    std::mutex mutex;
    std::vector<std::string> told;
    member one{
        {.group = group_name{"dead"},
         .subjects = {subject{"exam.dead"}},
         .order = consume_order::none,
         .retries = {.delays = {100ms}, .in_place_max = 0ms},
         .on_dead_letter =
             [&](const delivery& d, const std::string& why) {
                 const std::lock_guard hold{mutex};
                 told.push_back(std::to_string(d.attempt) + " " + why);
             }},
        [](const delivery&) -> outcome { throw std::runtime_error{"no such order"}; }};
    const auto dead = wait_for_records("exam.dead.dead.dlt", 1);
    ASSERT_EQ(dead.size(), 1U);
    EXPECT_EQ(dead[0].key, bytes);
    EXPECT_EQ(dead[0].value, bytes);
    EXPECT_EQ(header_of(dead[0], "x"), bytes);
    EXPECT_EQ(header_of(dead[0], "outbox-attempt"), "2");
    EXPECT_EQ(header_of(dead[0], "outbox-error"), "no such order");
    EXPECT_EQ(header_of(dead[0], "outbox-group"), "dead");
    EXPECT_EQ(header_of(dead[0], "outbox-origin-topic"), "exam.dead");
    EXPECT_EQ(header_of(dead[0], "outbox-origin-offset"), "0");
    EXPECT_EQ(header_of(dead[0], "outbox-retry-at"), "(none)");
    EXPECT_EQ(header_of(dead[0], "outbox-id"), one.seen()[0].id.text());
    EXPECT_EQ(one.seen()[1].id, one.seen()[0].id);
    wait_until_committed(one, "exam.dead");
    const std::lock_guard hold{mutex};
    EXPECT_THAT(told, ElementsAre("2 no such order"));
}

TEST(consumer_exam, what_cannot_be_decoded_is_put_aside_byte_for_byte) {
    send_raw("exam.odd", "k", "odd", {{"outbox-id", "not an id"}, {"", "nameless"}});
    send_raw("exam.odd", "k", std::nullopt, {{"a", std::nullopt}});
    member one{{.group = group_name{"odd"}, .subjects = {subject{"exam.odd"}}}};
    one.wait_for(1);
    EXPECT_TRUE(one.seen()[0].is_null);
    const auto dead = wait_for_records("exam.odd.odd.dlt", 1);
    EXPECT_EQ(dead[0].value, "odd");
    EXPECT_EQ(dead[0].key, "k");
    EXPECT_EQ(header_of(dead[0], "outbox-id"), "not an id");
    EXPECT_EQ(header_of(dead[0], ""), "nameless");
    EXPECT_EQ(header_of(dead[0], "outbox-attempt"), "0");
    EXPECT_THAT(header_of(dead[0], "outbox-error"), ::testing::HasSubstr("outbox-id"));
    wait_until_committed(one, "exam.odd");
    EXPECT_EQ(one->stats().counts.undecodable, 1U);
}

TEST(consumer_exam, a_key_is_handled_in_order_and_a_failing_one_holds_up_only_itself) {
    send_numbers("exam.order", 70);
    std::atomic<bool> repaired = false;
    member one{
        {.group = group_name{"order"},
         .subjects = {subject{"exam.order"}},
         .retries = {.delays = std::vector<std::chrono::milliseconds>(60, 20ms)}},
        [&](const delivery& d) {
            return d.payload == "3" && !repaired ? outcome::retry("later") : outcome::ack();
        }};
    const auto acked_of = [&](const std::string& key) {
        std::vector<int> numbers;
        for (const auto& d : one.seen()) {
            if (d.key == key && (d.payload != "3" || d.attempt == 1))
                numbers.push_back(std::stoi(std::string{d.payload}));
        }
        return numbers;
    };
    wait_until(
        [&] {
            for (const auto* key : {"k0", "k1", "k2", "k4", "k5", "k6"}) {
                if (acked_of(key).size() < 10)
                    return false;
            }
            return true;
        },
        60s,
        "the other keys to be done"
    );
    EXPECT_EQ(acked_of("k3").size(), 1U);
    repaired = true;
    wait_until_committed(one, "exam.order");
    for (int k = 0; k < 7; ++k) {
        std::vector<int> expected;
        for (int i = k; i < 70; i += 7)
            expected.push_back(i);
        EXPECT_EQ(acked_of("k" + std::to_string(k)), expected);
    }
}

TEST(consumer_exam, an_outage_costs_no_attempt) {
    send_numbers("exam.gate", 10);
    std::atomic<bool> bank_is_open = false;
    std::atomic<int> asked = 0;
    member one{
        {.group = group_name{"gate"},
         .subjects = {subject{"exam.gate"}},
         .retries = {.delays = {}},
         .gate =
             [&] {
                 ++asked;
                 return bank_is_open.load();
             },
         .gate_shortest = 10ms,
         .gate_longest = 20ms},
        [&](const delivery&) -> outcome {
            if (!bank_is_open)
                throw std::runtime_error{"connection refused"};
            return outcome::ack();
        }};
    wait_until([&] { return asked > 5; }, 60s, "the gate to be asked again and again");
    EXPECT_THAT(one.seen(), IsEmpty());
    bank_is_open = true;
    one.wait_for(10);
    wait_until_committed(one, "exam.gate");
    EXPECT_EQ(one->stats().counts.dead_lettered, 0U);
    for (const auto& d : one.seen())
        EXPECT_EQ(d.attempt, 1U);
}

TEST(consumer_exam, members_share_and_take_over_from_each_other) {
    send_numbers("exam.share", 300);
    const consumer_options what{.group = group_name{"share"}, .subjects = {subject{"exam.share"}}};
    std::set<std::string> seen;
    const auto collect = [&](const member& from) {
        for (auto& each : from.payloads())
            seen.insert(std::move(each));
    };
    member one{what};
    one.wait_for(1);
    {
        member two{what};
        wait_until(
            [&] { return !two->progress().empty() && !one->progress().empty(); },
            60s,
            "both to have partitions"
        );
        mailbag more;
        for (int i = 300; i < 600; ++i)
            more.add("exam.share", "k" + std::to_string(i % 50), std::to_string(i));
        send(more);
        wait_until(
            [&] {
                collect(one);
                collect(two);
                return seen.size() == 600;
            },
            60s,
            "everything to arrive at one or the other"
        );
    }
    send_numbers("exam.share", 50, 50);
    wait_until_committed(one, "exam.share");
    EXPECT_EQ(one->stats().counts.fenced_commits, 0U);
}

TEST(consumer_exam, tags_choose_and_what_is_not_wanted_is_passed_over) {
    mailbag bag;
    bag.add("exam.tags", "k", "both", {{"outbox-tag", "vip"}, {"outbox-tag", "eu"}});
    bag.add("exam.tags", "k", "vip", {{"outbox-tag", "vip"}});
    bag.add("exam.tags", "k", "none");
    send(bag);
    member any{
        {.group = group_name{"tags-any"},
         .subjects = {subject{"exam.tags"}},
         .tags = tag_filter::any_of({tag{"vip"}, tag{"us"}})}};
    member all{
        {.group = group_name{"tags-all"},
         .subjects = {subject{"exam.tags"}},
         .tags = tag_filter::all_of({tag{"vip"}, tag{"eu"}})}};
    wait_until_committed(any, "exam.tags");
    wait_until_committed(all, "exam.tags");
    EXPECT_THAT(any.payloads(), ElementsAre("both", "vip"));
    EXPECT_THAT(all.payloads(), ElementsAre("both"));
}

TEST(consumer_exam, in_a_broadcast_every_instance_sees_everything) {
    send_numbers("exam.news", 5);
    const consumer_options what{
        .group = group_name{"news"},
        .subjects = {subject{"exam.news"}},
        .audience = consume_audience::everyone,
        .start = start_point::last()};
    member one{what};
    member two{what};
    wait_until(
        [&] { return !one->progress().empty() && !two->progress().empty(); },
        60s,
        "both to read"
    );
    mailbag bag;
    bag.add("exam.news", "k", "new");
    send(bag);
    one.wait_for(1);
    two.wait_for(1);
    EXPECT_THAT(one.payloads(), ElementsAre("new"));
    EXPECT_THAT(two.payloads(), ElementsAre("new"));
}

TEST(consumer_exam, a_group_begins_where_it_was_told_and_a_restart_does_not_move_it) {
    send_numbers("exam.start", 5);
    const consumer_options last{
        .group = group_name{"start-last"},
        .subjects = {subject{"exam.start"}},
        .start = start_point::last()};
    {
        member one{last};
        wait_until([&] { return !one->progress().empty(); }, 60s, "partitions");
    }
    mailbag between;
    between.add("exam.start", "k", "between");
    send(between);
    member again{last};
    again.wait_for(1);
    EXPECT_THAT(again.payloads(), ElementsAre("between"));
    member from_time{
        {.group = group_name{"start-time"},
         .subjects = {subject{"exam.start"}},
         .start = start_point::at(between[0].created_at)}};
    from_time.wait_for(1);
    wait_until_committed(from_time, "exam.start");
    EXPECT_THAT(from_time.payloads(), ElementsAre("between"));
    kafka_consumer never{
        here(),
        {.group = group_name{"start-stored"},
         .subjects = {subject{"exam.start"}},
         .start = start_point::stored()}};
    EXPECT_THROW(never.run([](const delivery&) { return outcome::ack(); }), error);
}

TEST(consumer_exam, at_most_once_commits_before_it_hands_out) {
    send_numbers("exam.once", 20);
    const consumer_options what{
        .group = group_name{"once"},
        .subjects = {subject{"exam.once"}},
        .promise = consume_promise::at_most_once};
    member one{what, [](const delivery&) -> outcome { throw 42; }};
    one.wait_for(20);
    wait_until_committed(one, "exam.once");
    EXPECT_EQ(one.seen().size(), 20U);
    EXPECT_EQ(one->stats().counts.given_up, 20U);
}

TEST(consumer_exam, a_broker_that_was_away_costs_nothing) {
    send_numbers("exam.away", 50);
    member one{{.group = group_name{"away"}, .subjects = {subject{"exam.away"}}}};
    one.wait_for(50);
    the_cluster().kill();
    the_cluster().start();
    mailbag bag;
    bag.add("exam.away", "k", "after");
    send(bag);
    wait_until(
        [&] {
            const auto all = one.payloads();
            return std::count(all.begin(), all.end(), "after") > 0;
        },
        60s,
        "the message that was sent afterwards"
    );
    wait_until_committed(one, "exam.away");
}

TEST(consumer_exam, a_stop_waits_for_what_is_in_hand_but_not_for_ever) {
    send_numbers("exam.stop", 1);
    const consumer_options what{
        .group = group_name{"stop"},
        .subjects = {subject{"exam.stop"}},
        .stop_patience = 50ms};
    std::atomic<bool> let_go = false;
    {
        member one{what, [&](const delivery&) {
                       wait_until([&] { return let_go.load(); }, 60s, "the test");
                       return outcome::ack();
                   }};
        one.wait_for(1);
        one->request_stop();
        // The group is left while the handler still runs: somebody else gets the message.
        member two{what};
        two.wait_for(1);
        let_go = true;
    }
}

TEST(consumer_exam, who_was_frozen_is_fenced_and_says_so) {
    send_numbers("exam.frozen", 1);
    const harness::temp_dir folder;
    const auto fifo = (folder / "go").string();
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    harness::child_process frozen{
        {.argv = {OUTBOX_CONSUMER_CHILD, the_cluster().brokers(), "frozen", "exam.frozen", fifo}}};
    frozen.wait_for_line("^in hand 0$", 60s);
    frozen.signal(SIGSTOP);
    member other{{.group = group_name{"frozen"}, .subjects = {subject{"exam.frozen"}}}};
    other.wait_for(1); // after the session of the other one
    frozen.signal(SIGCONT);
    std::ofstream{fifo} << "go";
    frozen.wait_for_line("^handled 0$", 60s);
    frozen.wait_for_line("lost exam.frozen|was refused, because another member", 60s);
    wait_until_committed(other, "exam.frozen");
    EXPECT_EQ(frozen.stop(), harness::exit_status{}) << frozen.stderr_text();
    EXPECT_THAT(frozen.stdout_text(), ::testing::HasSubstr("fenced 1\n"));
    EXPECT_THAT(other.payloads(), ElementsAre("0"));
}

std::string outbox_dead(std::vector<std::string> arguments, int code = 0) {
    arguments.insert(arguments.begin(), {harness::our_program("outbox"), "dead"});
    arguments.insert(arguments.end(), {"--brokers", the_cluster().brokers()});
    const auto ended = harness::run_to_end({.argv = arguments});
    EXPECT_EQ(ended.status, (harness::exit_status{.code = code})) << ended.stderr_text;
    return ended.stdout_text + ended.stderr_text;
}

TEST(consumer_exam, dead_letters_are_shown_and_sent_back_once) {
    const std::string letters = "exam.replay.replay.dlt";
    send_raw("exam.replay", "k1", "first", {{"x", "y"}});
    send_raw("exam.replay", "k2", "\xff", {});
    std::atomic<bool> repaired = false;
    member one{
        {.group = group_name{"replay"},
         .subjects = {subject{"exam.replay"}},
         .retries = {.delays = {}}},
        [&](const delivery&) {
            return repaired ? outcome::ack() : outcome::dead_letter("no such order\x1b[31m");
        }};
    wait_for_records(letters, 2);
    using ::testing::AllOf;
    using ::testing::HasSubstr;
    using ::testing::Not;
    EXPECT_THAT(
        outbox_dead({"list", "--check", "--json"}, 4),
        HasSubstr(R"({"topic":"exam.replay.replay.dlt","total":2,"waiting":2})")
    );
    EXPECT_THAT(
        outbox_dead({"show", "--topic", letters}),
        AllOf(
            HasSubstr("no such order\\u001b[31m"),
            Not(HasSubstr("\x1b")),
            HasSubstr("\"exam.replay/"),
            Not(HasSubstr("first"))
        )
    );
    EXPECT_THAT(
        outbox_dead({"export", "--topic", letters}),
        AllOf(HasSubstr(R"("payload":"first")"), HasSubstr(R"("payload_hex":"ff")"))
    );
    repaired = true;
    EXPECT_THAT(outbox_dead({"resend", "--topic", letters}), HasSubstr("2 sent back"));
    one.wait_for(4);
    const auto seen = one.seen();
    for (const auto& again : {seen[2], seen[3]}) {
        const auto before = std::find_if(seen.begin(), seen.end(), [&](const auto& d) {
            return d.key == again.key;
        });
        EXPECT_EQ(again.id, before->id);
        EXPECT_EQ(again.payload, before->payload);
        EXPECT_EQ(again.properties, before->properties);
        EXPECT_EQ(again.attempt, 1U);
    }
    EXPECT_THAT(outbox_dead({"resend", "--topic", letters}), HasSubstr("0 sent back"));
    EXPECT_THAT(
        outbox_dead({"list", "--json"}),
        HasSubstr(R"({"topic":"exam.replay.replay.dlt","total":2,"waiting":0})")
    );
    EXPECT_THAT(
        outbox_dead({"resend", "--topic", letters, "--partition", "0", "--offset", "99"}, 2),
        HasSubstr("has no offset 99")
    );
    EXPECT_THAT(outbox_dead({"resend", "--topic", letters, "--offset", "1"}, 2), HasSubstr("both"));
    EXPECT_EQ(read_topic(the_cluster().brokers(), "exam.replay").size(), 4U);
}

TEST(consumer_exam, the_smallest_consumer_runs_as_the_docs_show_it) {
    mailbag bag;
    bag.add("orders.paid", "42", R"({"orderId":42})");
    send(bag);
    harness::child_process billing{
        {.argv = {OUTBOX_EXAMPLES_DIR "/11_smallest_consumer", the_cluster().brokers()}}};
    billing.wait_for_line("^order 42 is paid$", 60s);
    EXPECT_EQ(billing.stop(), harness::exit_status{}) << billing.stderr_text();
}

} // namespace
} // namespace outbox::kafka
