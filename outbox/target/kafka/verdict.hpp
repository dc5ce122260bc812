#pragma once
// What an error of librdkafka or of a broker says about one message.

namespace outbox::kafka {

enum class verdict {
    delivered,
    /// The way is broken, or nobody knows. Not the message's fault.
    lost,
    /// The topic refuses everything that is sent to it: its name, its absence, our rights.
    address_refused,
    /// A whole batch was refused because of something in it. Which message it was shows only when
    /// they are sent alone.
    content_refused,
};

/// `code` is an rd_kafka_resp_err_t; what is not known here is `lost`, because a retry harms less
/// than a parked message.
verdict judge(int code) noexcept;

} // namespace outbox::kafka
