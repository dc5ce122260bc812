#pragma once
// Reads a TOML configuration file so that no mistake in it passes silently: every key must be
// known, every value of the right type and inside its range. An error names the file, the line, the
// key and, for an unknown one, its nearest neighbour. Programs print it and exit 2.
//
//   broker_options options;                                    // plain struct, defaults in place
//   read_config_file(path, [&](config_table& file) {
//       file.require("data_dir", options.data_dir);            // must be there
//       file.read("flush_ms", options.flush_ms, 1, 60'000);    // may be there; both ends included
//       file.read("linger", options.linger);                   // std::chrono: "250ms", "10s",
//       "5m", "2h", "7d" file.read_size("segment", options.segment_bytes);      // "64KiB",
//       "16MiB", "1GiB" file.each_table("topic", [&](config_table& topic) { …  });
//   });
//
// Which keys are known is learned from the reads: when the callback of a table returns, a key that
// it did not ask for is an error. So a key that is ignored must be asked for and thrown away, and
// nothing can be forgotten. What is read into keeps its value when the key is absent. Every
// function throws outbox::error, kind invalid_argument.

#include <chrono>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outbox {

/// One table of the file; valid inside the callback that received it. One thread.
class config_table {
public:
    struct node; // the parsed TOML, known to the .cpp only

    /// The default range of an integer: all of its type, and never more than TOML has.
    template <std::integral Integer>
    static constexpr std::int64_t lowest = std::numeric_limits<Integer>::min();
    template <std::integral Integer>
    static constexpr std::int64_t
        highest = std::cmp_greater(
                      std::numeric_limits<Integer>::max(),
                      std::numeric_limits<std::int64_t>::max()
                  )
                      ? std::numeric_limits<std::int64_t>::max()
                      : static_cast<std::int64_t>(std::numeric_limits<Integer>::max());

    config_table(const config_table&) = delete;
    config_table& operator=(const config_table&) = delete;

    void read(std::string_view key, std::string& into);
    void read(std::string_view key, std::filesystem::path& into);
    void read(std::string_view key, bool& into);
    void read(std::string_view key, std::vector<std::string>& into);
    /// `[key]` with any names in it, each with a string.
    void read(std::string_view key, std::map<std::string, std::string>& into);

    template <std::integral Integer>
    void
    read(std::string_view key, Integer& into, std::int64_t least = lowest<Integer>, std::int64_t most = highest<Integer>) {
        auto value = static_cast<std::int64_t>(into);
        read_integer(key, value, least, most);
        into = static_cast<Integer>(value);
    }

    template <class Rep, class Period>
    requires std::convertible_to<std::chrono::milliseconds, std::chrono::duration<Rep, Period>>
    void read(
        std::string_view key,
        std::chrono::duration<Rep, Period>& into,
        std::chrono::milliseconds least = std::chrono::milliseconds{0},
        std::chrono::milliseconds most = std::chrono::hours{24 * 3650}
    ) {
        if (std::chrono::milliseconds value{}; read_duration(key, value, least, most))
            into = value;
    }

    /// A size in bytes with its unit.
    template <std::integral Integer>
    void
    read_size(std::string_view key, Integer& into, std::int64_t least = 0, std::int64_t most = highest<Integer>) {
        auto value = static_cast<std::int64_t>(into);
        read_bytes(key, value, least, most);
        into = static_cast<Integer>(value);
    }

    /// One of the named values, such as {{"sync", flush::sync}, {"async", flush::async}}.
    template <class Value>
    void read_one_of(
        std::string_view key,
        Value& into,
        std::initializer_list<std::pair<std::string_view, std::type_identity_t<Value>>> choices
    ) {
        std::vector<std::string> names;
        for (const auto& choice : choices)
            names.emplace_back(choice.first);
        if (const auto index = read_choice(key, names); index < names.size())
            into = (choices.begin() + index)->second;
    }

    /// read() of a key that must be there: the same arguments.
    template <class... Arguments>
    void require(std::string_view key, Arguments&&... arguments) {
        must_have(key);
        read(key, std::forward<Arguments>(arguments)...);
    }

    bool has(std::string_view key) const;

    /// `[key]`, if it is there.
    void table(std::string_view key, const std::function<void(config_table&)>& read_it);
    /// Every `[[key]]`, in the order of the file. There may be none; `require` one with
    /// must_have().
    void each_table(std::string_view key, const std::function<void(config_table&)>& read_it);
    /// Every `[key.NAME]`, by name.
    void each_named(
        std::string_view key,
        const std::function<void(const std::string& name, config_table&)>& read_it
    );

    void must_have(std::string_view key) const;

    /// For rules that this class does not know: throws, with the file, the line and `key` before
    /// `what`.
    [[noreturn]] void
    reject(std::string_view key, const std::string& what, const std::string& hint = {}) const;

private:
    friend struct config_reader;
    config_table(const node& self, std::string file, std::string name)
        : self_(self)
        , file_(std::move(file))
        , name_(std::move(name)) {}

    template <std::integral Integer>
    static constexpr std::int64_t clamped(Integer value) {
        constexpr auto most = std::numeric_limits<std::int64_t>::max();
        return std::cmp_greater(value, most) ? most : static_cast<std::int64_t>(value);
    }

    void read_integer(std::string_view, std::int64_t& into, std::int64_t least, std::int64_t most);
    bool read_duration(
        std::string_view key,
        std::chrono::milliseconds& into,
        std::chrono::milliseconds least,
        std::chrono::milliseconds most
    );
    void read_bytes(std::string_view, std::int64_t& into, std::int64_t least, std::int64_t most);
    std::size_t read_choice(std::string_view key, const std::vector<std::string>& names);

    const node& self_;
    std::string file_;
    std::string name_; // "[relay]", empty for the file itself
    std::vector<std::string> known_;
};

/// At most 1 MiB. A file that cannot be read is kind io.
void read_config_file(
    const std::filesystem::path& file,
    const std::function<void(config_table&)>& read_it
);

/// The same from memory; `file` is the name to use in errors.
void read_config_text(
    std::string_view text,
    const std::string& file,
    const std::function<void(config_table&)>& read_it
);

} // namespace outbox
