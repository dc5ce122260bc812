#pragma once
// Which partitions are ours now, under which handle, and how far each was read.

#include "outbox/consumer/consumer_machine.hpp"

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace outbox::kafka {

struct list_deleter {
    void operator()(rd_kafka_topic_partition_list_t* list) const noexcept {
        rd_kafka_topic_partition_list_destroy(list);
    }
};
using partition_list = std::unique_ptr<rd_kafka_topic_partition_list_t, list_deleter>;

inline partition_list make_list(int size = 1) {
    return partition_list{rd_kafka_topic_partition_list_new(size)};
}

struct assigned_partition {
    partition_handle handle = 0;
    std::string topic{};
    std::int32_t number = 0;
    /// As librdkafka was told: an offset, or one of its words for a place.
    std::int64_t begins_at = 0;
    /// What is below was told already: a broker or a client that repeats itself is not believed.
    std::int64_t next_offset = 0;
    /// Messages are parked here, and the end was not seen yet.
    bool catches_up = false;
};

class assignment_book {
public:
    assigned_partition& add(const std::string& topic, std::int32_t number);
    void remove(partition_handle handle);
    void clear();

    /// Null: not ours.
    const assigned_partition* find(partition_handle handle) const;
    assigned_partition* find(const std::string& topic, std::int32_t number);
    /// The same for a message, without looking at the name each time.
    assigned_partition* home_of(const rd_kafka_message_t& message);

    std::vector<partition_handle> all() const;

private:
    using name = std::pair<std::string, std::int32_t>;

    std::map<partition_handle, assigned_partition> partitions_;
    std::map<name, partition_handle> by_name_;
    partition_handle last_handle_ = 0;
    const rd_kafka_topic_t* last_topic_ = nullptr;
    std::int32_t last_number_ = -1;
    assigned_partition* last_ = nullptr;
};

} // namespace outbox::kafka
