// What is made of records and offsets, without a broker.

#include "tools/trace/group_fate.hpp"
#include "tools/trace/message_copy.hpp"
#include "tools/trace_report.hpp"

#include <gmock/gmock.h>

namespace outbox::tools {
namespace {

const partition_place orders{"orders", 0};
const partition_place retries{"billing.retry.10s", 0};
const partition_place dead_letters{"orders.billing.dlt", 0};

record_headers marks(const std::string& group, int attempt) {
    return {{"outbox-group", group}, {"outbox-attempt", std::to_string(attempt)}};
}

message_copy delivered(std::int64_t offset, std::int64_t at_ms) {
    return read_copy(orders, offset, at_ms, {});
}
message_copy retry(std::int64_t offset, std::int64_t at_ms, int attempt) {
    return read_copy(retries, offset, at_ms, marks("billing", attempt));
}
message_copy dead_letter(std::int64_t offset, std::int64_t at_ms) {
    return read_copy(dead_letters, offset, at_ms, marks("billing", 17));
}

/// "GROUP FATE COPY", one for each group.
std::vector<std::string> judged(
    const std::vector<message_copy>& copies,
    const std::map<std::string, committed_offsets>& groups
) {
    std::vector<std::string> all;
    for (const group_fate& each : judge(copies, groups))
        all.push_back(each.group + " " + to_string(each.what) + " " + std::to_string(each.copy));
    return all;
}

using testing::ElementsAre;
using testing::IsEmpty;

TEST(group_fate, a_group_waits_until_it_has_committed_beyond) {
    const std::vector<message_copy> copies{delivered(7, 100)};
    EXPECT_THAT(judged(copies, {}), IsEmpty());
    EXPECT_THAT(judged(copies, {{"g", {{orders, 0}}}}), ElementsAre("g waiting 0"));
    EXPECT_THAT(judged(copies, {{"g", {{orders, 7}}}}), ElementsAre("g waiting 0"));
    EXPECT_THAT(judged(copies, {{"g", {{orders, 8}}}}), ElementsAre("g passed 0"));
    EXPECT_THAT(judged(copies, {{"g", {{{"orders", 1}, 8}}}}), IsEmpty()) << "another partition";
    EXPECT_EQ(judge(copies, {{"g", {{orders, 3}}}})[0].records_before, 4);
}

TEST(group_fate, each_group_has_a_fate_of_its_own) {
    EXPECT_THAT(
        judged(
            {delivered(7, 100), retry(0, 200, 1)},
            {{"audit", {{orders, 5}}}, {"billing", {{orders, 9}}}, {"shipping", {{orders, 8}}}}
        ),
        ElementsAre("audit waiting 0", "billing retrying 1", "shipping passed 0")
    );
}

TEST(group_fate, a_message_in_a_retry_topic_is_retried_until_it_is_passed_there) {
    const std::vector<message_copy> copies{delivered(7, 100), retry(3, 200, 1), retry(9, 300, 2)};
    const auto at = [&](std::int64_t next) {
        return judged(copies, {{"billing", {{orders, 8}, {retries, next}}}});
    };
    EXPECT_THAT(at(3), ElementsAre("billing retrying 2")) << "the last of them is the one";
    EXPECT_THAT(at(9), ElementsAre("billing retrying 2"));
    EXPECT_THAT(at(10), ElementsAre("billing passed 2"));
    EXPECT_THAT(judged(copies, {}), ElementsAre("billing retrying 2")) << "nothing committed yet";
}

TEST(group_fate, a_dead_letter_is_the_end_until_it_is_sent_anew) {
    const std::vector<message_copy> dead{delivered(7, 100), retry(3, 200, 1), dead_letter(0, 300)};
    const committed_offsets all_read{{orders, 100}, {retries, 100}};
    EXPECT_THAT(judged(dead, {{"billing", all_read}}), ElementsAre("billing dead 2"));

    std::vector<message_copy> anew = dead;
    anew.push_back(delivered(20, 400));
    EXPECT_THAT(judged(anew, {{"billing", all_read}}), ElementsAre("billing passed 3"));
    EXPECT_THAT(
        judged(anew, {{"billing", {{orders, 20}, {retries, 100}}}}),
        ElementsAre("billing waiting 3")
    );
    // What the relay sends again after a crash has the time of its row: it is the same delivery.
    std::vector<message_copy> twice = dead;
    twice.push_back(delivered(8, 100));
    EXPECT_THAT(judged(twice, {{"billing", all_read}}), ElementsAre("billing dead 2"));
}

TEST(group_fate, what_is_open_counts_before_what_is_over) {
    EXPECT_THAT(
        judged({delivered(7, 100), delivered(9, 100)}, {{"g", {{orders, 8}}}}),
        ElementsAre("g waiting 1")
    );
}

TEST(message_copy, a_record_tells_what_a_consumer_wrote_on_it) {
    record_headers headers = marks("billing", 3);
    headers.insert(
        headers.end(),
        {{"outbox-error", "old"}, {"outbox-error", "no bank"}, {"outbox-retry-at", "1700"}}
    );
    const message_copy copy = read_copy(retries, 5, 42, headers);
    EXPECT_EQ(copy.kind, copy_kind::retry);
    EXPECT_EQ(copy.group, "billing");
    EXPECT_EQ(copy.attempts, 3);
    EXPECT_EQ(copy.error, "no bank");
    EXPECT_EQ(copy.retry_at_ms, 1700);
    EXPECT_EQ(read_copy(dead_letters, 5, 42, headers).kind, copy_kind::dead_letter);
    EXPECT_EQ(read_copy(orders, 5, 42, headers).kind, copy_kind::delivered);
    EXPECT_EQ(read_copy({"other.retry.10s", 0}, 5, 42, headers).kind, copy_kind::delivered);
}

TEST(message_copy, marks_that_cannot_be_read_are_absent) {
    for (const std::string text : {"", "x", "1x", " 1", "99999999999999999999"}) {
        const message_copy copy = read_copy(
            retries,
            5,
            std::nullopt,
            {{"outbox-group", "billing"}, {"outbox-attempt", text}, {"outbox-retry-at", text}}
        );
        EXPECT_EQ(copy.attempts, std::nullopt) << text;
        EXPECT_EQ(copy.retry_at_ms, std::nullopt) << text;
    }
}

TEST(message_copy, the_first_id_of_a_record_counts) {
    const std::string text = "0190b3d4-0000-7000-8000-000000000001";
    EXPECT_EQ(
        id_of({{"x", "y"}, {"outbox-id", text}, {"outbox-id", "z"}}),
        message_id::parse(text)
    );
    EXPECT_EQ(id_of({{"outbox-id", "z"}}), std::nullopt);
    EXPECT_EQ(id_of({}), std::nullopt);
}

TEST(message_copy, only_some_topics_may_hold_a_message) {
    for (const char* topic : {"orders", "orders.billing.dlt", "billing.retry.10s", "a.retry.b"})
        EXPECT_TRUE(may_hold(topic, "orders")) << topic;
    for (const char* topic : {"orders.paid", "order", "ordersx.billing.dlt", "dlt", "orders.dlt.x"})
        EXPECT_FALSE(may_hold(topic, "orders")) << topic;
}

TEST(trace_report, what_others_wrote_moves_no_cursor_and_breaks_no_json) {
    trace_report told{.brokers = "b", .records = topic_search{}};
    record_headers headers = marks("bil\x1b[2Jling", 1);
    headers.emplace_back("outbox-error", "a\r\n\xff\x7f");
    headers.emplace_back("outbox-retry-at", "9223372036854775807");
    const std::string group = "bil\x1b[2Jling";
    told.records->copies.push_back(read_copy({group + ".retry.10s", 0}, 1, INT64_MAX, headers));
    told.groups = judge(told.records->copies, {});
    const std::string text = as_text(told);
    EXPECT_EQ(text.find_first_of("\x1b\r\x7f"), std::string::npos) << text;
    EXPECT_THAT(text, testing::HasSubstr("2255-"));
    EXPECT_THAT(as_json(told), testing::HasSubstr("\\u001b[2Jling"));
}

TEST(trace_report, what_groups_have_noted_is_told) {
    const time_point at = from_ms(1'700'000'000'000);
    trace_report told{.database = "shop", .rows = message_search{}};
    EXPECT_FALSE(told.is_found());
    EXPECT_THAT(as_text(told), testing::HasSubstr("what groups have noted here: an older outbox"));
    EXPECT_THAT(as_json(told), testing::HasSubstr("\"notes\": null"));
    told.rows->noted = {
        {.group = "billing", .kind = note_kind::applied, .at = at},
        {.group = "mail", .kind = note_kind::done, .at = at},
        {.group = "print",
         .kind = note_kind::held,
         .at = at,
         .lease_until = from_ms(1'700'000'030'000)},
        {.group = "fax",
         .kind = note_kind::left,
         .at = at,
         .lease_until = from_ms(1'700'000'030'000)}};
    EXPECT_TRUE(told.is_found());
    const std::string text = as_text(told);
    for (const char* line :
         {"  applied   by billing, 2023-11-14T22:13:20.000Z\n",
          "  done      by mail, 2023-11-14T22:13:20.000Z\n",
          "  held      by print, 2023-11-14T22:13:20.000Z, its lease runs until "
          "2023-11-14T22:13:50.000Z\n",
          "  left      by fax, 2023-11-14T22:13:20.000Z, its lease ended 2023-11-14T22:13:50.000Z: "
          "the next "
          "delivery takes it"})
        EXPECT_THAT(text, testing::HasSubstr(line));
    EXPECT_TRUE(told.is_complete());
    told.rows->noted_complete = false;
    EXPECT_FALSE(told.is_complete());
    EXPECT_THAT(as_text(told), testing::HasSubstr("what more than 500 groups have noted here"));
    EXPECT_THAT(as_json(told), testing::HasSubstr("\"notes_complete\": false"));
}

} // namespace
} // namespace outbox::tools
