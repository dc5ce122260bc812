#include "outbox/store/mysql/url.hpp"

#include "outbox/base/error.hpp"
#include "outbox/base/hex.hpp"
#include "outbox/base/units.hpp"

#include <array>
#include <charconv>

namespace outbox::mysql {
namespace {

constexpr std::array<std::string_view, 2> schemes = {"mysql://", "mariadb://"};

[[noreturn]] void refuse(const std::string& why) {
    throw error(
        error_kind::invalid_argument,
        "the database URL cannot be understood: " + why,
        "write mysql://USER:PASSWORD@HOST:PORT/NAME"
    );
}

std::string decode(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        if (text.front() != '%') {
            result += text.front();
            text.remove_prefix(1);
            continue;
        }
        const auto byte = from_hex(text.substr(1, 2));
        if (!byte || byte->size() != 1)
            refuse("a % that no two hexadecimal digits follow");
        result += *byte;
        text.remove_prefix(3);
    }
    return result;
}

// What stands before `mark`; `text` keeps what follows it. All of it when the mark is not there.
std::string_view cut(std::string_view& text, char mark) {
    const auto at = text.find(mark);
    const std::string_view before = text.substr(0, at);
    text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
    return before;
}

std::uint16_t parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (wrong != std::errc{} || end != text.data() + text.size() || port == 0)
        refuse("its port is none; write a / or ? of the password as %2F or %3F"
        ); // may be part of it
    return port;
}

tls_mode parse_tls_mode(const std::string& text) {
    if (text == "disable")
        return tls_mode::off;
    if (text == "require")
        return tls_mode::require;
    if (text == "verify-full")
        return tls_mode::verify_full;
    refuse("sslmode is disable, require or verify-full");
}

void read_parameters(std::string_view text, server_url& into) {
    while (!text.empty()) {
        std::string_view value = cut(text, '&');
        const std::string name = decode(cut(value, '='));
        if (name == "socket") {
            into.socket = decode(value);
        } else if (name == "hole_patience") {
            into.hole_patience = parse_duration(decode(value));
            if (!into.hole_patience)
                refuse("hole_patience is a duration such as 10s");
        } else if (name == "sslmode") {
            into.tls = parse_tls_mode(decode(value));
        } else if (name == "sslrootcert") {
            into.tls_authority = decode(value);
        } else {
            refuse(
                "no parameter is named \"" + name +
                "\"; there are socket, hole_patience, sslmode "
                "and sslrootcert"
            );
        }
    }
    // Half of it would look safe and check nothing.
    if ((into.tls == tls_mode::verify_full) == into.tls_authority.empty())
        refuse("sslmode=verify-full and sslrootcert=FILE go together");
}

} // namespace

bool is_ours(std::string_view url) {
    for (const std::string_view scheme : schemes)
        if (url.starts_with(scheme))
            return true;
    return false;
}

server_url parse_url(std::string_view url) {
    server_url result;
    for (const std::string_view scheme : schemes)
        if (url.starts_with(scheme))
            url.remove_prefix(scheme.size());
    std::string_view parameters = url;
    url = cut(parameters, '?');
    std::string_view name = url;
    std::string_view place = cut(name, '/');
    result.name = decode(name);
    if (const auto at = place.rfind('@'); at != std::string_view::npos) {
        std::string_view password = place.substr(0, at);
        result.user = decode(cut(password, ':'));
        result.password = decode(password);
        place.remove_prefix(at + 1);
    }
    if (place.starts_with('[')) { // an IPv6 address
        place.remove_prefix(1);
        result.host = decode(cut(place, ']'));
        cut(place, ':');
    } else {
        result.host = decode(cut(place, ':'));
    }
    if (!place.empty())
        result.port = parse_port(place);
    read_parameters(parameters, result);
    if (result.host.empty())
        result.host = "localhost";
    if (result.name.empty() || result.name.find('/') != std::string::npos)
        refuse("it names no database");
    return result;
}

std::string server_url::display_name() const {
    const bool is_ipv6 = host.find(':') != std::string::npos;
    const std::string place =
        !socket.empty() ? socket + ":"
                        : (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port) + "/";
    return "mysql://" + (user.empty() ? "" : user + "@") + place + name;
}

} // namespace outbox::mysql
