#include "broker/group/state_change.hpp"

#include "wire/compression.hpp"
#include "wire/reader.hpp"
#include "wire/record_batch.hpp"
#include "wire/writer.hpp"

#include <algorithm>

namespace outbox::broker {

namespace {

// Kafka's numbers of what a record is about, and of the layout of its value.
constexpr std::int16_t offset_key_version = 1;
constexpr std::int16_t group_key_version = 2;
constexpr std::int16_t value_version = 3;

constexpr std::string_view topic_id_header = "outbox-topic-id";

void write_text(wire::writer& out, std::string_view text) {
    out.int16(static_cast<std::int16_t>(text.size()));
    out.raw(text);
}
void write_text_or_null(wire::writer& out, std::string_view text) {
    if (text.empty())
        out.int16(-1);
    else
        write_text(out, text);
}

std::string read_text(wire::reader& in) {
    const std::int16_t size = in.int16();
    if (size < 0)
        in.fail(wire::decode_error::bad_length);
    return std::string(in.take(static_cast<std::size_t>(std::max<std::int16_t>(size, 0))));
}
std::string read_text_or_null(wire::reader& in) {
    const std::int16_t size = in.int16();
    if (size < -1)
        in.fail(wire::decode_error::bad_length);
    return std::string(in.take(static_cast<std::size_t>(std::max<std::int16_t>(size, 0))));
}

struct encoded {
    bytes key;
    std::optional<bytes> value;
    bytes topic;

    std::size_t size() const {
        constexpr std::size_t around = 64; // lengths, deltas, the header's name
        return key.size() + (value ? value->size() : 0) + topic.size() + around;
    }
};

encoded encode(const offset_change& change) {
    encoded out;
    wire::writer key(out.key);
    key.int16(offset_key_version);
    write_text(key, change.group);
    write_text(key, change.topic);
    key.int32(change.partition);
    if (change.value) {
        wire::writer value(out.value.emplace());
        value.int16(value_version);
        value.int64(change.value->offset);
        value.int32(change.value->leader_epoch);
        write_text(value, change.value->metadata);
        value.int64(change.value->committed_ms);
        out.topic.assign(change.value->topic.begin(), change.value->topic.end());
    }
    return out;
}

encoded encode(const group_change& change) {
    encoded out;
    wire::writer key(out.key);
    key.int16(group_key_version);
    write_text(key, change.group);
    if (change.value) {
        wire::writer value(out.value.emplace());
        value.int16(value_version);
        write_text(value, change.value->protocol_type);
        value.int32(change.value->generation);
        write_text_or_null(value, change.value->protocol);
        write_text_or_null(value, change.value->leader);
        value.int64(change.value->changed_ms);
        value.int32(0); // members: they come again by themselves
    }
    return out;
}

bool decode_offset(wire::reader& key, const wire::record& from, offset_change& out) {
    out.group = read_text(key);
    out.topic = read_text(key);
    out.partition = key.int32();
    key.expect_end();
    if (!from.value)
        return key.ok();
    wire::reader value(*from.value);
    committed_offset& committed = out.value.emplace();
    const std::int16_t version = value.int16();
    committed.offset = value.int64();
    committed.leader_epoch = value.int32();
    committed.metadata = read_text(value);
    committed.committed_ms = value.int64();
    value.expect_end();
    const auto id = std::ranges::find(from.headers, topic_id_header, &wire::record_header::key);
    if (id == from.headers.end() || !id->value || id->value->size() != committed.topic.size())
        return false;
    std::ranges::copy(*id->value, committed.topic.begin());
    return key.ok() && value.ok() && version == value_version && committed.offset >= 0 &&
           out.partition >= 0;
}

bool decode_group(wire::reader& key, const wire::record& from, group_change& out) {
    out.group = read_text(key);
    key.expect_end();
    if (!from.value)
        return key.ok();
    wire::reader value(*from.value);
    group_memory& memory = out.value.emplace();
    const std::int16_t version = value.int16();
    memory.protocol_type = read_text(value);
    memory.generation = value.int32();
    memory.protocol = read_text_or_null(value);
    memory.leader = read_text_or_null(value);
    memory.changed_ms = value.int64();
    const std::int32_t member_count = value.int32();
    value.expect_end();
    return key.ok() && value.ok() && version == value_version && member_count == 0 &&
           memory.generation >= 0;
}

} // namespace

std::vector<bytes> encode_changes(
    std::span<const state_change> changes,
    std::int64_t now_ms,
    std::size_t batch_bytes
) {
    std::vector<bytes> batches;
    for (std::size_t next = 0; next < changes.size();) {
        std::vector<encoded> parts;
        for (std::size_t size = 0; next < changes.size() && size < batch_bytes; ++next) {
            parts.push_back(std::visit([](const auto& c) { return encode(c); }, changes[next]));
            size += parts.back().size();
        }
        std::vector<wire::record> records;
        for (const encoded& part : parts) {
            auto& record = records.emplace_back();
            record.key = part.key;
            record.value = part.value;
            if (part.value && !part.topic.empty())
                record.headers.push_back({topic_id_header, part.topic});
        }
        batches.push_back(wire::make_batch({.base_timestamp = now_ms}, std::move(records)));
    }
    return batches;
}

bool decode_changes(bytes_view batch, std::vector<state_change>& out) {
    const auto header = wire::read_batch_header(batch);
    if (!header || header->total_bytes() != batch.size())
        return false;
    bytes storage;
    const auto opened = wire::open_records(*header, batch, storage);
    if (!opened)
        return false;
    wire::record_reader records(*opened, header->record_count);
    wire::record record;
    while (records.next(record)) {
        wire::reader key(record.key.value_or(bytes_view{}));
        const std::int16_t version = key.int16();
        bool good = false;
        if (version == offset_key_version) {
            offset_change change;
            good = decode_offset(key, record, change);
            if (good)
                out.emplace_back(std::move(change));
        } else if (version == group_key_version) {
            group_change change;
            good = decode_group(key, record, change);
            if (good)
                out.emplace_back(std::move(change));
        }
        if (!good)
            return false;
    }
    return !records.error();
}

} // namespace outbox::broker
