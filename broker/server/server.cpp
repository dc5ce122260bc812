#include "broker/server/server.hpp"

#include "broker/api/core.hpp"
#include "broker/api/limits.hpp"
#include "broker/server/asio_loop.hpp"
#include "broker/server/session.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/log.hpp"

#include <unistd.h>

#include <csignal>
#include <unordered_map>
#include <utility>

namespace outbox::broker {

namespace {

using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::seconds idle_sweep{30};
constexpr std::chrono::milliseconds accept_pause{100};

std::string own_host_name() {
    constexpr std::size_t name_bytes_max = 256;
    char name[name_bytes_max] = {};
    return ::gethostname(name, name_bytes_max - 1) == 0 ? std::string(name) : "127.0.0.1";
}

tcp::endpoint resolve(asio::io_context& context, const server_options& options) {
    error_code ec;
    tcp::resolver resolver(context);
    // IPv4 only: clients that are told a name try ::1 first and would find nobody there.
    const auto found = resolver.resolve(
        tcp::v4(),
        options.listen_host,
        std::to_string(options.listen_port),
        tcp::resolver::passive,
        ec
    );
    if (ec || found.empty())
        throw error(
            error_kind::invalid_argument,
            "cannot listen on '" + options.listen_host +
                "': " + (ec ? ec.message() : "no IPv4 address"),
            "give --listen an IPv4 address of this machine, such as 127.0.0.1:9092"
        );
    return *found.begin();
}

tcp::acceptor bind(asio::io_context& context, const server_options& options) {
    const tcp::endpoint where = resolve(context, options);
    tcp::acceptor acceptor(context);
    error_code ec;
    acceptor.open(where.protocol(), ec);
    if (!ec)
        acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec)
        acceptor.bind(where, ec);
    if (ec) {
        const std::string place = where.address().to_string() + ":" + std::to_string(where.port());
        const bool taken = ec == asio::error::address_in_use;
        throw error(
            taken ? error_kind::conflict : error_kind::io,
            "cannot listen on " + place + ": " + ec.message(),
            taken ? "stop the program that uses the port, or give --listen another one (port 0 "
                    "takes a free one)"
                  : "give --listen an address of this machine"
        );
    }
    return acceptor;
}

} // namespace

class server::impl {
public:
    impl(disk& files, const clock& time, random_source& random, server_options options)
        : options_(std::move(options))
        , time_(time)
        , acceptor_(bind(loop_.context(), options_))
        , logs_(files, time, random, with_progress(options_.log))
        , core_(logs_, loop_, time, random, options_.api, options_.log.topic_defaults) {
        listen();
        advertise();
        loop_.on_wake([this] { core_.expire_waits(); });
        core_.groups.start();
        signals_.add(SIGTERM); // here, so that one that comes before run() is not lost
        signals_.add(SIGINT);
    }

    std::string address() const { return options_.listen_host + ":" + std::to_string(port_); }

    void run() {
        signals_.async_wait([this](const error_code& ec, int) {
            if (!ec)
                begin_stop();
        });
        accept();
        sweep();
        loop_.context().run();
        loop_.stop_worker();
        if (const std::error_code ec = logs_.close())
            throw error(
                error_kind::io,
                "the log was not closed cleanly: " + ec.message(),
                "nothing acknowledged is lost; the next start checks the log"
            );
    }

    void stop() {
        loop_.post([this] { begin_stop(); });
    }

private:
    log_options with_progress(log_options log) {
        log.on_progress = [this](const std::shared_ptr<partition_log>& partition) {
            loop_.post([this, partition] { core_.progressed(partition.get()); });
        };
        return log;
    }

    void listen() {
        error_code ec;
        acceptor_.listen(tcp::acceptor::max_listen_connections, ec);
        const auto where = ec ? tcp::endpoint() : acceptor_.local_endpoint(ec);
        if (ec)
            throw error(
                error_kind::io,
                "cannot listen on " + options_.listen_host + ": " + ec.message()
            );
        port_ = where.port();
        address_ = where.address();
    }

    void advertise() {
        settings& api = options_.api;
        if (!options_.advertised_host.empty())
            api.advertised_host = options_.advertised_host;
        else
            api.advertised_host =
                address_.is_unspecified() ? own_host_name() : address_.to_string();
        api.advertised_port = options_.advertised_port != 0 ? options_.advertised_port : port_;
    }

    void accept() {
        acceptor_.async_accept([this](const error_code& ec, tcp::socket socket) {
            if (stopping_)
                return;
            if (ec) {
                // Usually no file descriptors left. Those who are in are served on; look again
                // soon.
                log(log_level::warning, "broker", "cannot accept a connection: " + ec.message());
                pause_.expires_after(accept_pause);
                pause_.async_wait([this](const error_code& cancelled) {
                    if (!cancelled)
                        accept();
                });
                return;
            }
            admit(std::move(socket));
            accept();
        });
    }

    void admit(tcp::socket socket) {
        if (sessions_.size() >= options_.connection_count_max) {
            log(log_level::warning,
                "broker",
                "a connection was refused: there are " + std::to_string(sessions_.size()) +
                    " already");
            return;
        }
        const std::uint64_t id = ++last_session_;
        auto s =
            std::make_shared<session>(std::move(socket), core_, id, [this](std::uint64_t gone) {
                // Not here and now: the session is in the middle of something.
                asio::post(loop_.context(), [this, gone] {
                    sessions_.erase(gone);
                    end_when_empty();
                });
            });
        sessions_.emplace(id, s);
        s->start();
    }

    void sweep() {
        sweep_.expires_after(idle_sweep);
        sweep_.async_wait([this](const error_code& ec) {
            if (ec)
                return;
            const auto copy = sessions_;
            for (const auto& [id, s] : copy)
                s->close_if_idle(time_.ticks() - connection_idle_max);
            sweep();
        });
    }

    void begin_stop() {
        if (std::exchange(stopping_, true))
            return;
        log(log_level::info,
            "broker",
            "stopping: " + std::to_string(sessions_.size()) + " connections");
        error_code ignored;
        acceptor_.close(ignored);
        signals_.cancel(ignored);
        pause_.cancel();
        sweep_.cancel();
        // Fetches that wait are answered with what there is; sessions end when they have nothing
        // left to say.
        core_.finish_waits();
        const auto copy = sessions_;
        for (const auto& [id, s] : copy)
            s->finish();
        deadline_.expires_after(options_.stop_deadline);
        deadline_.async_wait([this](const error_code& ec) {
            if (ec)
                return;
            log(log_level::warning, "broker", "stopping: the deadline is over, the rest is cut off"
            );
            const auto rest = sessions_;
            for (const auto& [id, s] : rest)
                s->close();
        });
        end_when_empty();
    }

    void end_when_empty() {
        if (stopping_ && sessions_.empty())
            loop_.context().stop();
    }

    server_options options_;
    const clock& time_;
    asio_loop loop_;
    tcp::acceptor acceptor_;
    log_manager logs_;
    core core_;

    std::uint16_t port_ = 0;
    asio::ip::address address_;
    asio::signal_set signals_{loop_.context()};
    asio::steady_timer pause_{loop_.context()};
    asio::steady_timer sweep_{loop_.context()};
    asio::steady_timer deadline_{loop_.context()};
    std::unordered_map<std::uint64_t, std::shared_ptr<session>> sessions_;
    std::uint64_t last_session_ = 0;
    bool stopping_ = false;
};

server::server(disk& files, const clock& time, random_source& random, server_options options)
    : impl_(std::make_unique<impl>(files, time, random, std::move(options))) {}

server::~server() = default;

std::string server::address() const {
    return impl_->address();
}

void server::run() {
    impl_->run();
}

void server::stop() {
    impl_->stop();
}

} // namespace outbox::broker
