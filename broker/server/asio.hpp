#pragma once
// The one door to Boost.Asio, compiled once in asio.cpp. Only the sources of this folder include
// it.

#include <utility> // Asio 1.74 uses std::exchange without it

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

namespace outbox::broker {

namespace asio = boost::asio;

} // namespace outbox::broker
