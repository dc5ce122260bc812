#include "outbox/base/hex.hpp"
#include "wire/compression.hpp"
#include "wire/limits.hpp"
#include "wire/record_batch.hpp"
#include "wire/writer.hpp"

#include <gtest/gtest.h>

namespace outbox::wire {
namespace {

std::vector<record> three_records() {
    return {
        {.timestamp_delta = 5,
         .key = "k1",
         .value = "one",
         .headers = {{"h", "x"}, {"empty", std::nullopt}}},
        {.timestamp_delta = 0, .key = std::nullopt, .value = "two"},
        {.timestamp_delta = -3, .key = "k3", .value = std::nullopt},
    };
}

bytes three_record_batch(codec how = codec::none) {
    return make_batch({.base_timestamp = 1'700'000'000'000, .compression = how}, three_records());
}

TEST(record_batch, header_fields_stand_where_the_format_puts_them) {
    const bytes batch = make_batch(
        {.base_timestamp = 1000, .producer_id = 9, .producer_epoch = 2, .base_sequence = 77},
        {{.timestamp_delta = 4, .value = "v"}}
    );
    // By hand: one record of 8 bytes (attributes, delta 4, offset 0, no key, value "v", no
    // headers).
    EXPECT_EQ(
        to_hex(bytes_view(batch).substr(0, 17)),
        "0000000000000000"
        "00000039"
        "ffffffff"
        "02"
    );
    EXPECT_EQ(
        to_hex(bytes_view(batch).substr(21)),
        "0000"
        "00000000"
        "00000000000003e8"
        "00000000000003ec"
        "0000000000000009"
        "0002"
        "0000004d"
        "00000001"
        "0e"
        "00"
        "08"
        "00"
        "01"
        "02"
        "76"
        "00"
    );
    EXPECT_EQ(read_batch_header(batch)->crc, batch_crc(batch));
    EXPECT_TRUE(check_produced_batch(batch).ok());
}

TEST(record_batch, records_come_back_from_every_codec) {
    for (const codec how : {codec::none, codec::gzip, codec::snappy, codec::lz4, codec::zstd}) {
        SCOPED_TRACE(static_cast<int>(how));
        const bytes batch = three_record_batch(how);
        ASSERT_TRUE(check_produced_batch(batch).ok()) << check_produced_batch(batch).why;
        const auto header = read_batch_header(batch);
        bytes storage;
        const auto records = open_records(*header, batch, storage);
        ASSERT_TRUE(records);
        record_reader in(*records, header->record_count);
        const auto expected = three_records();
        record got;
        for (std::size_t i = 0; i < expected.size(); ++i) {
            ASSERT_TRUE(in.next(got));
            record want = expected[i];
            want.offset_delta = static_cast<std::int32_t>(i);
            EXPECT_EQ(got, want);
        }
        EXPECT_FALSE(in.next(got));
        EXPECT_FALSE(in.error());
        EXPECT_EQ(header->max_timestamp, 1'700'000'000'005);
    }
}

TEST(record_batch, stamping_keeps_the_checksum_right) {
    bytes batch = three_record_batch();
    stamp_batch(batch, 123456789012, 7);
    const auto header = read_batch_header(batch);
    EXPECT_EQ(header->base_offset, 123456789012);
    EXPECT_EQ(header->last_offset(), 123456789014);
    EXPECT_EQ(header->partition_leader_epoch, 7);
    EXPECT_EQ(header->crc, batch_crc(batch));
}

TEST(record_batch, any_flipped_bit_is_refused_or_lies_outside_of_what_is_kept) {
    const bytes batch = three_record_batch();
    for (std::size_t bit = 0; bit < batch.size() * 8; ++bit) {
        const std::size_t at = bit / 8;
        if (at >= 12 && at < 16)
            continue; // the leader epoch is the broker's
        bytes broken = batch;
        broken[at] = static_cast<char>(broken[at] ^ (1 << (bit % 8)));
        EXPECT_FALSE(check_produced_batch(broken).ok()) << "bit " << bit;
    }
}

TEST(record_batch, each_fault_has_its_code) {
    const auto with = [](std::size_t at, char value) {
        bytes batch = three_record_batch();
        batch[at] = value;
        bytes crc;
        writer(crc).uint32(batch_crc(batch));
        batch.replace(17, 4, crc);
        return check_produced_batch(batch).code;
    };
    EXPECT_EQ(with(16, 1), error_code::unsupported_for_message_format);
    EXPECT_EQ(with(22, 5), error_code::unsupported_compression_type);
    EXPECT_EQ(with(22, 0x20), error_code::invalid_record);
    EXPECT_EQ(with(26, 7), error_code::invalid_record);
    EXPECT_EQ(with(7, 1), error_code::invalid_record);
    EXPECT_EQ(with(11, 0), error_code::corrupt_message);
    EXPECT_EQ(check_produced_batch("").code, error_code::corrupt_message);
    const bytes batch = three_record_batch();
    EXPECT_EQ(check_produced_batch(batch + batch).code, error_code::invalid_record);
    for (std::size_t cut = 0; cut < batch.size(); ++cut)
        EXPECT_EQ(check_produced_batch(batch.substr(0, cut)).code, error_code::corrupt_message);
}

TEST(record_batch, malformed_records_end_the_walk_with_an_error) {
    const bytes batch = three_record_batch();
    const bytes_view records = bytes_view(batch).substr(batch_header_bytes);
    for (std::size_t cut = 0; cut < records.size(); ++cut) {
        record_reader in(records.substr(0, cut), 3);
        record r;
        int seen = 0;
        while (in.next(r))
            ++seen;
        EXPECT_LT(seen, 3);
        EXPECT_TRUE(in.error());
    }
}

} // namespace
} // namespace outbox::wire
