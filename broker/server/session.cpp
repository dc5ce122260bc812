#include "broker/server/session.hpp"

#include "broker/api/handlers.hpp"
#include "broker/api/limits.hpp"
#include "outbox/base/log.hpp"

#include <utility>

namespace outbox::broker {

namespace {

using boost::system::error_code;

constexpr std::size_t answers_per_write_max = 64;

std::string describe_peer(const asio::ip::tcp::socket& socket) {
    error_code ec;
    const auto peer = socket.remote_endpoint(ec);
    return ec ? std::string("a client that has gone")
              : peer.address().to_string() + ":" + std::to_string(peer.port());
}

} // namespace

session::session(
    asio::ip::tcp::socket socket,
    core& broker,
    std::uint64_t id,
    std::function<void(std::uint64_t)> closed
)
    : socket_(std::move(socket))
    , broker_(broker)
    , id_(id)
    , closed_(std::move(closed))
    , peer_(describe_peer(socket_))
    , pipeline_({.requests_max = requests_in_flight_max, .bytes_max = connection_bytes_max})
    , moved_(broker.time.ticks()) {
    error_code ignored;
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

void session::start() {
    read();
}

// Not while frames are being taken: what is read goes where frame_reader said, and taking a frame
// may move or free that. Whoever dispatches reads afterwards.
void session::read() {
    if (reading_ || dispatching_ || finishing_ || !socket_.is_open() || !pipeline_.may_read())
        return;
    reading_ = true;
    const auto room = frames_.room();
    socket_.async_read_some(
        asio::buffer(room.data(), room.size()),
        [self = shared_from_this()](const error_code& ec, std::size_t size) {
            self->reading_ = false;
            if (ec) {
                if (!self->finishing_)
                    self->close();
                return;
            }
            self->moved_ = self->broker_.time.ticks();
            self->frames_.filled(size);
            self->dispatch_frames();
            self->read();
        }
    );
}

void session::dispatch_frames() {
    if (dispatching_)
        return; // a handler answered at once: the loop below goes on
    dispatching_ = true;
    while (socket_.is_open() && !finishing_ && pipeline_.may_read()) {
        auto frame = frames_.next();
        if (!frame)
            break;
        const auto slot = pipeline_.open(frame->size());
        dispatch(broker_, std::move(*frame), responder(weak_from_this(), id_, slot));
    }
    dispatching_ = false;
    if (frames_.error())
        give_up(
            frames_.error().message() + " (its length field says " +
            std::to_string(frames_.announced_bytes()) + " bytes)"
        );
}

void session::reply(std::uint64_t slot, std::optional<bytes> frame) {
    if (!socket_.is_open())
        return;
    pipeline_.close(slot, std::move(frame));
    write();
    // Room was made: frames that had to wait in the buffer, then the socket.
    dispatch_frames();
    read();
}

void session::write() {
    if (writing_ || !socket_.is_open())
        return;
    while (outgoing_.size() < answers_per_write_max) {
        auto answer = pipeline_.take_writable();
        if (!answer)
            break;
        outgoing_.push_back(std::move(*answer));
    }
    if (outgoing_.empty()) {
        if (finishing_ && pipeline_.idle())
            close();
        return;
    }
    std::vector<asio::const_buffer> buffers;
    buffers.reserve(outgoing_.size());
    for (const bytes& answer : outgoing_)
        buffers.push_back(asio::buffer(answer));
    writing_ = true;
    asio::async_write(
        socket_,
        std::move(buffers),
        [this](const error_code& ec, std::size_t) -> std::size_t {
            moved_ = broker_.time.ticks(); // a slow reader that takes anything is not idle
            constexpr std::size_t chunk_bytes = 256 * 1024;
            return ec ? 0 : chunk_bytes;
        },
        [self = shared_from_this()](const error_code& ec, std::size_t size) {
            self->writing_ = false;
            self->outgoing_.clear();
            if (ec) {
                self->close();
                return;
            }
            self->pipeline_.written(size);
            self->write();
            self->dispatch_frames();
            self->read();
        }
    );
}

void session::finish() {
    if (!socket_.is_open())
        return;
    finishing_ = true;
    error_code ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_receive, ignored);
    write();
}

void session::close() {
    if (!socket_.is_open())
        return;
    const auto self = shared_from_this();
    error_code ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
    broker_.connection_closed(id_);
    closed_(id_);
}

void session::close_if_idle(tick_point since) {
    if (moved_ < since && (pipeline_.idle() || writing_))
        close();
}

void session::give_up(const std::string& why) {
    if (!socket_.is_open())
        return;
    log(log_level::warning, "broker", "connection from " + peer_ + " closed: " + why);
    close();
}

} // namespace outbox::broker
