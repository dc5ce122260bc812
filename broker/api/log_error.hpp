#pragma once
// From the log's words to the protocol's.

#include "broker/log/errc.hpp"
#include "wire/error_code.hpp"

#include <system_error>

namespace outbox::broker {

inline wire::error_code to_error_code(std::error_code ec) noexcept {
    using wire::error_code;
    if (!ec)
        return error_code::none;
    if (ec.category() != log_category())
        return error_code::kafka_storage_error;
    switch (static_cast<log_errc>(ec.value())) {
    case log_errc::offset_out_of_range:
        return error_code::offset_out_of_range;
    case log_errc::malformed_batch:
        return error_code::corrupt_message;
    case log_errc::batch_too_large:
        return error_code::message_too_large;
    case log_errc::out_of_order_sequence:
        return error_code::out_of_order_sequence_number;
    case log_errc::invalid_producer_epoch:
        return error_code::invalid_producer_epoch;
    case log_errc::no_space:
    case log_errc::read_only:
    case log_errc::quarantined:
    case log_errc::corrupt_data:
    case log_errc::metadata_failed:
        return error_code::kafka_storage_error;
    case log_errc::closed:
    case log_errc::unknown_topic:
        return error_code::unknown_topic_or_partition;
    case log_errc::invalid_topic_name:
        return error_code::invalid_topic_exception;
    case log_errc::topic_exists:
        return error_code::topic_already_exists;
    case log_errc::invalid_partition_count:
        return error_code::invalid_partitions;
    case log_errc::invalid_config:
        return error_code::invalid_config;
    }
    return error_code::unknown_server_error;
}

} // namespace outbox::broker
