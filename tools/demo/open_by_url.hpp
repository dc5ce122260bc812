#pragma once
// The demo's own side of a database, opened by the URL that outbox::open_database takes.

#include "outbox/base/error.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace outbox::demo {

/// How to open `T` on each database; null where this build cannot.
template <class T>
struct openers {
    using function = std::unique_ptr<T> (*)(const std::string&);
    function sqlite = nullptr; // by the path
    function postgresql = nullptr;
    function mysql = nullptr;
};

template <class T>
std::unique_ptr<T> open_by_url(const std::string& url, const openers<T>& how) {
    constexpr std::string_view sqlite = "sqlite:";
    if (url.starts_with(sqlite))
        return how.sqlite(url.substr(sqlite.size()));
    if (url.starts_with("mysql://") && how.mysql != nullptr)
        return how.mysql(url);
    if (url.starts_with("postgresql://") && how.postgresql != nullptr)
        return how.postgresql(url);
    throw error(
        error_kind::invalid_argument,
        "this build has no demo for " + url.substr(0, url.find(':'))
    );
}

} // namespace outbox::demo
