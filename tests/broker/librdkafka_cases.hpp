#pragma once
// Which of librdkafka's own tests outbox-broker must pass, by name, and which not, and why. The
// second list shrinks.
//
// A test of theirs is a number; most have sub-tests, named "function: variation". What runs in a
// process of its own is a `suite_run`; it passes when every one of its cases is reported as passed
// and none that is not listed is reported at all.
//
// None runs in the quick mode of their runner (-Q): in it 0018 and most of 0113 report that they
// have passed without having done anything. One of them by hand, against a broker that listens
// where test.conf says:
//
//   echo metadata.broker.list=127.0.0.1:9092 > test.conf
//   TESTS=0113 SUBTESTS=x_incremental build/librdkafka/source/tests/test-runner -p1 -E -L

#include <string>
#include <vector>

namespace outbox::broker::test {

struct suite_run {
    std::string test = {};
    /// Only the sub-tests whose name contains this; empty: the whole test.
    std::string only = {};
    /// Empty: the test has no sub-tests.
    std::vector<std::string> cases = {};
};

inline const std::vector<suite_run> must_pass{
    // Members leave while others read; what one had is read by the other.
    {.test = "0018",
     .only = {},
     .cases = {"do_test: with_queue=false", "do_test: with_queue=true"}},
    // Two members with a thread for each partition.
    {.test = "0056"},
    // Who does not poll is put out of the group, and comes back.
    {.test = "0091",
     .only = {},
     .cases =
         {"Test max.poll.interval.ms with subscribe()",
          "Test max.poll.interval.ms with assign()",
          "Test max.poll.interval.ms without calling poll"}},
    // Static members: restarts without a rebalance, expiry, fencing.
    {.test = "0102", .only = "static_group_rebalance", .cases = {"do_test_static_group_rebalance"}},
    {.test = "0102", .only = "fenced_member", .cases = {"do_test_fenced_member"}},
    // Partitions are added to a topic that is written, one that is read, one of which a member was
    // assigned more than there were.
    {.test = "0044"},
    {.test = "0069"},
    {.test = "0112"},
    // The text beside an offset comes back; offsets of partitions that are not assigned.
    {.test = "0099"},
    {.test = "0130", .only = {}, .cases = {"do_test_store_unassigned"}},
    // Cooperative rebalances.
    {.test = "0113", .only = "a_assign", .cases = {"a_assign_tests"}},
    {.test = "0113", .only = "b_subscribe", .cases = {"b_subscribe_with_cb_test"}},
    {.test = "0113", .only = "c_subscribe", .cases = {"c_subscribe_no_cb_test"}},
    {.test = "0113", .only = "d_change", .cases = {"d_change_subscription_add_topic"}},
    {.test = "0113", .only = "e_change", .cases = {"e_change_subscription_remove_topic"}},
    {.test = "0113", .only = "f_assign", .cases = {"f_assign_call_cooperative"}},
    {.test = "0113", .only = "g_incremental", .cases = {"g_incremental_assign_call_eager"}},
    {.test = "0113", .only = "k_add_partition", .cases = {"k_add_partition"}},
    {.test = "0113", .only = "l_unsubscribe", .cases = {"l_unsubscribe"}},
    {.test = "0113", .only = "m_unsubscribe_2", .cases = {"m_unsubscribe_2"}},
    {.test = "0113",
     .only = "s_subscribe",
     .cases =
         {"s_subscribe_when_rebalancing: variation 1",
          "s_subscribe_when_rebalancing: variation 2",
          "s_subscribe_when_rebalancing: variation 3",
          "s_subscribe_when_rebalancing: variation 4",
          "s_subscribe_when_rebalancing: variation 5",
          "s_subscribe_when_rebalancing: variation 6"}},
    {.test = "0113",
     .only = "t_max_poll",
     .cases =
         {"t_max_poll_interval_exceeded: variation 1",
          "t_max_poll_interval_exceeded: variation 2"}},
    {.test = "0113",
     .only = "v_commit",
     .cases =
         {"v_commit_during_rebalance: With rebalance callback and auto-commit",
          "v_commit_during_rebalance: Without rebalance callback and auto-commit",
          "v_commit_during_rebalance: With rebalance callback and manual-commit"}},
    {.test = "0113", .only = "x_incremental", .cases = {"x_incremental_rebalances"}},
    // A commit while the group rebalances.
    {.test = "0118"},
    // Which assignor a group agrees on.
    {.test = "0132",
     .only = {},
     .cases =
         {"do_test_stragety_ordering: partition.assignment.strategy = roundrobin,range",
          "do_test_stragety_ordering: partition.assignment.strategy = range,roundrobin"}},
};

struct left_out {
    std::string test = {};
    std::string only = {};
    std::string why = {};
};

inline const std::vector<left_out> not_required{
    {"0113",
     "h_delete_topic",
     "the client does not come to its end, with Apache Kafka 3.9.2 neither"},
    {"0113", "i_delete_topic_2", "as h_delete_topic"},
    {"0113", "j_delete_topic_no_rb_callback", "as h_delete_topic"},
    {"0113",
     "n_wildcard",
     "deletes a topic, and ends as h_delete_topic does, with Apache Kafka too"},
    {"0113", "o_java_interop", "needs their own Java program, built and in KAFKA_PATH"},
    {"0113",
     "u_multiple_subscription_changes",
     "takes five minutes, and librdkafka 2.0.2 crashes in it now and then, with Apache Kafka too; "
     "by hand: six of six"},
};

} // namespace outbox::broker::test
