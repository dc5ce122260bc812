#include "outbox/consumer/kafka/record_copy.hpp"

#include "outbox/base/bytes.hpp"

#include <memory>
#include <optional>
#include <utility>

namespace outbox::kafka {

record copy_record(const rd_kafka_message_t& message) {
    const bytes_view its_key{
        static_cast<const char*>(message.key),
        message.key != nullptr ? message.key_len : 0};
    const bytes_view its_value{
        static_cast<const char*>(message.payload),
        message.payload != nullptr ? message.len : 0};
    bytes both;
    both.reserve(its_key.size() + its_value.size());
    both.append(its_key).append(its_value);
    auto keeper = std::make_shared<const bytes>(std::move(both));
    const bytes_view kept{*keeper};

    record made{.offset = message.offset};
    made.timestamp_ms = rd_kafka_message_timestamp(&message, nullptr);
    if (message.key != nullptr)
        made.key = kept.substr(0, its_key.size());
    if (message.payload != nullptr)
        made.value = kept.substr(its_key.size());
    rd_kafka_headers_t* headers = nullptr;
    const auto code = rd_kafka_message_headers(&message, &headers);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char* name = nullptr;
        const void* value = nullptr;
        std::size_t size = 0;
        made.headers.reserve(rd_kafka_header_cnt(headers));
        for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) ==
                                RD_KAFKA_RESP_ERR_NO_ERROR;
             ++i)
            made.headers.push_back(
                {name,
                 value == nullptr ? std::nullopt
                                  : std::optional{bytes{static_cast<const char*>(value), size}}}
            );
    } else
        made.headers_unreadable = code != RD_KAFKA_RESP_ERR__NOENT;
    made.keeper = std::move(keeper);
    return made;
}

} // namespace outbox::kafka
