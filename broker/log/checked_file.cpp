#include "broker/log/checked_file.hpp"

#include "broker/log/format.hpp"
#include "outbox/base/crc32c.hpp"
#include "wire/writer.hpp"

namespace outbox::broker {

bytes checked_file_bytes(std::string_view magic, std::uint32_t version, bytes_view body) {
    bytes out{magic};
    wire::writer{out}.uint32(version);
    bytes checked;
    wire::writer{checked}.uint32(version);
    wire::writer{out}.uint32(crc32c(body, crc32c(checked)));
    out.append(body);
    return out;
}

std::optional<bytes_view> checked_file_body(
    bytes_view content,
    std::string_view magic,
    std::uint32_t version,
    file_state& state
) {
    state = file_state::damaged;
    wire::reader reader{content};
    const bytes_view found_magic = reader.take(magic.size());
    const bytes_view version_bytes = content.substr(std::min(content.size(), magic.size()), 4);
    const auto found_version = reader.uint32();
    const auto checksum = reader.uint32();
    const bytes_view body = reader.take(reader.remaining());
    if (content.size() < format::checked_header_bytes || found_magic != magic ||
        crc32c(body, crc32c(version_bytes)) != checksum)
        return std::nullopt;
    if (found_version > version) {
        state = file_state::newer;
        return std::nullopt;
    }
    state = file_state::good;
    return body;
}

checked_content read_checked_file(
    disk& files,
    const std::string& path,
    std::string_view magic,
    std::uint32_t version
) {
    checked_content result;
    const auto file = files.open(path, open_mode::read_write, result.error);
    if (!file) {
        result.state = result.error == std::errc::no_such_file_or_directory
                           ? file_state::missing
                           : file_state::unreadable;
        return result;
    }
    bytes content = read_all(*file, result.error);
    if (result.error) {
        result.state = file_state::unreadable;
        return result;
    }
    if (const auto body = checked_file_body(content, magic, version, result.state))
        result.body = *body;
    return result;
}

write_outcome write_checked_file(
    disk& files,
    const std::string& directory,
    std::string_view name,
    std::string_view magic,
    std::uint32_t version,
    bytes_view body,
    std::error_code& ec
) {
    const std::string path = directory + "/" + std::string{name};
    const std::string temporary = path + std::string{format::temporary_suffix};
    const bytes content = checked_file_bytes(magic, version, body);
    {
        const auto file = files.open(temporary, open_mode::create, ec);
        if (!file)
            return write_outcome::unchanged;
        file->truncate(0, ec);
        const bytes_view parts[] = {content};
        if (!ec)
            write_all(*file, 0, parts, ec);
        if (!ec)
            file->sync_data(ec);
    }
    if (ec) {
        std::error_code ignored;
        files.unlink(temporary, ignored);
        return write_outcome::unchanged;
    }
    files.rename(temporary, path, ec);
    if (ec)
        return write_outcome::in_doubt;
    files.sync_directory(directory, ec);
    return ec ? write_outcome::in_doubt : write_outcome::durable;
}

void append_text(bytes& out, bytes_view text) {
    wire::writer{out}.uint32(static_cast<std::uint32_t>(text.size()));
    out.append(text);
}

bytes_view read_text(wire::reader& from) {
    const std::uint32_t size = from.uint32();
    return from.take(size);
}

} // namespace outbox::broker
