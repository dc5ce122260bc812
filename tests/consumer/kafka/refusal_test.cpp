// A client that refuses what it must not refuse. librdkafka does so when it and we disagree about
// what is ours, and for ever when its producer has failed for good, neither of which can be
// provoked from outside; so its calls are wrapped by the linker.

#include "harness/wait_until.hpp"
#include "tests/consumer/kafka/exam_parts.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <set>

namespace {

/// So many calls are refused.
std::atomic<int> assigns_to_refuse = 0;
std::atomic<int> unassigns_to_refuse = 0;
std::atomic<int> pauses_to_refuse = 0;
std::atomic<int> resumes_to_refuse = 0;
std::atomic<int> commits_to_refuse = 0;
/// So many records find, or leave behind, a producer that has failed.
std::atomic<int> failures_before_a_record = 0;
std::atomic<int> failures_after_a_record = 0;

bool is_refused(std::atomic<int>& left) {
    int before = left.load();
    while (before > 0 && !left.compare_exchange_weak(before, before - 1)) {
    }
    return before > 0;
}

} // namespace

// Names that the linker's --wrap asks for.
// NOLINTBEGIN
extern "C" {
rd_kafka_error_t* __real_rd_kafka_incremental_assign(
    rd_kafka_t* client,
    const rd_kafka_topic_partition_list_t* partitions
);
rd_kafka_error_t* __real_rd_kafka_incremental_unassign(
    rd_kafka_t* client,
    const rd_kafka_topic_partition_list_t* partitions
);
rd_kafka_resp_err_t
__real_rd_kafka_pause_partitions(rd_kafka_t* client, rd_kafka_topic_partition_list_t* partitions);
rd_kafka_resp_err_t
__real_rd_kafka_resume_partitions(rd_kafka_t* client, rd_kafka_topic_partition_list_t* partitions);

rd_kafka_resp_err_t __real_rd_kafka_commit_queue(
    rd_kafka_t* client,
    const rd_kafka_topic_partition_list_t* offsets,
    rd_kafka_queue_t* answer_to,
    void (*answer)(rd_kafka_t*, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*, void*),
    void* opaque
);

rd_kafka_resp_err_t __wrap_rd_kafka_commit_queue(
    rd_kafka_t* client,
    const rd_kafka_topic_partition_list_t* offsets,
    rd_kafka_queue_t* answer_to,
    void (*answer)(rd_kafka_t*, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*, void*),
    void* opaque
) {
    if (is_refused(commits_to_refuse))
        return RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
    return __real_rd_kafka_commit_queue(client, offsets, answer_to, answer, opaque);
}

rd_kafka_error_t*
__real_rd_kafka_produceva(rd_kafka_t* client, const rd_kafka_vu_t* parts, size_t count);

rd_kafka_error_t*
__wrap_rd_kafka_produceva(rd_kafka_t* client, const rd_kafka_vu_t* parts, size_t count) {
    const auto fail = [&] {
        rd_kafka_test_fatal_error(client, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "test");
    };
    if (is_refused(failures_before_a_record))
        fail();
    auto* const refusal = __real_rd_kafka_produceva(client, parts, count);
    if (is_refused(failures_after_a_record))
        fail();
    return refusal;
}

rd_kafka_error_t* __wrap_rd_kafka_incremental_assign(
    rd_kafka_t* client,
    const rd_kafka_topic_partition_list_t* partitions
) {
    if (partitions->cnt == 0 || !is_refused(assigns_to_refuse))
        return __real_rd_kafka_incremental_assign(client, partitions);
    rd_kafka_topic_partition_list_t* const twice = rd_kafka_topic_partition_list_copy(partitions);
    rd_kafka_topic_partition_list_add(
        twice,
        partitions->elems[0].topic,
        partitions->elems[0].partition
    );
    auto* const refusal = __real_rd_kafka_incremental_assign(client, twice); // has a duplicate
    rd_kafka_topic_partition_list_destroy(twice);
    return refusal;
}

rd_kafka_error_t* __wrap_rd_kafka_incremental_unassign(
    rd_kafka_t* client,
    const rd_kafka_topic_partition_list_t* partitions
) {
    if (partitions->cnt == 0 || !is_refused(unassigns_to_refuse))
        return __real_rd_kafka_incremental_unassign(client, partitions);
    rd_kafka_topic_partition_list_t* const foreign = rd_kafka_topic_partition_list_copy(partitions);
    rd_kafka_topic_partition_list_add(foreign, "nobody.has.this", 0);
    auto* const refusal = __real_rd_kafka_incremental_unassign(client, foreign);
    rd_kafka_topic_partition_list_destroy(foreign);
    return refusal;
}

rd_kafka_resp_err_t
__wrap_rd_kafka_pause_partitions(rd_kafka_t* client, rd_kafka_topic_partition_list_t* partitions) {
    if (!is_refused(pauses_to_refuse))
        return __real_rd_kafka_pause_partitions(client, partitions);
    for (int i = 0; i < partitions->cnt; ++i)
        partitions->elems[i].err = RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t
__wrap_rd_kafka_resume_partitions(rd_kafka_t* client, rd_kafka_topic_partition_list_t* partitions) {
    if (!is_refused(resumes_to_refuse))
        return __real_rd_kafka_resume_partitions(client, partitions);
    for (int i = 0; i < partitions->cnt; ++i)
        partitions->elems[i].err = RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}
}
// NOLINTEND

namespace outbox::kafka {
namespace {

using namespace std::chrono_literals;
using harness::wait_until;

void wait_until_all_seen(const member& one, std::size_t count) {
    wait_until(
        [&] {
            const auto all = one.payloads();
            return std::set(all.begin(), all.end()).size() == count;
        },
        60s,
        std::to_string(count) + " different messages"
    );
}

TEST(refusal, partitions_that_could_not_be_taken_over_are_read_by_somebody) {
    send_numbers("refusal.assign", 40, 40);
    assigns_to_refuse = 2;
    member one{{.group = group_name{"assign"}, .subjects = {subject{"refusal.assign"}}}};
    wait_until_all_seen(one, 40);
    EXPECT_EQ(assigns_to_refuse, 0);
    wait_until_committed(one, "refusal.assign");
}

TEST(refusal, a_broadcast_goes_on_where_it_was) {
    send_numbers("refusal.broadcast", 40, 40);
    assigns_to_refuse = 1;
    member one{
        {.group = group_name{"broadcast"},
         .subjects = {subject{"refusal.broadcast"}},
         .audience = consume_audience::everyone}};
    wait_until_all_seen(one, 40);
    EXPECT_EQ(assigns_to_refuse, 0);
    EXPECT_EQ(one.seen().size(), 40U);
}

TEST(refusal, who_cannot_give_back_leaves) {
    send_numbers("refusal.unassign", 40, 40);
    const consumer_options what{
        .group = group_name{"unassign"},
        .subjects = {subject{"refusal.unassign"}}};
    member one{what};
    wait_until_all_seen(one, 40);
    unassigns_to_refuse = 1;
    member two{what};
    wait_until(
        [&] { return !one->progress().empty() && !two->progress().empty(); },
        60s,
        "both to have partitions"
    );
    EXPECT_EQ(unassigns_to_refuse, 0);
    mailbag more;
    for (int i = 100; i < 140; ++i)
        more.add("refusal.unassign", "k" + std::to_string(i), std::to_string(i));
    send(more);
    wait_until(
        [&] {
            auto all = one.payloads();
            std::ranges::copy(two.payloads(), std::back_inserter(all));
            return std::set(all.begin(), all.end()).size() == 80;
        },
        60s,
        "everything to arrive at one or the other"
    );
}

/// A member whose only partition must be paused and resumed: its key is held up.
void reads_on_after(std::atomic<int>& refusals, const std::string& name) {
    const std::string topic = "refusal." + name;
    send_numbers(topic, 30, 1);
    std::atomic<bool> let_go = false;
    member one{
        {.group = group_name::parse(name),
         .subjects = {subject::parse(topic)},
         .retries = {.delays = std::vector<std::chrono::milliseconds>(64, 50ms)},
         .prefetch_count_max = 8,
         .span_max = 4},
        [&](const delivery&) { return let_go ? outcome::ack() : outcome::unavailable("wait"); }};
    one.wait_for(1);
    if (&refusals == &pauses_to_refuse)
        wait_until([&] { return refusals == 0; }, 60s, "the pause");
    let_go = true;
    wait_until_all_seen(one, 30);
    EXPECT_EQ(refusals, 0);
    wait_until_committed(one, topic);
}

void dead_letters_arrive_after(std::atomic<int>& failures, const std::string& name) {
    const std::string topic = "refusal." + name;
    send_numbers(topic, 10, 10);
    failures = 2;
    member one{
        {.group = group_name::parse(name), .subjects = {subject::parse(topic)}},
        [](const delivery&) { return outcome::dead_letter("no"); }};
    static_cast<void>(wait_for_records(topic + "." + name + ".dlt", 10));
    wait_until_committed(one, topic);
    EXPECT_EQ(failures, 0);
    EXPECT_GE(one->stats().counts.dead_lettered, 10U);
}

TEST(refusal, a_producer_that_has_failed_is_replaced) {
    dead_letters_arrive_after(failures_before_a_record, "found_failed");
}

TEST(refusal, what_a_producer_that_fails_had_in_hand_is_sent_again) {
    dead_letters_arrive_after(failures_after_a_record, "left_failed");
}

TEST(refusal, a_pause_that_was_refused_stops_nothing) {
    pauses_to_refuse = 1;
    reads_on_after(pauses_to_refuse, "pause");
}

TEST(refusal, a_partition_that_could_not_be_resumed_is_read_by_somebody) {
    resumes_to_refuse = 2; // at the take-over, and then a paused one
    reads_on_after(resumes_to_refuse, "resume");
}

// While a client joins again it keeps its partitions, and if the group leaves them to it, it says
// nothing.
TEST(refusal, a_commit_refused_between_two_generations_is_repeated) {
    const std::string topic = "refusal.commit";
    send_numbers(topic, 40, 40);
    commits_to_refuse = 2;
    member one{{.group = group_name{"commit"}, .subjects = {subject::parse(topic)}}};
    wait_until_all_seen(one, 40);
    wait_until([&] { return commits_to_refuse == 0; }, 60s, "two commits to be refused");
    mailbag more;
    for (int i = 100; i < 140; ++i)
        more.add(topic, "k" + std::to_string(i), std::to_string(i));
    send(more);
    wait_until_all_seen(one, 80);
    wait_until_committed(one, topic);
    EXPECT_EQ(one->stats().counts.fenced_commits, 0U);
}

} // namespace
} // namespace outbox::kafka
