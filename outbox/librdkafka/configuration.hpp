#pragma once
// A configuration of librdkafka on its way to a client.

#include <librdkafka/rdkafka.h>

#include <concepts>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace outbox::kafka {

class configuration {
public:
    /// `whose` begins the errors, such as "Kafka target".
    explicit configuration(std::string whose)
        : whose_(std::move(whose))
        , handle_(rd_kafka_conf_new()) {}
    ~configuration();
    configuration(const configuration&) = delete;
    configuration& operator=(const configuration&) = delete;

    /// Throws outbox::error (invalid_argument) with librdkafka's own words.
    void set(const std::string& name, const std::string& value);
    void set(const std::string& name, std::integral auto value) {
        set(name, std::to_string(value));
    }
    /// What a user wants, except for what is ours. Throws as set() does, and when one of `refused`
    /// is among them.
    void set_all(
        const std::map<std::string, std::string>& properties,
        std::span<const std::string_view> refused
    );

    rd_kafka_conf_t* get() noexcept { return handle_; }
    /// A client with this configuration, which is used up; the caller destroys it. Throws
    /// outbox::error (invalid_argument) when the properties do not fit each other.
    rd_kafka_t* make(rd_kafka_type_t type);

private:
    std::string whose_;
    rd_kafka_conf_t* handle_;
};

} // namespace outbox::kafka
