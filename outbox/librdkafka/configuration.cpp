#include "outbox/librdkafka/configuration.hpp"

#include "outbox/base/error.hpp"

#include <algorithm>
#include <array>

namespace outbox::kafka {

configuration::~configuration() {
    if (handle_ != nullptr)
        rd_kafka_conf_destroy(handle_);
}

void configuration::set(const std::string& name, const std::string& value) {
    std::array<char, 512> words{};
    if (rd_kafka_conf_set(handle_, name.c_str(), value.c_str(), words.data(), words.size()) !=
        RD_KAFKA_CONF_OK)
        throw error{
            error_kind::invalid_argument,
            whose_ + ": " + std::string{words.data()},
            "the names are those of librdkafka's CONFIGURATION.md"};
}

void configuration::set_all(
    const std::map<std::string, std::string>& properties,
    std::span<const std::string_view> refused
) {
    for (const auto& [name, value] : properties) {
        if (std::find(refused.begin(), refused.end(), name) != refused.end())
            throw error{
                error_kind::invalid_argument,
                whose_ + ": the property " + name + " is our own",
                "what is promised rests on it; leave it out"};
        set(name, value);
    }
}

rd_kafka_t* configuration::make(rd_kafka_type_t type) {
    std::array<char, 512> words{};
    rd_kafka_t* const made = rd_kafka_new(type, handle_, words.data(), words.size());
    if (made == nullptr)
        throw error{error_kind::invalid_argument, whose_ + ": " + std::string{words.data()}};
    handle_ = nullptr; // the client owns it now
    return made;
}

} // namespace outbox::kafka
