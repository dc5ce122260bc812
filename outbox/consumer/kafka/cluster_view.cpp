#include "outbox/consumer/kafka/cluster_view.hpp"

#include "outbox/base/error.hpp"

#include <algorithm>
#include <memory>

namespace outbox::kafka {

using std::chrono::milliseconds;

namespace {

struct metadata_deleter {
    void operator()(const rd_kafka_metadata_t* all) const noexcept {
        rd_kafka_metadata_destroy(all);
    }
};

using metadata_ptr = std::unique_ptr<const rd_kafka_metadata_t, metadata_deleter>;

} // namespace

int as_int(milliseconds wait) {
    return static_cast<int>(std::clamp<std::int64_t>(wait.count(), 0, 60'000));
}

void cluster_view::give_up(rd_kafka_resp_err_t code) const {
    throw error{
        error_kind::unreachable,
        "Kafka at " + brokers_ + ": " + rd_kafka_err2str(code),
        "is it running, and is the address right?"};
}

std::vector<std::string> cluster_view::topics(milliseconds patience) const {
    const rd_kafka_metadata_t* raw = nullptr;
    if (const auto code = rd_kafka_metadata(client_, 1, nullptr, &raw, as_int(patience)))
        give_up(code);
    const metadata_ptr metadata{raw};
    std::vector<std::string> names;
    for (int i = 0; i < metadata->topic_cnt; ++i)
        names.emplace_back(metadata->topics[i].topic);
    return names;
}

std::vector<std::pair<std::string, std::int32_t>>
cluster_view::partitions_of(const std::vector<std::string>& topics, milliseconds patience) const {
    std::vector<std::pair<std::string, std::int32_t>> all;
    for (const auto& topic : topics) {
        rd_kafka_topic_t* const handle = rd_kafka_topic_new(client_, topic.c_str(), nullptr);
        const rd_kafka_metadata_t* raw = nullptr;
        const auto code = rd_kafka_metadata(client_, 0, handle, &raw, as_int(patience));
        rd_kafka_topic_destroy(handle);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            give_up(code);
        const metadata_ptr metadata{raw};
        for (int i = 0; i < metadata->topic_cnt; ++i) {
            for (int p = 0; p < metadata->topics[i].partition_cnt; ++p)
                all.emplace_back(topic, metadata->topics[i].partitions[p].id);
        }
    }
    return all;
}

} // namespace outbox::kafka
