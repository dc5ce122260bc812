#include "outbox/consumer/kafka/assignment_book.hpp"

namespace outbox::kafka {

assigned_partition& assignment_book::add(const std::string& topic, std::int32_t number) {
    last_ = nullptr;
    const auto handle = ++last_handle_;
    by_name_[{topic, number}] = handle;
    return partitions_[handle] = {.handle = handle, .topic = topic, .number = number};
}

void assignment_book::remove(partition_handle handle) {
    last_ = nullptr;
    const auto found = partitions_.find(handle);
    if (found == partitions_.end())
        return;
    const auto named = by_name_.find({found->second.topic, found->second.number});
    if (named != by_name_.end() && named->second == handle)
        by_name_.erase(named);
    partitions_.erase(found);
}

void assignment_book::clear() {
    last_ = nullptr;
    partitions_.clear();
    by_name_.clear();
}

const assigned_partition* assignment_book::find(partition_handle handle) const {
    const auto found = partitions_.find(handle);
    return found == partitions_.end() ? nullptr : &found->second;
}

assigned_partition* assignment_book::find(const std::string& topic, std::int32_t number) {
    const auto found = by_name_.find({topic, number});
    return found == by_name_.end() ? nullptr : &partitions_.at(found->second);
}

assigned_partition* assignment_book::home_of(const rd_kafka_message_t& message) {
    if (last_ == nullptr || message.rkt != last_topic_ || message.partition != last_number_) {
        last_ = find(rd_kafka_topic_name(message.rkt), message.partition);
        last_topic_ = message.rkt;
        last_number_ = message.partition;
    }
    return last_;
}

std::vector<partition_handle> assignment_book::all() const {
    std::vector<partition_handle> handles;
    for (const auto& [handle, each] : partitions_)
        handles.push_back(handle);
    return handles;
}

} // namespace outbox::kafka
