#pragma once
// A client without any comfort: one socket, bytes out, bytes in, every wait bounded. What real
// clients would hide (order, pipelining, closed connections) is what these tests look at.

#include "outbox/base/bytes.hpp"
#include "outbox/base/unique_fd.hpp"
#include "wire/header.hpp"
#include "wire/message.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace outbox::broker::test {

/// The other end closed the connection.
class connection_closed : public std::runtime_error {
public:
    connection_closed() : std::runtime_error("the broker closed the connection") {}
};

/// A decoded answer together with the bytes that its views point into.
template <class Response>
struct answer {
    std::unique_ptr<bytes> frame;
    std::int32_t correlation_id = 0;
    Response body;

    const Response* operator->() const noexcept { return &body; }
};

class raw_client {
public:
    explicit raw_client(std::uint16_t port);

    void send_raw(bytes_view data);
    void send_frame(bytes_view message);

    /// A request as it stands on the wire, length and all, with a correlation id of its own.
    template <class Request>
    bytes frame_of(const Request& request, std::int16_t version) {
        bytes message;
        wire::writer out(message);
        wire::write_request_header(
            out,
            {.api_key = static_cast<std::int16_t>(Request::api::key),
             .version = version,
             .correlation_id = ++correlation_,
             .client_id = "raw"}
        );
        wire::encode(out, request, version);
        return framed(message);
    }

    /// Sends a request and returns its correlation id; does not wait.
    template <class Request>
    std::int32_t send(const Request& request, std::int16_t version) {
        send_raw(frame_of(request, version));
        return correlation_;
    }

    /// The next frame from the broker, without its length. Throws connection_closed, or
    /// std::runtime_error after `within`.
    bytes receive(std::chrono::milliseconds within = std::chrono::seconds{20});

    /// The same, decoded as the answer to a request of this version.
    template <class Api>
    answer<typename Api::response>
    receive_as(std::int16_t version, std::chrono::milliseconds within = std::chrono::seconds{20}) {
        answer<typename Api::response> out;
        out.frame = std::make_unique<bytes>(receive(within));
        wire::reader in(*out.frame);
        wire::read_response_header(
            in,
            static_cast<std::int16_t>(Api::key),
            version,
            out.correlation_id
        );
        wire::decode(in, out.body, version);
        in.expect_end();
        if (!in.ok())
            throw std::runtime_error(
                std::string("malformed answer to ") + Api::name + ": " + in.error().message()
            );
        return out;
    }

    /// One request, one answer.
    template <class Request>
    answer<typename Request::api::response> ask(const Request& request, std::int16_t version) {
        const std::int32_t sent = send(request, version);
        auto got = receive_as<typename Request::api>(version);
        if (got.correlation_id != sent)
            throw std::runtime_error("the answer belongs to another request");
        return got;
    }

    /// Whether nothing arrives for `during`: the one test that has to wait for time to pass.
    bool silent_for(std::chrono::milliseconds during);
    /// Waits until the broker closes the connection.
    bool closed_within(std::chrono::milliseconds within);

private:
    static bytes framed(bytes_view message);
    bool wait_readable(std::chrono::milliseconds within);
    void read_some(std::chrono::milliseconds within);

    unique_fd socket_;
    bytes received_;
    std::int32_t correlation_ = 0;
};

} // namespace outbox::broker::test
