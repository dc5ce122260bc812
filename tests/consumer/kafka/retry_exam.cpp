// What becomes of a message that fails, with a real server: retry topics, dead letters, and the way
// back from there.

#include "harness/child_process.hpp"
#include "harness/program_path.hpp"
#include "harness/wait_until.hpp"
#include "tests/consumer/kafka/exam_parts.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <stdexcept>

namespace outbox::kafka {
namespace {

using namespace std::chrono_literals;
using harness::wait_until;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(retry_exam, what_failed_comes_again_through_a_retry_topic) {
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

TEST(retry_exam, what_fails_to_the_end_is_a_dead_letter_with_its_story) {
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

TEST(retry_exam, what_cannot_be_decoded_is_put_aside_byte_for_byte) {
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

TEST(retry_exam, a_key_is_handled_in_order_and_a_failing_one_holds_up_only_itself) {
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

std::string outbox_dead(std::vector<std::string> arguments, int code = 0) {
    arguments.insert(arguments.begin(), {harness::our_program("outbox"), "dead"});
    arguments.insert(arguments.end(), {"--brokers", the_cluster().brokers()});
    const auto ended = harness::run_to_end({.argv = arguments});
    EXPECT_EQ(ended.status, (harness::exit_status{.code = code})) << ended.stderr_text;
    return ended.stdout_text + ended.stderr_text;
}

// Q9, the consumer's part: what is given up is in sight, by list and exit code, and has a way back.
TEST(retry_exam, qmq_mistake_q9_dead_letters_are_shown_and_sent_back_once) {
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

} // namespace
} // namespace outbox::kafka
