#pragma once
// One request on its way through the broker: what was asked, and the one chance to answer.
//
//   void handle_list_offsets(core& broker, call<wire::list_offsets_api> request) {
//       wire::list_offsets_response response; …
//       request.answer(response);
//   }
//
// A call is a value that moves: into a callback, into a list of waits. It owns the frame, so views
// in the decoded request stay good as long as the call lives. It must be answered exactly once, on
// the loop's thread; one that is destroyed without an answer gives its connection up, because the
// answers behind it can never be sent.

#include "outbox/base/bytes.hpp"
#include "wire/header.hpp"
#include "wire/message.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace outbox::broker {

/// The connection, as a request sees it. Loop's thread only.
class reply_sink {
public:
    virtual ~reply_sink() = default;

    /// A whole frame, or nothing for a request that has no response.
    virtual void reply(std::uint64_t slot, std::optional<bytes> frame) = 0;
    /// Ends the connection; `why` goes into the log.
    virtual void give_up(const std::string& why) = 0;
    /// The address of the client, without its port; for people.
    virtual std::string client_host() const = 0;
};

/// The right to answer one request of one connection. Harmless when the connection has gone.
class responder {
public:
    responder(std::weak_ptr<reply_sink> sink, std::uint64_t connection, std::uint64_t slot)
        : sink_(std::move(sink))
        , connection_(connection)
        , slot_(slot) {}
    responder(responder&& other) noexcept = default;
    responder& operator=(responder&&) = delete;
    ~responder() {
        if (const auto sink = sink_.lock())
            sink->give_up("a request was dropped without an answer");
    }

    void reply(std::optional<bytes> frame) {
        if (const auto sink = std::exchange(sink_, {}).lock())
            sink->reply(slot_, std::move(frame));
    }
    void give_up(const std::string& why) {
        if (const auto sink = std::exchange(sink_, {}).lock())
            sink->give_up(why);
    }
    std::uint64_t connection() const noexcept { return connection_; }
    std::string client_host() const {
        const auto sink = sink_.lock();
        return sink ? sink->client_host() : std::string();
    }

private:
    std::weak_ptr<reply_sink> sink_;
    std::uint64_t connection_;
    std::uint64_t slot_;
};

/// A frame whose header has been read.
struct incoming {
    wire::request_header header;
    std::unique_ptr<bytes> frame; // at a fixed place, so that views into it survive a move
    std::size_t body_at = 0;
    responder back;
};

/// The frame of an answer, ready for the socket: length, header, body.
template <class Response>
bytes response_frame(
    const wire::request_header& header,
    const Response& response,
    std::int16_t version
) {
    constexpr std::size_t length_bytes = 4;
    bytes frame(length_bytes, '\0');
    wire::writer out(frame);
    wire::write_response_header(out, header.api_key, header.version, header.correlation_id);
    wire::encode(out, response, version);
    const auto size = static_cast<std::uint32_t>(frame.size() - length_bytes);
    for (std::size_t i = 0; i < length_bytes; ++i)
        frame[i] = static_cast<char>(size >> (8 * (length_bytes - 1 - i)));
    return frame;
}

template <class Api>
class call {
public:
    call(incoming in, typename Api::request decoded)
        : in_(std::move(in))
        , request_(std::move(decoded)) {}

    const typename Api::request& request() const noexcept { return request_; }
    typename Api::request& request() noexcept { return request_; }
    std::int16_t version() const noexcept { return in_.header.version; }
    std::uint64_t connection() const noexcept { return in_.back.connection(); }
    std::string client_id() const { return in_.header.client_id.value_or(""); }
    std::string client_host() const { return in_.back.client_host(); }
    /// The bytes that views in request() point into: for overwriting a batch in place.
    bytes& frame() noexcept { return *in_.frame; }

    void answer(const typename Api::response& response) {
        in_.back.reply(response_frame(in_.header, response, in_.header.version));
    }
    /// For acks=0: the client does not read an answer.
    void answer_nothing() { in_.back.reply(std::nullopt); }
    void give_up(const std::string& why) { in_.back.give_up(why); }

private:
    incoming in_;
    typename Api::request request_;
};

} // namespace outbox::broker
