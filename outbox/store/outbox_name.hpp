#pragma once
// The name of an outbox, so that several can stand in one database: on PostgreSQL the schema that
// holds its tables, elsewhere what their names begin with, before an underscore. The usual one is
// called "outbox" and has outbox.message, or outbox_message; another one, called "billing", has
// billing.message, or billing_message.
//
//   outbox::producer billing{{.name = outbox::outbox_name{"billing"}}};
//
// In our own SQL, in files and in code, an outbox always has the usual name; in() puts another one
// in its place.

#include <compare>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

namespace outbox {

class outbox_name {
public:
    static constexpr std::size_t bytes_max = 32;

    /// "outbox".
    outbox_name() = default;
    /// Throws outbox::error (invalid_argument) unless `text` is 1 to bytes_max characters of
    /// a-z 0-9 _, begins with a letter and does not end with an underscore. So it can stand in SQL
    /// without quotes, and means the same to databases that fold the case of names and to those
    /// that do not. That it is no reserved word is left to the database.
    explicit outbox_name(std::string_view text);

    const std::string& text() const noexcept { return text_; }
    bool is_usual() const noexcept { return text_ == usual; }

    /// `sql` of ours, which speaks of the usual outbox, about this one. What is renamed: words that
    /// begin with `outbox_`, `outbox.` before a name, `schema outbox` and `'outbox'`. What stands
    /// behind a dot, an @ or a letter is not. It knows nothing of values: they go into the text
    /// afterwards, or as digits of hexadecimal literals, which no such word can be part of. To be
    /// done once: what is renamed may look like something to rename.
    std::string in(std::string_view sql) const;

    /// What an error tells people to do who lack the tables.
    std::string migrate_hint() const;

    auto operator<=>(const outbox_name&) const = default;

private:
    static constexpr std::string_view usual = "outbox";
    std::string text_{usual};
};

/// What is made of texts once for each name, such as statements: one Thing, constructed from the
/// name when it is first asked for. Any thread; lives as long as the program. Throws outbox::error
/// (invalid_argument) at the name that would be one more than outbox_names_max.
inline constexpr std::size_t outbox_names_max = 1'000;
[[noreturn]] void refuse_another_outbox_name(const outbox_name& name);

template <class Thing>
const Thing& made_for(const outbox_name& name) {
    static const Thing* const usual = new Thing{outbox_name{}};
    if (name.is_usual())
        return *usual;
    struct others {
        std::mutex mutex{};
        std::map<std::string, Thing> things{};
    };
    static others* const all = new others;
    const std::lock_guard lock{all->mutex};
    if (const auto found = all->things.find(name.text()); found != all->things.end())
        return found->second;
    if (all->things.size() >= outbox_names_max)
        refuse_another_outbox_name(name);
    return all->things
        .emplace(
            std::piecewise_construct,
            std::forward_as_tuple(name.text()),
            std::forward_as_tuple(name)
        )
        .first->second;
}

} // namespace outbox
