#pragma once
// What stands before the body of every request and response.
//
// A request header is v1 (key, version, correlation id, client id) or, in flexible versions, v2
// (the same and tagged fields; the client id stays in its old form). A response header is v0
// (correlation id) or v1 (and tagged fields), except that ApiVersions answers always carry v0: the
// client does not know yet what the broker speaks.

#include "wire/api_key.hpp"
#include "wire/reader.hpp"
#include "wire/writer.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace outbox::wire {

struct request_header {
    std::int16_t api_key = 0;
    std::int16_t version = 0;
    std::int32_t correlation_id = 0;
    std::optional<std::string> client_id{};

    bool operator==(const request_header&) const = default;
};

/// Key, version and correlation id: enough to know what to do with the rest.
inline constexpr std::size_t request_prefix_bytes = 8;

/// The first flexible version of an API; nothing when the key is not in wire/apis.hpp.
std::optional<std::int16_t> flexible_from(std::int16_t api_key) noexcept;

/// Reads a header. Failures are in `in`; an unknown key is the failure unknown_api. A version
/// beyond the announced ones is not a failure here: the caller knows what it serves.
request_header read_request_header(reader& in);
void write_request_header(writer& out, const request_header& header);

void read_response_header(
    reader& in,
    std::int16_t key,
    std::int16_t version,
    std::int32_t& correlation_id
);
void write_response_header(
    writer& out,
    std::int16_t key,
    std::int16_t version,
    std::int32_t correlation_id
);

} // namespace outbox::wire
