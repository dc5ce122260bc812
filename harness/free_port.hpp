#pragma once
// A TCP port on 127.0.0.1 that nobody listens on, for a server that is about to start.

#include <cstdint>

namespace outbox::harness {

/// Never the same number twice in one process, nor one that another process holds from this
/// function: tests may run side by side. It lies below the range from which the kernel takes ports
/// for outgoing connections, so that it stays free while its server is down. Throws outbox::error
/// when there is none.
std::uint16_t free_port();

} // namespace outbox::harness
