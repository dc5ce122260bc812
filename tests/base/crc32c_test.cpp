#include "outbox/base/crc32c.hpp"
#include "outbox/base/random.hpp"

#include <gtest/gtest.h>

namespace outbox {
namespace {

TEST(crc32c, equals_the_vectors_of_rfc_3720) {
    EXPECT_EQ(crc32c(bytes(32, '\0')), 0x8a9136aaU);
    EXPECT_EQ(crc32c(bytes(32, '\xff')), 0x62a8ab43U);
    bytes ascending;
    for (int i = 0; i < 32; ++i)
        ascending += static_cast<char>(i);
    EXPECT_EQ(crc32c(ascending), 0x46dd794eU);
    EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
}

TEST(crc32c, instruction_and_table_agree_for_every_length_and_split) {
    seeded_random random{7};
    bytes data;
    for (int i = 0; i < 100; ++i)
        data += static_cast<char>(random.next());
    for (std::size_t length = 0; length <= data.size(); ++length) {
        const bytes_view part = bytes_view{data}.substr(0, length);
        ASSERT_EQ(crc32c(part), crc32c_by_table(part));
        const std::size_t split = length / 3;
        ASSERT_EQ(crc32c(part.substr(split), crc32c(part.substr(0, split))), crc32c(part));
    }
}

} // namespace
} // namespace outbox
