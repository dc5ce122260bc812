#include "outbox/base/config_file.hpp"

#include "outbox/base/error.hpp"
#include "outbox/base/nearest.hpp"
#include "outbox/base/units.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace outbox {

struct config_table::node {
    const toml::table& table;
};

// Makes tables and checks them: what the public class does not show.
struct config_reader {
    static void table(
        const toml::table& table,
        const std::string& file,
        const std::string& name,
        const std::function<void(config_table&)>& read_it
    ) {
        const config_table::node self{table};
        config_table reader{self, file, name};
        read_it(reader);
        for (const auto& [key, value] : table)
            if (!std::ranges::count(reader.known_, key.str()))
                unknown(reader, key);
    }

    [[noreturn]] static void unknown(const config_table& reader, const toml::key& key) {
        const auto near = nearest(key.str(), reader.known_);
        fail(
            reader.file_,
            key.source(),
            "unknown key '" + std::string{key.str()} + "'" + in(reader.name_),
            near.empty() ? "no key is known here"
                         : "the nearest known key is '" + std::string{near} + "'"
        );
    }

    [[noreturn]] static void fail(
        const std::string& file,
        const toml::source_region& where,
        const std::string& what,
        const std::string& hint
    ) {
        const auto line = where.begin.line ? ":" + std::to_string(where.begin.line) : "";
        throw error{error_kind::invalid_argument, file + line + ": " + what, hint};
    }

    static std::string in(const std::string& name) { return name.empty() ? "" : " in " + name; }

    // Where a key stands; the key itself, because a table begins elsewhere.
    static toml::source_region where(const config_table& reader, std::string_view key) {
        const auto found = reader.self_.table.find(key);
        return found == reader.self_.table.end() ? reader.self_.table.source()
                                                 : found->first.source();
    }

    [[noreturn]] static void wrong(
        const config_table& reader,
        std::string_view key,
        const std::string& must,
        const std::string& hint = {}
    ) {
        std::ostringstream shown;
        const auto& value = *reader.self_.table.get(key);
        if (value.is_value())
            value.visit([&shown](const auto& v) { shown << v; });
        else
            shown << value.type();
        reader.reject(key, "is " + shown.str() + ", but must be " + must, hint);
    }

    static const toml::node* ask(config_table& reader, std::string_view key) {
        reader.known_.emplace_back(key);
        return reader.self_.table.get(key);
    }
};

namespace {

std::string range(const std::string& least, const std::string& most) {
    return "from " + least + " to " + most;
}

} // namespace

void config_table::read(std::string_view key, std::string& into) {
    const auto* value = config_reader::ask(*this, key);
    if (!value)
        return;
    const auto* text = value->as_string();
    if (!text)
        config_reader::wrong(*this, key, "a string in quotes");
    into = text->get();
}

void config_table::read(std::string_view key, std::filesystem::path& into) {
    std::string text = into.string();
    read(key, text);
    into = text;
}

void config_table::read(std::string_view key, bool& into) {
    const auto* value = config_reader::ask(*this, key);
    if (!value)
        return;
    const auto* flag = value->as_boolean();
    if (!flag)
        config_reader::wrong(*this, key, "true or false");
    into = flag->get();
}

void config_table::read(std::string_view key, std::vector<std::string>& into) {
    const auto* value = config_reader::ask(*this, key);
    if (!value)
        return;
    const auto* list = value->as_array();
    if (!list)
        config_reader::wrong(*this, key, "a list of strings");
    std::vector<std::string> texts;
    for (const auto& element : *list) {
        const auto* text = element.as_string();
        if (!text)
            reject(key, "must hold strings only");
        texts.push_back(text->get());
    }
    into = std::move(texts);
}

void config_table::read(std::string_view key, std::map<std::string, std::string>& into) {
    const auto* value = config_reader::ask(*this, key);
    if (!value)
        return;
    if (!value->is_table())
        config_reader::wrong(*this, key, "a table of strings");
    for (const auto& [name, element] : *value->as_table()) {
        const auto* text = element.as_string();
        if (!text)
            reject(
                key,
                "must hold strings only",
                "put '" + std::string{name.str()} + "' into quotes"
            );
        into[std::string{name.str()}] = text->get();
    }
}

void config_table::read_integer(
    std::string_view key,
    std::int64_t& into,
    std::int64_t least,
    std::int64_t most
) {
    const auto* value = config_reader::ask(*this, key);
    if (!value)
        return;
    const auto* number = value->as_integer();
    if (!number || number->get() < least || number->get() > most)
        config_reader::wrong(
            *this,
            key,
            "a whole number " + range(std::to_string(least), std::to_string(most))
        );
    into = number->get();
}

bool config_table::read_duration(
    std::string_view key,
    std::chrono::milliseconds& into,
    std::chrono::milliseconds least,
    std::chrono::milliseconds most
) {
    const auto* value = config_reader::ask(*this, key);
    if (!value)
        return false;
    const auto* text = value->as_string();
    const auto duration = text ? parse_duration(text->get()) : std::nullopt;
    if (!duration)
        config_reader::wrong(*this, key, "a duration", R"(write it as "250ms", "10s", "5m", "2h")");
    if (*duration < least || *duration > most)
        config_reader::wrong(
            *this,
            key,
            range(std::to_string(least.count()) + "ms", std::to_string(most.count()) + "ms")
        );
    into = *duration;
    return true;
}

void config_table::read_bytes(
    std::string_view key,
    std::int64_t& into,
    std::int64_t least,
    std::int64_t most
) {
    const auto* value = config_reader::ask(*this, key);
    if (!value)
        return;
    const auto* text = value->as_string();
    const auto size = text ? parse_size(text->get()) : std::nullopt;
    if (!size)
        config_reader::wrong(
            *this,
            key,
            "a size",
            R"(write it as "512B", "64KiB", "16MiB", "1GiB")"
        );
    const auto bytes = static_cast<std::int64_t>(*size);
    if (bytes < least || bytes > most)
        config_reader::wrong(
            *this,
            key,
            range(std::to_string(least) + "B", std::to_string(most) + "B")
        );
    into = bytes;
}

std::size_t config_table::read_choice(std::string_view key, const std::vector<std::string>& names) {
    std::string text;
    read(key, text);
    if (!has(key))
        return names.size();
    const auto found = std::ranges::find(names, text);
    if (found == names.end()) {
        std::string all;
        for (const auto& name : names)
            all += (all.empty() ? "'" : ", '") + name + "'";
        config_reader::wrong(
            *this,
            key,
            "one of " + all,
            "the nearest is '" + std::string{nearest(text, names)} + "'"
        );
    }
    return static_cast<std::size_t>(found - names.begin());
}

bool config_table::has(std::string_view key) const {
    return self_.table.contains(key);
}

void config_table::must_have(std::string_view key) const {
    if (!has(key))
        config_reader::fail(
            file_,
            self_.table.source(),
            "the key '" + std::string{key} + "' is missing" + config_reader::in(name_),
            ""
        );
}

void config_table::reject(std::string_view key, const std::string& what, const std::string& hint)
    const {
    config_reader::fail(
        file_,
        config_reader::where(*this, key),
        "'" + std::string{key} + "'" + config_reader::in(name_) + " " + what,
        hint
    );
}

void config_table::table(std::string_view key, const std::function<void(config_table&)>& read_it) {
    const auto* value = config_reader::ask(*this, key);
    if (!value)
        return;
    const std::string name = "[" + std::string{key} + "]";
    if (!value->is_table())
        config_reader::wrong(*this, key, "a table " + name);
    config_reader::table(*value->as_table(), file_, name, read_it);
}

void config_table::each_table(
    std::string_view key,
    const std::function<void(config_table&)>& read_it
) {
    const auto* value = config_reader::ask(*this, key);
    if (!value)
        return;
    const std::string name = "[[" + std::string{key} + "]]";
    if (!value->is_array() || !value->as_array()->is_homogeneous<toml::table>())
        config_reader::wrong(*this, key, "tables " + name);
    for (const auto& element : *value->as_array())
        config_reader::table(*element.as_table(), file_, name, read_it);
}

void config_table::each_named(
    std::string_view key,
    const std::function<void(const std::string& name, config_table&)>& read_it
) {
    const auto* value = config_reader::ask(*this, key);
    if (!value)
        return;
    const std::string path = std::string{key} + ".";
    if (!value->is_table())
        config_reader::wrong(*this, key, "tables [" + path + "NAME]");
    for (const auto& [name, element] : *value->as_table()) {
        const std::string text{name.str()};
        if (!element.is_table())
            reject(key, "must hold tables [" + path + "NAME] only, not '" + text + "'");
        config_reader::table(
            *element.as_table(),
            file_,
            "[" + path + text + "]",
            [&](config_table& table) { read_it(text, table); }
        );
    }
}

void read_config_text(
    std::string_view text,
    const std::string& file,
    const std::function<void(config_table&)>& read_it
) {
    toml::table parsed;
    try {
        parsed = toml::parse(text);
    } catch (const toml::parse_error& e) {
        config_reader::fail(file, e.source(), std::string{e.description()}, "it must be TOML 1.0");
    }
    config_reader::table(parsed, file, "", read_it);
}

void read_config_file(
    const std::filesystem::path& file,
    const std::function<void(config_table&)>& read_it
) {
    constexpr std::size_t file_bytes_max = 1 << 20;
    std::ifstream in{file, std::ios::binary};
    std::string text(file_bytes_max + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!in.eof() && in.fail())
        throw error{
            error_kind::io,
            "cannot read the configuration file " + file.string() + ": " + std::strerror(errno)};
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > file_bytes_max)
        throw error{
            error_kind::invalid_argument,
            "the configuration file " + file.string() + " is larger than 1 MiB"};
    read_config_text(text, file.string(), read_it);
}

} // namespace outbox
