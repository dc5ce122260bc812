#pragma once
// What a cluster has, asked of the cluster: topics, and their partitions.

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace outbox::kafka {

/// The longest wait that librdkafka takes is an int of milliseconds; a minute is as good.
int as_int(std::chrono::milliseconds wait);

/// Questions are asked while heartbeats go on; one that is not answered is asked again later.
inline constexpr std::chrono::milliseconds question_patience{5'000};
inline constexpr std::chrono::milliseconds question_pause{500};

class cluster_view {
public:
    /// `client` must outlive this; `brokers` is for errors.
    cluster_view(rd_kafka_t* client, std::string brokers)
        : client_(client)
        , brokers_(std::move(brokers)) {}

    /// All topics. Throws outbox::error (unreachable) when `patience` is over.
    std::vector<std::string> topics(std::chrono::milliseconds patience) const;
    /// All partitions of these. Throws as topics() does; one that is not there has none.
    std::vector<std::pair<std::string, std::int32_t>>
    partitions_of(const std::vector<std::string>& topics, std::chrono::milliseconds patience) const;

private:
    [[noreturn]] void give_up(rd_kafka_resp_err_t code) const;

    rd_kafka_t* client_;
    std::string brokers_;
};

} // namespace outbox::kafka
