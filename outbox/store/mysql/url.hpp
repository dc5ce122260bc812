#pragma once
// Which MariaDB or MySQL a URL names.
//
//   mysql://user:password@host:port/name            also mariadb://…; port 3306 when not given
//   mysql://user@localhost/name?socket=/run/mysqld/mysqld.sock
//   …?hole_patience=30s                             see relay_store_options::hole_patience
//   …?sslmode=require                               encrypted or not at all; nobody asks who it is
//   …?sslmode=verify-full&sslrootcert=/etc/ca.pem   and its certificate is for this host, by that
//                                                   authority
//
// What has a meaning of its own in a URL is written as %XX.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace outbox::mysql {

/// The words are PostgreSQL's: disable, require, verify-full.
enum class tls_mode { off, require, verify_full };

struct server_url {
    std::string user{};
    std::string password{};
    std::string host{};
    std::uint16_t port = 3306;
    /// The database.
    std::string name{};
    /// A unix socket, used instead of host and port when not empty.
    std::string socket{};
    std::optional<std::chrono::milliseconds> hole_patience{};
    tls_mode tls = tls_mode::off;
    /// A file of certificates in PEM; not empty with verify_full, and only there.
    std::string tls_authority{};

    /// Without the password: what may be shown.
    std::string display_name() const;
};

/// True for what begins as above, well-formed or not.
bool is_ours(std::string_view url);

/// Throws outbox::error (invalid_argument), without the password in its text, when `url` does not
/// have this form or names no database.
server_url parse_url(std::string_view url);

} // namespace outbox::mysql
