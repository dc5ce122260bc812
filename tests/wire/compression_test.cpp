#include "outbox/base/random.hpp"
#include "wire/compression.hpp"

#include <gtest/gtest.h>

namespace outbox::wire {
namespace {

constexpr codec packing[] = {codec::gzip, codec::snappy, codec::lz4, codec::zstd};

bytes noise(std::size_t size, std::uint64_t seed) {
    seeded_random random(seed);
    bytes out(size, '\0');
    for (char& c : out)
        c = static_cast<char>(random.next());
    return out;
}

TEST(compression, data_of_any_size_comes_back) {
    for (const codec how : packing) {
        for (const std::size_t size : {0, 1, 100, 65535, 65536, 300'000}) {
            const bytes random = noise(size, size);
            const bytes flat(size, 'a');
            EXPECT_EQ(decompress(how, compress(how, random), size), random);
            EXPECT_EQ(decompress(how, compress(how, flat), size), flat);
        }
    }
}

TEST(compression, output_stops_at_the_limit) {
    const bytes flat(1'000'000, 'a');
    for (const codec how : packing) {
        const bytes packed = compress(how, flat);
        EXPECT_EQ(decompress(how, packed, flat.size()), flat);
        EXPECT_EQ(decompress(how, packed, flat.size() - 1), std::nullopt);
        EXPECT_EQ(decompress(how, packed, 10), std::nullopt);
    }
}

TEST(compression, cut_data_is_refused) {
    const bytes text = noise(1000, 3) + bytes(1000, 'x');
    for (const codec how : packing) {
        const bytes packed = compress(how, text);
        for (std::size_t cut = 0; cut < packed.size(); ++cut) {
            const auto out = decompress(how, packed.substr(0, cut), 1 << 20);
            // The xerial framing has no end mark: cut between blocks it is shorter data, never
            // other data.
            if (out) {
                EXPECT_EQ(how, codec::snappy);
                EXPECT_TRUE(text.starts_with(*out));
            }
        }
    }
}

TEST(compression, garbage_is_refused_without_harm) {
    for (const codec how : packing)
        for (std::uint64_t seed = 0; seed < 2000; ++seed)
            decompress(how, noise(seed % 200, seed), 1 << 16);
}

TEST(compression, raw_snappy_is_read_as_well) {
    // "aaaaaaaaaa": length 10, a literal of one byte, a copy of nine.
    EXPECT_EQ(decompress(codec::snappy, bytes("\x0a\x00\x61\x15\x01", 5), 100), "aaaaaaaaaa");
}

} // namespace
} // namespace outbox::wire
