#include "outbox/message/receipt_datagram.hpp"

#include "outbox/base/hex.hpp"
#include "outbox/base/random.hpp"

#include <gtest/gtest.h>

namespace outbox {
namespace {

const bytes token{"\x01\x23\x45\x67\x89\xab\xcd\xef", 8};

receipt_note any_note(random_source& random) {
    message_id::array raw{};
    random.fill(raw);
    receipt_note note{
        .id = message_id{raw},
        .attempts = static_cast<std::uint32_t>(random.below(9))};
    if (random.below(2) == 0) {
        note.fate = send_fate::rejected;
        note.reason = std::string(random.below(receipt_reason_bytes_max + 1), 'r');
    }
    if (random.below(2) == 0)
        note.position = {
            static_cast<std::int32_t>(random.below(99)),
            static_cast<std::int64_t>(random.below(1U << 30U))};
    return note;
}

TEST(receipt_datagram, many_notes_travel_in_few_datagrams_and_none_is_too_long) {
    seeded_random random{1};
    for (const std::size_t count : {0U, 1U, 2U, 40U, 1'000U}) {
        std::vector<receipt_note> sent;
        for (std::size_t i = 0; i < count; ++i)
            sent.push_back(any_note(random));
        std::vector<receipt_note> got;
        const auto datagrams = encode_receipts(token, sent);
        for (const bytes& datagram : datagrams) {
            EXPECT_LE(datagram.size(), receipt_datagram_bytes_max);
            const auto notes = decode_receipts(token, datagram);
            ASSERT_TRUE(notes);
            got.insert(got.end(), notes->begin(), notes->end());
        }
        EXPECT_EQ(got, sent);
        EXPECT_LE(datagrams.size(), count / 5 + 1);
    }
}

TEST(receipt_datagram, is_written_like_this) {
    message_id::array raw{};
    raw.fill(0xaa);
    const receipt_note note{
        .id = message_id{raw},
        .fate = send_fate::rejected,
        .attempts = 3,
        .position = {.partition = 1, .offset = -1},
        .reason = "no"};
    EXPECT_EQ(
        to_hex(encode_receipts(token, {&note, 1}).at(0)),
        "4f5201"
        "0123456789abcdef"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "02"
        "0003"
        "00000001"
        "ffffffffffffffff"
        "02"
        "6e6f"
    );
}

TEST(receipt_datagram, a_long_reason_is_cut_between_characters) {
    const receipt_note note{.fate = send_fate::rejected, .reason = std::string(199, 'a') + "ä…"};
    const auto notes = decode_receipts(token, encode_receipts(token, {&note, 1}).at(0));
    ASSERT_TRUE(notes);
    EXPECT_EQ(notes->at(0).reason, std::string(199, 'a'));
}

TEST(receipt_datagram, a_reason_cannot_write_lines_into_a_log) {
    const receipt_note note{.fate = send_fate::rejected, .reason = "a\nlevel=error b\x7f"};
    EXPECT_EQ(
        decode_receipts(token, encode_receipts(token, {&note, 1}).at(0))->at(0).reason,
        "a?level=error b?"
    );
}

TEST(receipt_datagram, is_believed_whole_or_not_at_all) {
    seeded_random random{2};
    const std::vector<receipt_note> two{any_note(random), any_note(random)};
    const bytes good = encode_receipts(token, two).at(0);
    EXPECT_FALSE(decode_receipts("12345678", good)) << "another producer's token";
    EXPECT_FALSE(decode_receipts("", good)) << "no token";
    EXPECT_FALSE(decode_receipts(token, good + std::string(receipt_datagram_bytes_max, 'x')));
    const std::size_t first_ends = encode_receipts(token, {&two[0], 1}).at(0).size();
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_EQ(decode_receipts(token, good.substr(0, size)).has_value(), size == first_ends)
            << size;
}

TEST(receipt_datagram, any_bytes_are_safe) {
    seeded_random random{3};
    for (int round = 0; round < 200'000; ++round) {
        const receipt_note note = any_note(random);
        bytes data = encode_receipts(token, {&note, 1}).at(0);
        if (random.below(3) == 0)
            data.resize(random.below(data.size() + 1));
        for (std::uint64_t flips = random.below(5); flips > 0 && data.size() > 11; --flips)
            data[11 + random.below(data.size() - 11)] = static_cast<char>(random.next());
        const auto notes = decode_receipts(token, data);
        if (notes) {
            EXPECT_LE(notes->size(), data.size() / 32);
        }
    }
}

} // namespace
} // namespace outbox
