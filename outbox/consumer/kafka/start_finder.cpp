#include "outbox/consumer/kafka/start_finder.hpp"

#include "outbox/base/error.hpp"
#include "outbox/consumer/kafka/assignment_book.hpp"
#include "outbox/consumer/kafka/cluster_view.hpp"
#include "outbox/consumer/record_marks.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace outbox::kafka {

using std::chrono::milliseconds;

namespace {

/// For a partition in which nothing is committed.
bool find_start_of(
    rd_kafka_t* client,
    const subscription& what,
    rd_kafka_topic_partition_t& partition,
    std::string& trouble
) {
    const bool own =
        std::find(what.topics.begin(), what.topics.end(), partition.topic) == what.topics.end();
    const auto where = own ? start_point::kind::first : what.start.where();
    if (where == start_point::kind::first) {
        partition.offset = RD_KAFKA_OFFSET_BEGINNING;
        return true;
    }
    if (where == start_point::kind::stored)
        throw error{
            error_kind::rejected,
            "group " + what.group.text() + " has no progress in " + partition.topic + "/" +
                std::to_string(partition.partition),
            "it was to begin with start_point::stored(); choose another start, or set its offsets"};
    const auto list = make_list();
    auto* const found =
        rd_kafka_topic_partition_list_add(list.get(), partition.topic, partition.partition);
    if (where == start_point::kind::time) {
        found->offset =
            std::chrono::duration_cast<milliseconds>(what.start.when().time_since_epoch()).count();
        if (const auto code =
                rd_kafka_offsets_for_times(client, list.get(), as_int(question_patience))) {
            trouble = rd_kafka_err2str(code);
            return false;
        }
        if (found->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            trouble = rd_kafka_err2str(found->err);
            return false;
        }
    }
    if (where == start_point::kind::last || found->offset < 0) { // nothing is as young
        std::int64_t first = 0;
        std::int64_t last = 0;
        if (const auto code = rd_kafka_query_watermark_offsets(
                client,
                partition.topic,
                partition.partition,
                &first,
                &last,
                as_int(question_patience)
            )) {
            trouble = rd_kafka_err2str(code);
            return false;
        }
        found->offset = last;
    }
    // Recorded now: else a restart before the first commit would begin elsewhere and miss what came
    // in between.
    if (!what.broadcast) {
        if (const auto code = rd_kafka_commit(client, list.get(), 0)) {
            trouble = rd_kafka_err2str(code);
            return false;
        }
    }
    partition.offset = found->offset;
    return true;
}

} // namespace

bool find_start(
    rd_kafka_t* client,
    const subscription& what,
    rd_kafka_topic_partition_list_t& partitions,
    std::string& trouble
) {
    if (!what.broadcast) {
        if (const auto code = rd_kafka_committed(client, &partitions, as_int(question_patience))) {
            trouble = rd_kafka_err2str(code);
            return false;
        }
    }
    for (int i = 0; i < partitions.cnt; ++i) {
        auto& each = partitions.elems[i];
        if (each.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            trouble = rd_kafka_err2str(each.err);
            return false;
        }
        if (each.offset < 0 && !find_start_of(client, what, each, trouble))
            return false;
    }
    return true;
}

} // namespace outbox::kafka
