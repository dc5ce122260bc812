#pragma once
// The points service of the crash tests with its effects outside of any database: each point is a
// line in a file, and a lease in Redis decides who may write it. What may happen twice is counted,
// what is missing is lost.

#include "tools/demo/points.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>

namespace outbox::demo {

/// Of a Redis on 127.0.0.1; `file` is made at the first point.
std::unique_ptr<points_book>
open_redis_points_book(std::uint16_t port, const std::filesystem::path& file);

} // namespace outbox::demo
