#include "outbox/message/message_id.hpp"

#include "outbox/base/hex.hpp"

#include <algorithm>
#include <cstring>

namespace outbox {

std::optional<message_id> message_id::parse(std::string_view text) {
    constexpr std::array<std::size_t, 4> hyphens{8, 13, 18, 23};
    if (text.size() != 36)
        return std::nullopt;
    std::string digits;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (std::find(hyphens.begin(), hyphens.end(), i) == hyphens.end())
            digits += text[i];
        else if (text[i] != '-')
            return std::nullopt;
    }
    const auto raw = from_hex(digits);
    return raw ? from_bytes(*raw) : std::nullopt;
}

std::optional<message_id> message_id::from_bytes(bytes_view raw) noexcept {
    if (raw.size() != size_bytes)
        return std::nullopt;
    message_id id;
    std::memcpy(id.value_.data(), raw.data(), size_bytes);
    return id;
}

std::string message_id::text() const {
    std::string text = to_hex(raw());
    for (const std::size_t at : {8U, 13U, 18U, 23U})
        text.insert(at, 1, '-');
    return text;
}

message_id message_id_generator::next() {
    using namespace std::chrono;
    const auto since_epoch = time_->now().time_since_epoch();
    const auto millis =
        static_cast<std::uint64_t>(duration_cast<milliseconds>(since_epoch).count());
    const auto nanos_in_milli =
        static_cast<std::uint64_t>(duration_cast<nanoseconds>(since_epoch).count()) % 1'000'000U;
    std::uint64_t stamp = (millis << 12U) | (nanos_in_milli * 4096U / 1'000'000U);
    std::uint64_t low = random_->next();
    const std::uint64_t clock_says = stamp;
    std::uint64_t last = last_.load();
    do {
        stamp = std::max(clock_says, last + 1);
    } while (!last_.compare_exchange_weak(last, stamp));
    low = (low & 0x3fff'ffff'ffff'ffffU) | 0x8000'0000'0000'0000U;                   // variant 10
    const std::uint64_t high = ((stamp >> 12U) << 16U) | 0x7000U | (stamp & 0xfffU); // version 7

    message_id::array value{};
    for (std::size_t i = 0; i < 8; ++i) {
        value[i] = static_cast<unsigned char>(high >> (56U - 8U * i));
        value[8 + i] = static_cast<unsigned char>(low >> (56U - 8U * i));
    }
    return message_id{value};
}

} // namespace outbox
