#pragma once
// The trace that a message belongs to: the headers `traceparent` and `tracestate` of W3C Trace
// Context (https://www.w3.org/TR/trace-context/), which OpenTelemetry and others write and read.
//
//   out.send({.to = order_paid, .body = …, .trace = trace_context::parse(request["traceparent"])});
//   out.send({.to = next, .body = …, .trace = d.trace()});       // in a handler: carry it on
//
// Outbox is a carrier: it makes no spans and changes no ids. What cannot be read is no trace, as
// the specification demands (§3.2.2.3, §3.3.1.1): a stranger's header never fails a transaction.

#include "outbox/message/header.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace outbox {

namespace header_name {
inline constexpr std::string_view trace_parent = "traceparent";
inline constexpr std::string_view trace_state = "tracestate";
} // namespace header_name

class trace_context {
public:
    /// Nothing when `parent` is not a valid `traceparent`. A `state` that is not valid is left out
    /// (§3.3.1.1). Of a version that is yet to come the known part is kept, as version 00 (§4).
    static std::optional<trace_context> parse(std::string_view parent, std::string_view state = {});

    /// The value of `traceparent`, 55 characters of version 00.
    const std::string& parent() const noexcept { return parent_; }
    /// The value of `tracestate` without blanks between its members; empty for none. At most 32
    /// members of 513 bytes.
    const std::string& state() const noexcept { return state_; }
    /// 32 hexadecimal digits: by these a trace is looked up. Valid as long as this object.
    std::string_view trace_id() const noexcept { return std::string_view{parent_}.substr(3, 32); }
    /// 16 hexadecimal digits: the span that sent. Valid as long as this object.
    std::string_view parent_id() const noexcept { return std::string_view{parent_}.substr(36, 16); }
    /// Whether the sender may have recorded it.
    bool sampled() const noexcept;

    bool operator==(const trace_context&) const = default;

private:
    trace_context(std::string parent, std::string state);

    std::string parent_;
    std::string state_;
};

/// What the headers of a message say. Nothing without a `traceparent`, with an invalid one, or with
/// two; several `tracestate` count as one list, in their order (§3.3.1).
std::optional<trace_context> find_trace(const headers& all);

} // namespace outbox
