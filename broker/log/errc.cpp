#include "broker/log/errc.hpp"

#include <string>

namespace outbox::broker {
namespace {

class log_category_type final : public std::error_category {
public:
    const char* name() const noexcept override { return "broker.log"; }

    std::string message(int code) const override {
        switch (static_cast<log_errc>(code)) {
        case log_errc::offset_out_of_range:
            return "the offset is outside the log";
        case log_errc::malformed_batch:
            return "not exactly one whole record batch";
        case log_errc::batch_too_large:
            return "the batch is larger than a segment";
        case log_errc::out_of_order_sequence:
            return "the producer's sequence number is out of order";
        case log_errc::invalid_producer_epoch:
            return "the producer's epoch is old";
        case log_errc::no_space:
            return "the disk is full";
        case log_errc::read_only:
            return "the partition is read-only after a disk error; restart the broker once the "
                   "disk is sound";
        case log_errc::quarantined:
            return "the partition is quarantined because acknowledged data is damaged; restore it "
                   "or delete the topic";
        case log_errc::corrupt_data:
            return "the data at this offset is damaged";
        case log_errc::closed:
            return "the log is closed";
        case log_errc::invalid_topic_name:
            return "a topic name is 1 to 249 of [A-Za-z0-9._-] and neither \".\" nor \"..\"";
        case log_errc::topic_exists:
            return "the topic exists";
        case log_errc::unknown_topic:
            return "no such topic";
        case log_errc::invalid_partition_count:
            return "the number of partitions is out of range";
        case log_errc::invalid_config:
            return "a configuration value cannot be honoured";
        case log_errc::metadata_failed:
            return "a metadata write failed; restart the broker once the disk is sound";
        }
        return "unknown";
    }
};

} // namespace

const std::error_category& log_category() noexcept {
    static const log_category_type category;
    return category;
}

bool is_lack_of_space(std::error_code ec) noexcept {
    return ec == std::errc::no_space_on_device ||
           ec == std::error_code{EDQUOT, std::generic_category()};
}

} // namespace outbox::broker
