#pragma once
// The broker as one object: a data directory, a port, and everything between them.
//
//   server broker{posix_disk(), system_clock(), system_random(), options};   // recovers, listens
//   std::cout << "listening on " << broker.address() << std::endl;
//   broker.run();                                                            // until SIGTERM or
//   SIGINT
//
// The constructor throws outbox::error when the directory or the port cannot be had; nobody has
// been let in then. run() returns after a clean stop: no new connections, every request that was
// read is answered, the log is flushed and closed.

#include "broker/api/settings.hpp"
#include "broker/log/log_manager.hpp"
#include "outbox/base/clock.hpp"
#include "outbox/base/random.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace outbox::broker {

struct server_options {
    /// An IPv4 address or a name that has one; "0.0.0.0" is every interface.
    std::string listen_host = "127.0.0.1";
    /// 0: a free one.
    std::uint16_t listen_port = 9092;
    /// What clients are told; empty and 0: where we listen (the host's name when that is every
    /// interface).
    std::string advertised_host{};
    std::uint16_t advertised_port = 0;

    settings api{};
    log_options log{};

    /// One more is let in and closed at once.
    std::size_t connection_count_max = 4096;
    /// How long a stop waits for requests that are being answered.
    std::chrono::milliseconds stop_deadline{std::chrono::seconds{10}};
};

class server {
public:
    /// The disk, the clock and the random source outlive this.
    server(disk& files, const clock& time, random_source& random, server_options options);
    ~server();
    server(const server&) = delete;
    server& operator=(const server&) = delete;

    /// "HOST:PORT" on which clients are accepted.
    std::string address() const;

    /// Returns after the stop; throws outbox::error when the log could not be closed cleanly
    /// (nothing acknowledged is lost by that: the next start recovers).
    void run();

    /// Begins the stop, as SIGTERM does. Any thread.
    void stop();

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace outbox::broker
