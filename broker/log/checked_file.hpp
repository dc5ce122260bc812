#pragma once
// A small file that is replaced as a whole and never half: written beside its name, synced,
// renamed, and the directory synced. A checksum tells a damaged one from a good one.

#include "broker/log/disk.hpp"
#include "wire/reader.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace outbox::broker {

enum class file_state {
    good,
    missing,
    damaged,
    newer, // written by a version we do not know
    unreadable,
};

struct checked_content {
    file_state state = file_state::missing;
    std::error_code error; // of the disk, when unreadable
    bytes body;
};

checked_content read_checked_file(
    disk& files,
    const std::string& path,
    std::string_view magic,
    std::uint32_t version
);

enum class write_outcome {
    durable,
    unchanged, // failed before the old content was touched
    in_doubt,  // failed after that: a later start may see the old or the new content
};

/// Replaces `directory`/`name`.
write_outcome write_checked_file(
    disk& files,
    const std::string& directory,
    std::string_view name,
    std::string_view magic,
    std::uint32_t version,
    bytes_view body,
    std::error_code& ec
);

/// The bytes of a checked file.
bytes checked_file_bytes(std::string_view magic, std::uint32_t version, bytes_view body);

/// The body if `content` is a good checked file; else nothing and `state` says why.
std::optional<bytes_view> checked_file_body(
    bytes_view content,
    std::string_view magic,
    std::uint32_t version,
    file_state& state
);

/// How such a file holds a text: its length (4) and the bytes.
void append_text(bytes& out, bytes_view text);
bytes_view read_text(wire::reader& from);

} // namespace outbox::broker
