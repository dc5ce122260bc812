#include "outbox/message/envelope.hpp"

#include "outbox/base/error.hpp"
#include "outbox/message/codec.hpp"

namespace outbox {
namespace {

bool is_of_trace(std::string_view name) noexcept {
    return name == header_name::trace_parent || name == header_name::trace_state;
}

} // namespace

envelope freeze(const message& m, message_id id, const message_limits& limits) {
    if (m.to.text().size() > limits.subject_bytes_max)
        throw error(
            error_kind::invalid_argument,
            "the subject " + m.to.text() + " has " + std::to_string(m.to.text().size()) + " bytes",
            "this target takes " + std::to_string(limits.subject_bytes_max) +
                "; choose a shorter name"
        );
    if (m.tags.size() > limits.tag_count_max)
        throw error(
            error_kind::invalid_argument,
            "a message to " + m.to.text() + " has " + std::to_string(m.tags.size()) + " tags",
            "at most " + std::to_string(limits.tag_count_max) + " are allowed"
        );
    headers all;
    if (!m.body.content_type().empty())
        all.push_back({std::string{header_name::content_type}, m.body.content_type()});
    for (const tag& t : m.tags)
        all.push_back({std::string{header_name::tag}, t.text()});
    for (const header& property : m.properties) {
        if (property.name.starts_with(header_name::reserved_prefix))
            throw error(
                error_kind::invalid_argument,
                "property \"" + property.name + "\" of a message to " + m.to.text(),
                "names beginning with \"outbox-\" belong to the library; choose another"
            );
        if (!m.trace || !is_of_trace(property.name))
            all.push_back(property);
    }
    if (m.trace)
        all.push_back({std::string{header_name::trace_parent}, m.trace->parent()});
    if (m.trace && !m.trace->state().empty())
        all.push_back({std::string{header_name::trace_state}, m.trace->state()});

    envelope frozen{
        .id = id,
        .subject = m.to.text(),
        .key = m.key ? std::optional{m.key->bytes()} : std::nullopt,
        .headers = encode_headers(all),
        .payload = m.body.payload(),
        .deliver = m.deliver,
    };
    const std::size_t size =
        (frozen.key ? frozen.key->size() : 0) + frozen.headers.size() + frozen.payload.size();
    if (size > limits.message_bytes_max)
        throw error(
            error_kind::invalid_argument,
            "a message to " + frozen.subject + " has " + std::to_string(size) +
                " bytes, the limit is " + std::to_string(limits.message_bytes_max),
            "send a reference to the data instead, or raise message_bytes_max here and the "
            "broker's "
            "message.max.bytes"
        );
    return frozen;
}

} // namespace outbox
