// What a consumer must do with a real server, asked of every one that we have: unmodified Apache
// Kafka and outbox-broker.

#include "harness/child_process.hpp"
#include "harness/wait_until.hpp"
#include "outbox/base/error.hpp"
#include "tests/consumer/kafka/exam_parts.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <set>
#include <span>
#include <stdexcept>
#include <thread>

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

TEST(consumer_exam, a_group_goes_on_from_what_is_stored_and_asks_for_no_other_start) {
    send_numbers("exam.stored", 40, 40); // something in each partition
    consumer_options what{.group = group_name{"stored"}, .subjects = {subject{"exam.stored"}}};
    {
        member one{what};
        wait_until_committed(one, "exam.stored");
    }
    mailbag more;
    more.add("exam.stored", "k", "the next");
    send(more);
    what.start = start_point::stored();
    member two{what};
    two.wait_for(1);
    wait_until_committed(two, "exam.stored");
    EXPECT_THAT(two.payloads(), ElementsAre("the next"));
}

TEST(consumer_exam, at_most_once_commits_before_it_hands_out) {
    send_numbers("exam.once", 20);
    const consumer_options what{
        .group = group_name{"once"},
        .subjects = {subject{"exam.once"}},
        .promise = consume_promise::at_most_once};
    member one{what, [](const delivery& d) -> outcome {
                   EXPECT_GT(committed_offset("once", d.origin), d.origin.offset);
                   throw 42;
               }};
    one.wait_for(20);
    wait_until_committed(one, "exam.once");
    EXPECT_EQ(one.seen().size(), 20U);
    EXPECT_EQ(one->stats().counts.given_up, 20U);
}

TEST(consumer_exam, at_most_once_what_was_in_hand_at_the_end_does_not_come_again) {
    send_numbers("exam.never", 1);
    const consumer_options what{
        .group = group_name{"never"},
        .subjects = {subject{"exam.never"}},
        .promise = consume_promise::at_most_once,
        .stop_patience = 50ms};
    std::atomic<bool> let_go = false;
    {
        member one{what, [&](const delivery&) {
                       wait_until([&] { return let_go.load(); }, 60s, "the test");
                       return outcome::ack();
                   }};
        one.wait_for(1);
        one->request_stop();
        mailbag more;
        more.add("exam.never", "k0", "the next"); // behind the one in hand
        send(more);
        member two{what};
        two.wait_for(1);
        EXPECT_THAT(two.payloads(), ElementsAre("the next"));
        let_go = true;
    }
}

TEST(consumer_exam, a_batch_is_what_is_there_and_each_of_it_has_its_own_outcome) {
    send_numbers("exam.batch", 40, 40);
    kafka_consumer batches{
        here(),
        {.group = group_name{"batch"}, .subjects = {subject{"exam.batch"}}, .handlers = 1}};
    std::vector<std::size_t> sizes;
    std::multiset<std::string> seen;
    std::thread thread{[&] {
        batches.run_batches(10, [&](std::span<const delivery* const> all) {
            if (sizes.empty()) // so that the next one finds more than it may take
                wait_until([&] { return batches.stats().prefetched == 40; }, 60s, "all to be read");
            sizes.push_back(all.size());
            std::vector<outcome> said;
            for (const auto* d : all) {
                seen.emplace(d->payload);
                said.push_back(d->payload == "7" ? outcome::dead_letter("seven") : outcome::ack());
            }
            return said;
        });
    }};
    wait_until_committed(batches, "exam.batch");
    batches.request_stop();
    thread.join();
    EXPECT_LE(*std::max_element(sizes.begin(), sizes.end()), 10U);
    ASSERT_GE(sizes.size(), 2U);
    EXPECT_EQ(sizes[1], 10U);
    EXPECT_EQ(seen.size(), 40U);
    EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), 40U);
    const auto dead = wait_for_records("exam.batch.batch.dlt", 1);
    ASSERT_EQ(dead.size(), 1U);
    EXPECT_EQ(dead[0].value, "7");
    EXPECT_EQ(header_of(dead[0], "outbox-error"), "seven");
    EXPECT_EQ(batches.stats().counts.acked, 39U);
}

TEST(consumer_exam, a_paused_consumer_stays_a_member_and_hands_out_nothing) {
    std::atomic<int> revoked = 0;
    member one{
        {.group = group_name{"pause"},
         .subjects = {subject{"exam.pause"}},
         .on_revoked = [&](const auto&, bool) { ++revoked; }}};
    send_numbers("exam.pause", 5);
    wait_until_committed(one, "exam.pause");
    one->pause();
    mailbag more;
    for (int i = 5; i < 10; ++i)
        more.add("exam.pause", "k" + std::to_string(i), std::to_string(i));
    send(more);
    wait_until([&] { return one->stats().prefetched == 5; }, 60s, "the messages to be read");
    EXPECT_EQ(one->stats().in_hand, 0U);
    EXPECT_EQ(one.seen().size(), 5U);
    one->resume();
    one.wait_for(10);
    wait_until_committed(one, "exam.pause");
    EXPECT_EQ(one.seen().size(), 10U);
    EXPECT_EQ(revoked, 0);
}

TEST(consumer_exam, what_is_pulled_waits_to_be_settled_and_what_is_let_go_comes_again) {
    send_numbers("exam.pull", 12, 12);
    kafka_consumer puller{
        here(),
        {.group = group_name{"pull"},
         .subjects = {subject{"exam.pull"}},
         .retries = {.delays = {1ms, 1ms}}}};
    std::vector<pulled_delivery> pulled;
    const auto pull_until = [&](std::size_t count) {
        wait_until(
            [&] {
                auto next = puller.pull(5, 1s);
                EXPECT_LE(next.size(), 5U);
                std::move(next.begin(), next.end(), std::back_inserter(pulled));
                return pulled.size() == count;
            },
            60s,
            std::to_string(count) + " messages to be pulled"
        );
    };
    pull_until(12);
    const auto third = std::find_if(
                           pulled.begin(),
                           pulled.end(),
                           [](const auto& each) { return each->payload == "3"; }
    )->operator*();
    for (auto& each : pulled) {
        if (each->payload == "5")
            each.settle(outcome::dead_letter("five"));
        else if (each->payload != "3")
            each.settle(outcome::ack());
    }
    EXPECT_THAT(puller.pull(5, 1ms), IsEmpty());
    EXPECT_LE(committed_offset("pull", third.origin), third.origin.offset);
    pulled.clear();
    pull_until(1);
    EXPECT_EQ(pulled[0]->payload, "3");
    EXPECT_EQ(pulled[0]->attempt, 2U);
    EXPECT_EQ(pulled[0]->id, third.id);
    pulled[0].settle(outcome::ack());
    wait_until_committed(puller, "exam.pull");
    const auto dead = wait_for_records("exam.pull.pull.dlt", 1);
    ASSERT_EQ(dead.size(), 1U);
    EXPECT_EQ(dead[0].value, "5");
    EXPECT_EQ(puller.stats().counts.acked, 11U);
}

TEST(consumer_exam, progress_tells_how_far_a_group_is_and_how_much_waits) {
    send_numbers("exam.lag", 5, 1); // of one key, so in one partition
    std::atomic<bool> let_go = true;
    member one{
        {.group = group_name{"lag"}, .subjects = {subject{"exam.lag"}}},
        [&](const delivery&) {
            wait_until([&] { return let_go.load(); }, 60s, "the test");
            return outcome::ack();
        }};
    wait_until_committed(one, "exam.lag");
    const auto of_key = [&] {
        partition_progress found;
        for (const auto& each : one->progress())
            found = each.end > found.end ? each : found;
        return found;
    };
    const auto wait_for_progress = [&](std::int64_t committed, std::int64_t end) {
        wait_until(
            [&] { return of_key().committed == committed && of_key().end == end; },
            60s,
            "progress from " + std::to_string(committed) + " to " + std::to_string(end)
        );
    };
    wait_for_progress(5, 5);
    EXPECT_EQ(of_key().lag(), 0);
    let_go = false;
    send_numbers("exam.lag", 20, 1);
    wait_for_progress(5, 25);
    EXPECT_EQ(of_key().lag(), 20);
    EXPECT_EQ(of_key().of, (consumed_partition{"exam.lag", one.seen()[0].origin.partition}));
    for (const auto& each : one->progress()) {
        if (each.of != of_key().of) {
            EXPECT_EQ(each.end, 0) << "nothing was sent there";
            EXPECT_LE(each.lag(), 0);
        }
    }
    let_go = true;
    wait_for_progress(25, 25);
    EXPECT_EQ(of_key().lag(), 0);
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
