// What a consumer must do with a real server, asked of every one that we have: unmodified Apache
// Kafka and outbox-broker.

#include "harness/child_process.hpp"
#include "harness/wait_until.hpp"
#include "outbox/base/error.hpp"
#include "tests/consumer/kafka/exam_parts.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <set>
#include <stdexcept>

namespace outbox::kafka {
namespace {

using namespace std::chrono_literals;
using harness::wait_until;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

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
