#include "broker/log/segment.hpp"

#include "broker/log/format.hpp"
#include "wire/reader.hpp"
#include "wire/writer.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace outbox::broker {

bytes encode_offset_index(
    std::int64_t base_offset,
    const std::vector<offset_index_entry>& entries
) {
    bytes out;
    out.reserve(entries.size() * format::offset_index_entry_bytes);
    for (const auto& entry : entries) {
        wire::writer{out}.int32(static_cast<std::int32_t>(entry.last_offset - base_offset));
        wire::writer{out}.uint32(entry.position);
    }
    return out;
}

bytes encode_time_index(std::int64_t base_offset, const std::vector<time_index_entry>& entries) {
    bytes out;
    out.reserve(entries.size() * format::time_index_entry_bytes);
    for (const auto& entry : entries) {
        wire::writer{out}.int64(entry.timestamp_ms);
        wire::writer{out}.int32(static_cast<std::int32_t>(entry.offset - base_offset));
    }
    return out;
}

std::optional<std::vector<offset_index_entry>>
decode_offset_index(std::int64_t base_offset, bytes_view data) {
    if (data.size() % format::offset_index_entry_bytes != 0)
        return std::nullopt;
    std::vector<offset_index_entry> entries;
    entries.reserve(data.size() / format::offset_index_entry_bytes);
    wire::reader reader{data};
    while ((!reader.ok() || reader.remaining() > 0)) {
        const auto relative = reader.int32();
        const auto position = reader.uint32();
        const offset_index_entry entry{base_offset + relative, position};
        if (relative < 0 || (!entries.empty() && (entry.last_offset <= entries.back().last_offset ||
                                                  entry.position <= entries.back().position)))
            return std::nullopt;
        entries.push_back(entry);
    }
    return entries;
}

std::optional<std::vector<time_index_entry>>
decode_time_index(std::int64_t base_offset, bytes_view data) {
    if (data.size() % format::time_index_entry_bytes != 0)
        return std::nullopt;
    std::vector<time_index_entry> entries;
    entries.reserve(data.size() / format::time_index_entry_bytes);
    wire::reader reader{data};
    while ((!reader.ok() || reader.remaining() > 0)) {
        const auto timestamp = reader.int64();
        const auto relative = reader.int32();
        const time_index_entry entry{timestamp, base_offset + relative};
        if (relative < 0 ||
            (!entries.empty() && (entry.timestamp_ms <= entries.back().timestamp_ms ||
                                  entry.offset <= entries.back().offset)))
            return std::nullopt;
        entries.push_back(entry);
    }
    return entries;
}

const offset_index_entry*
find_offset(const std::vector<offset_index_entry>& entries, std::int64_t offset) {
    const auto after = std::upper_bound(
        entries.begin(),
        entries.end(),
        offset,
        [](std::int64_t o, const offset_index_entry& entry) { return o < entry.last_offset; }
    );
    return after == entries.begin() ? nullptr : &*(after - 1);
}

const time_index_entry*
find_time(const std::vector<time_index_entry>& entries, std::int64_t timestamp_ms) {
    const auto after = std::lower_bound(
        entries.begin(),
        entries.end(),
        timestamp_ms,
        [](const time_index_entry& entry, std::int64_t t) { return entry.timestamp_ms < t; }
    );
    return after == entries.begin() ? nullptr : &*(after - 1);
}

std::string segment_file_name(std::int64_t base_offset, std::string_view suffix) {
    const std::string digits = std::to_string(base_offset);
    std::string name(format::offset_digits - std::min(digits.size(), format::offset_digits), '0');
    return name.append(digits).append(suffix);
}

std::optional<std::int64_t>
parse_segment_file_name(std::string_view name, std::string_view suffix) {
    if (name.size() != format::offset_digits + suffix.size() || !name.ends_with(suffix))
        return std::nullopt;
    const char* end = name.data() + format::offset_digits;
    std::int64_t offset = 0;
    const auto [parsed_to, error] = std::from_chars(name.data(), end, offset);
    if (error != std::errc{} || parsed_to != end || offset < 0)
        return std::nullopt;
    return offset;
}

void segment::note(const wire::batch_header& batch, std::int64_t index_interval_bytes) {
    if (size == 0)
        first_timestamp_ms = batch.max_timestamp;
    if (batch.max_timestamp > max_timestamp_ms) {
        max_timestamp_ms = batch.max_timestamp;
        max_timestamp_offset = batch.last_offset();
    }
    if (bytes_since_index_entry > static_cast<std::uint64_t>(index_interval_bytes)) {
        offset_index.push_back({batch.last_offset(), static_cast<std::uint32_t>(size)});
        finish_indexes();
        bytes_since_index_entry = 0;
    }
    bytes_since_index_entry += batch.total_bytes();
    size += batch.total_bytes();
    end_offset = next_offset(batch);
}

void segment::finish_indexes() {
    const std::int64_t last = time_index.empty() ? -1 : time_index.back().timestamp_ms;
    if (max_timestamp_ms > last)
        time_index.push_back({max_timestamp_ms, max_timestamp_offset});
}

namespace {

void write_whole(
    disk& files,
    const std::string& directory,
    const std::string& name,
    bytes_view content,
    std::error_code& ec
) {
    const std::string path = directory + "/" + name;
    const std::string temporary = path + std::string{format::temporary_suffix};
    {
        const auto file = files.open(temporary, open_mode::create, ec);
        if (!file)
            return;
        file->truncate(0, ec);
        const bytes_view parts[] = {content};
        if (!ec)
            write_all(*file, 0, parts, ec);
        if (!ec)
            file->sync_data(ec);
    }
    if (!ec)
        files.rename(temporary, path, ec);
}

} // namespace

void write_indexes(
    disk& files,
    const std::string& directory,
    const segment& closed,
    std::error_code& ec
) {
    write_whole(
        files,
        directory,
        segment_file_name(closed.base_offset, format::offset_index_suffix),
        encode_offset_index(closed.base_offset, closed.offset_index),
        ec
    );
    if (!ec)
        write_whole(
            files,
            directory,
            segment_file_name(closed.base_offset, format::time_index_suffix),
            encode_time_index(closed.base_offset, closed.time_index),
            ec
        );
}

std::optional<segment_indexes>
read_indexes(disk& files, const std::string& directory, std::int64_t base_offset) {
    const auto content = [&](std::string_view suffix) -> std::optional<bytes> {
        std::error_code ec;
        const auto file = files.open(
            directory + "/" + segment_file_name(base_offset, suffix),
            open_mode::read_write,
            ec
        );
        if (!file)
            return std::nullopt;
        bytes data = read_all(*file, ec);
        if (ec)
            return std::nullopt;
        return data;
    };
    const auto offset_bytes = content(format::offset_index_suffix);
    const auto time_bytes = content(format::time_index_suffix);
    if (!offset_bytes || !time_bytes)
        return std::nullopt;
    auto offsets = decode_offset_index(base_offset, *offset_bytes);
    auto times = decode_time_index(base_offset, *time_bytes);
    if (!offsets || !times)
        return std::nullopt;
    return segment_indexes{std::move(*offsets), std::move(*times)};
}

} // namespace outbox::broker
