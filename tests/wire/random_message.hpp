#pragma once
// Fills a message with random values by walking its field table: whatever the table holds at a
// version gets a value.

#include "outbox/base/random.hpp"
#include "wire/apis.hpp"
#include "wire/codec.hpp"

#include <string>

namespace outbox::wire::test {

class message_maker {
public:
    message_maker(random_source& random, std::int16_t version)
        : random_(random)
        , version_(version) {}

    template <class T>
    void fill(T& out) {
        using namespace outbox::wire::detail;
        if constexpr (std::same_as<T, bool>) {
            out = random_.below(2) == 1;
        } else if constexpr (std::integral<T> || std::is_enum_v<T>) {
            out = static_cast<T>(random_.next());
        } else if constexpr (is_optional<T>) {
            if (random_.below(4) != 0)
                fill(out.emplace());
        } else if constexpr (std::same_as<T, std::string> || std::same_as<T, bytes_view>) {
            out = text.substr(0, random_.below(text.size()));
        } else if constexpr (is_vector<T>) {
            out.resize(random_.below(4));
            for (auto& element : out)
                fill(element);
        } else {
            for_each_field<T>([&](const auto& f) {
                if (f.versions.contains(version_))
                    fill(out.*f.member);
            });
        }
    }

private:
    static constexpr std::string_view text{
        "\0bytes that are not text \xff\x80 and longer than any small string is kept in place",
        78};
    random_source& random_;
    std::int16_t version_;
};

/// Calls visit.template operator()<Message>(version) for every request and response at every
/// version.
template <class Visit>
void for_each_message(Visit&& visit) {
    all_apis::for_each([&]<class Api>() {
        for (std::int16_t version = Api::versions.min; version <= Api::versions.max; ++version) {
            visit.template operator()<typename Api::request>(version);
            visit.template operator()<typename Api::response>(version);
        }
    });
}

} // namespace outbox::wire::test
