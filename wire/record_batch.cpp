#include "wire/record_batch.hpp"

#include "outbox/base/crc32c.hpp"
#include "wire/compression.hpp"
#include "wire/decode_error.hpp"
#include "wire/reader.hpp"
#include "wire/writer.hpp"

#include <algorithm>

namespace outbox::wire {

namespace {

constexpr std::size_t leader_epoch_at = 12;
constexpr std::size_t checked_from = 21;
constexpr std::int16_t codec_max = 4;

void put(std::span<char> out, std::size_t at, std::uint64_t value, std::size_t size) noexcept {
    for (std::size_t i = 0; i < size; ++i)
        out[at + i] = static_cast<char>(value >> (8 * (size - 1 - i)));
}

void write_nullable(writer& out, std::optional<bytes_view> data) {
    out.varint(data ? static_cast<std::int32_t>(data->size()) : -1);
    if (data)
        out.raw(*data);
}

std::optional<bytes_view> read_nullable(reader& in) {
    const std::int32_t size = in.varint();
    if (size < -1)
        in.fail(decode_error::bad_length);
    if (size < 0)
        return std::nullopt;
    return in.take(static_cast<std::size_t>(size));
}

} // namespace

std::optional<batch_header> read_batch_header(bytes_view data) noexcept {
    if (data.size() < batch_header_bytes)
        return std::nullopt;
    reader in(data);
    batch_header h;
    h.base_offset = in.int64();
    h.batch_length = in.int32();
    h.partition_leader_epoch = in.int32();
    h.magic = in.int8();
    h.crc = in.uint32();
    h.attributes = in.int16();
    h.last_offset_delta = in.int32();
    h.base_timestamp = in.int64();
    h.max_timestamp = in.int64();
    h.producer_id = in.int64();
    h.producer_epoch = in.int16();
    h.base_sequence = in.int32();
    h.record_count = in.int32();
    return h;
}

std::uint32_t batch_crc(bytes_view batch) noexcept {
    return crc32c(batch.substr(checked_from));
}

batch_fault check_produced_batch(bytes_view data) noexcept {
    constexpr std::size_t magic_at = 16;
    if (data.size() > magic_at && data[magic_at] != 2)
        return {
            error_code::unsupported_for_message_format,
            "only record batches of format 2 are accepted"};
    const auto header = read_batch_header(data);
    if (!header)
        return {error_code::corrupt_message, "the batch is shorter than its header"};
    if (header->batch_length < static_cast<std::int32_t>(batch_header_bytes - batch_prefix_bytes) ||
        header->total_bytes() > data.size())
        return {error_code::corrupt_message, "the batch length disagrees with the bytes received"};
    if (header->total_bytes() < data.size())
        return {error_code::invalid_record, "more than one batch for a partition in one request"};
    if (header->crc != batch_crc(data))
        return {error_code::corrupt_message, "the checksum is wrong"};
    if (header->codec_bits() > codec_max)
        return {error_code::unsupported_compression_type, "the compression codec is unknown"};
    if (header->control())
        return {error_code::invalid_record, "a client may not write control batches"};
    if (header->base_offset != 0)
        return {error_code::invalid_record, "the base offset of a produced batch must be 0"};
    if (header->record_count < 1 || header->last_offset_delta != header->record_count - 1)
        return {error_code::invalid_record, "the offsets do not count the records"};
    if (header->producer_id >= 0 && (header->producer_epoch < 0 || header->base_sequence < 0))
        return {error_code::invalid_record, "a producer id without an epoch or a sequence"};
    return {};
}

void stamp_batch(
    std::span<char> batch,
    std::int64_t base_offset,
    std::int32_t leader_epoch
) noexcept {
    put(batch, 0, static_cast<std::uint64_t>(base_offset), 8);
    put(batch, leader_epoch_at, static_cast<std::uint32_t>(leader_epoch), 4);
}

bool record_reader::next(record& out) {
    if (error_ || left_ <= 0)
        return false;
    reader frame(rest_);
    const std::int32_t size = frame.varint();
    if (size < 0)
        frame.fail(decode_error::bad_length);
    const bytes_view body = frame.take(size < 0 ? 0 : static_cast<std::size_t>(size));
    if (!frame.ok()) {
        error_ = frame.error();
        return false;
    }
    rest_.remove_prefix(frame.position());
    --left_;

    reader in(body);
    in.int8(); // attributes: unused by the protocol
    out.timestamp_delta = in.varlong();
    out.offset_delta = in.varint();
    out.key = read_nullable(in);
    out.value = read_nullable(in);
    out.headers.clear();
    const std::int32_t headers = in.varint();
    if (headers < 0)
        in.fail(decode_error::bad_count);
    else if (in.expect_elements(static_cast<std::size_t>(headers), 2)) {
        for (std::int32_t i = 0; i < headers && in.ok(); ++i) {
            const auto key = read_nullable(in);
            if (!key)
                in.fail(decode_error::bad_length);
            const auto value = read_nullable(in);
            if (in.ok())
                out.headers.push_back({*key, value});
        }
    }
    in.expect_end();
    error_ = in.error();
    return in.ok();
}

bytes make_batch(const batch_options& options, std::vector<record> records) {
    bytes body;
    std::int64_t newest = 0;
    for (std::size_t i = 0; i < records.size(); ++i) {
        record& r = records[i];
        r.offset_delta = static_cast<std::int32_t>(i);
        newest = i == 0 ? r.timestamp_delta : std::max(newest, r.timestamp_delta);
        bytes one;
        writer w(one);
        w.int8(0);
        w.varlong(r.timestamp_delta);
        w.varint(r.offset_delta);
        write_nullable(w, r.key);
        write_nullable(w, r.value);
        w.varint(static_cast<std::int32_t>(r.headers.size()));
        for (const record_header& h : r.headers) {
            write_nullable(w, h.key);
            write_nullable(w, h.value);
        }
        writer all(body);
        all.varint(static_cast<std::int32_t>(one.size()));
        all.raw(one);
    }
    body = compress(options.compression, body);

    const auto count = static_cast<std::int32_t>(records.size());
    bytes out;
    out.reserve(batch_header_bytes + body.size());
    writer w(out);
    w.int64(0);
    w.int32(static_cast<std::int32_t>(batch_header_bytes - batch_prefix_bytes + body.size()));
    w.int32(-1);
    w.int8(2);
    w.uint32(0);
    w.int16(static_cast<std::int16_t>(options.compression));
    w.int32(count - 1);
    w.int64(options.base_timestamp);
    w.int64(options.base_timestamp + newest);
    w.int64(options.producer_id);
    w.int16(options.producer_epoch);
    w.int32(options.base_sequence);
    w.int32(count);
    w.raw(body);
    constexpr std::size_t crc_at = 17;
    put(out, crc_at, batch_crc(out), 4);
    return out;
}

} // namespace outbox::wire
