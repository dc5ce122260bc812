#pragma once
// The real disk: each call is the system call of its name. Nothing else.

#include "broker/log/disk.hpp"

namespace outbox::broker {

/// Lives for the whole program; any thread.
disk& posix_disk() noexcept;

} // namespace outbox::broker
