#pragma once
// Where reading begins in partitions that were just given to us: where the group has come to, else
// where it was told to begin.

#include "outbox/consumer/record_source.hpp"

#include <librdkafka/rdkafka.h>

#include <string>

namespace outbox::kafka {

/// Fills in the offsets of `partitions`. Asks the cluster, for five seconds at most each time;
/// false, with `trouble`: it did not answer. Throws outbox::error (rejected) when there must be
/// progress and there is none.
bool find_start(
    rd_kafka_t* client,
    const subscription& what,
    rd_kafka_topic_partition_list_t& partitions,
    std::string& trouble
);

} // namespace outbox::kafka
