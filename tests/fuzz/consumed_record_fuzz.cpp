// Any record, from any producer, in a subject's topic or in a retry topic: it is a message or it
// says why not, and what a consumer writes about it can be read again.

#include "outbox/base/error.hpp"
#include "outbox/consumer/outcome.hpp"
#include "outbox/consumer/received_body.hpp"
#include "outbox/consumer/record_marks.hpp"
#include "outbox/consumer/record_reading.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

using namespace outbox;

/// Takes the input apart: pieces with one byte of length in front.
class pieces {
public:
    explicit pieces(bytes_view all) : left_(all) {}
    bool more() const { return !left_.empty(); }
    bytes_view next() {
        if (left_.empty())
            return {};
        const auto size =
            std::min<std::size_t>(static_cast<unsigned char>(left_[0]), left_.size() - 1);
        const auto piece = left_.substr(1, size);
        left_.remove_prefix(1 + size);
        return piece;
    }

private:
    bytes_view left_;
};

/// Names that mean something, so that the fuzzer needs not find them.
constexpr std::string_view names[] = {
    header_name::message_id,
    header_name::tag,
    header_name::content_type,
    header_name::attempt,
    header_name::error,
    header_name::group,
    header_name::failed_at,
    header_name::retry_at,
    header_name::origin_topic,
    header_name::origin_partition,
    header_name::origin_offset,
    header_name::origin_timestamp,
};

void check(bool holds) {
    if (!holds)
        std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    pieces in{{reinterpret_cast<const char*>(data), size}};
    record from;
    from.key = in.next();
    from.value = in.next();
    while (in.more()) {
        const auto name = in.next();
        const auto value = in.next();
        const auto known = name.size() == 1 ? static_cast<unsigned char>(name[0]) : 255U;
        from.headers.push_back(
            {std::string{known < std::size(names) ? names[known] : name},
             name.size() == 2 ? std::nullopt : std::optional{bytes{value}}}
        );
    }
    for (const auto role : {topic_role::subject, topic_role::retry}) {
        const record_position at{"t", 1, 2};
        const auto read = read_record(from, at, role);
        check(read.message.has_value() == read.why.empty());
        if (!read.message)
            continue;
        check(read.message->attempt >= 1);
        check(!read.message->id.is_nil());
        const record_marks marks{
            .attempts_made = read.message->attempt,
            .reason = read.message->last_failure.substr(0, failure_reason_bytes_max),
            .group = "g",
            .failed_at_ms = 1,
            .retry_at_ms = read.retry_at_ms,
            .origin = read.message->origin,
            .origin_timestamp_ms = 5};
        const auto sent = mark(from, "g.retry.10s", marks, read.message->id);
        const record again{.key = sent.key, .value = sent.value, .headers = sent.headers};
        if (marks.attempts_made <= 1'000'000)
            check(read_marks(again) == marks);
        const auto second = read_record(again, {"g.retry.10s", 0, 9}, topic_role::retry);
        if (second.message) {
            check(second.message->id == read.message->id);
            check(second.message->payload == read.message->payload);
            check(second.message->tags == read.message->tags);
        }
        try {
            (void)read.message->body().has("a");
        } catch (const error&) {
        }
    }
    return 0;
}
