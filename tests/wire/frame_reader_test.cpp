#include "outbox/base/random.hpp"
#include "wire/api_key.hpp"
#include "wire/frame_reader.hpp"
#include "wire/limits.hpp"
#include "wire/writer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace outbox::wire {
namespace {

bytes framed(bytes_view message) {
    bytes out;
    writer w(out);
    w.int32(static_cast<std::int32_t>(message.size()));
    w.raw(message);
    return out;
}

/// Feeds at most `step` bytes; returns how many went in.
std::size_t feed(frame_reader& in, bytes_view data, std::size_t step) {
    const auto room = in.room();
    const std::size_t size = std::min({step, data.size(), room.size()});
    std::memcpy(room.data(), data.data(), size);
    in.filled(size);
    return size;
}

TEST(frame_reader, frames_come_out_whole_however_the_bytes_come_in) {
    bytes stream;
    std::vector<bytes> sent;
    seeded_random random(4);
    for (int i = 0; i < 60; ++i) {
        bytes message("\0\3\0\0", 4);
        message += bytes(4 + random.below(i % 10 == 0 ? 100'000 : 200), static_cast<char>(i));
        stream += framed(message);
        sent.push_back(std::move(message));
    }
    for (const std::size_t step : {1u, 7u, 4096u, 10'000'000u}) {
        frame_reader in;
        std::vector<bytes> got;
        bytes_view rest = stream;
        while (!rest.empty()) {
            rest.remove_prefix(feed(in, rest, step));
            while (auto frame = in.next())
                got.push_back(std::move(*frame));
        }
        EXPECT_FALSE(in.error());
        EXPECT_EQ(got, sent);
        EXPECT_EQ(in.buffered_bytes(), 0u);
    }
}

std::error_code verdict(std::int32_t announced, std::int16_t key) {
    bytes data;
    writer w(data);
    w.int32(announced);
    w.int16(key);
    frame_reader in;
    feed(in, data, data.size());
    EXPECT_FALSE(in.next());
    return in.error();
}

TEST(frame_reader, a_length_outside_its_limits_ends_the_stream) {
    EXPECT_EQ(verdict(-1, 0), decode_error::frame_too_small);
    EXPECT_EQ(verdict(7, 0), decode_error::frame_too_small);
    EXPECT_EQ(verdict(0x7fffffff, 0), decode_error::frame_too_large);
    EXPECT_EQ(verdict(0x47455420, 0), decode_error::frame_too_large) << "an HTTP client";
    EXPECT_FALSE(verdict(frame_bytes_max, 0));
    EXPECT_EQ(verdict(frame_bytes_max, 3), decode_error::frame_too_large);
    EXPECT_FALSE(verdict(small_frame_bytes_max, 3));
    EXPECT_EQ(verdict(small_frame_bytes_max + 1, 3), decode_error::frame_too_large);
    for (const auto key : {api_key::join_group, api_key::sync_group, api_key::offset_commit}) {
        EXPECT_FALSE(verdict(group_frame_bytes_max, static_cast<std::int16_t>(key)));
        EXPECT_EQ(
            verdict(group_frame_bytes_max + 1, static_cast<std::int16_t>(key)),
            decode_error::frame_too_large
        );
    }
}

TEST(frame_reader, memory_follows_what_arrived_and_not_what_was_announced) {
    bytes data;
    writer w(data);
    w.int32(frame_bytes_max);
    w.int32(0);
    frame_reader in;
    feed(in, data, data.size());
    EXPECT_FALSE(in.next());
    EXPECT_LT(in.room().size(), 64u * 1024);
}

} // namespace
} // namespace outbox::wire
