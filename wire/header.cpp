#include "wire/header.hpp"

#include "wire/apis.hpp"

namespace outbox::wire {

namespace {

bool is_flexible(std::int16_t key, std::int16_t version) noexcept {
    const auto from = flexible_from(key);
    return from && version >= *from;
}

bool response_has_tags(std::int16_t key, std::int16_t version) noexcept {
    return key != static_cast<std::int16_t>(api_key::api_versions) && is_flexible(key, version);
}

} // namespace

std::optional<std::int16_t> flexible_from(std::int16_t key) noexcept {
    std::optional<std::int16_t> found;
    all_apis::for_each([&]<class Api>() {
        if (static_cast<std::int16_t>(Api::key) == key)
            found = Api::flexible_from;
    });
    return found;
}

request_header read_request_header(reader& in) {
    request_header header;
    in.enter("request header");
    header.api_key = in.int16();
    header.version = in.int16();
    header.correlation_id = in.int32();
    if (in.ok() && !flexible_from(header.api_key)) {
        in.fail(decode_error::unknown_api);
        return header;
    }
    const std::int16_t length = in.int16();
    if (length < -1)
        in.fail(decode_error::bad_length);
    else if (length >= 0)
        header.client_id = in.take(static_cast<std::size_t>(length));
    if (is_flexible(header.api_key, header.version))
        in.skip_tagged_fields();
    return header;
}

void write_request_header(writer& out, const request_header& header) {
    out.int16(header.api_key);
    out.int16(header.version);
    out.int32(header.correlation_id);
    if (header.client_id) {
        out.int16(static_cast<std::int16_t>(header.client_id->size()));
        out.raw(*header.client_id);
    } else {
        out.int16(-1);
    }
    if (is_flexible(header.api_key, header.version))
        out.uvarint(0);
}

void read_response_header(
    reader& in,
    std::int16_t key,
    std::int16_t version,
    std::int32_t& correlation_id
) {
    in.enter("response header");
    correlation_id = in.int32();
    if (response_has_tags(key, version))
        in.skip_tagged_fields();
}

void write_response_header(
    writer& out,
    std::int16_t key,
    std::int16_t version,
    std::int32_t correlation_id
) {
    out.int32(correlation_id);
    if (response_has_tags(key, version))
        out.uvarint(0);
}

} // namespace outbox::wire
