#pragma once
// One connection: reads frames, has them dispatched, writes the answers in order. What may be read
// and written when is the pipeline's decision; this is the loop around it.

#include "broker/api/call.hpp"
#include "broker/api/core.hpp"
#include "broker/server/asio.hpp"
#include "broker/server/request_pipeline.hpp"
#include "wire/frame_reader.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace outbox::broker {

class session final : public reply_sink, public std::enable_shared_from_this<session> {
public:
    /// `closed` is called once, when the connection has ended for whatever reason.
    session(
        asio::ip::tcp::socket socket,
        core& broker,
        std::uint64_t id,
        std::function<void(std::uint64_t)> closed
    );

    void start();

    /// Reads no more, answers what it has begun, then ends.
    void finish();
    /// Ends at once.
    void close();
    /// Ends when neither side has moved a byte since `since`.
    void close_if_idle(tick_point since);

    void reply(std::uint64_t slot, std::optional<bytes> frame) override;
    void give_up(const std::string& why) override;
    std::string client_host() const override { return peer_.substr(0, peer_.rfind(':')); }

private:
    void read();
    void dispatch_frames();
    void write();

    asio::ip::tcp::socket socket_;
    core& broker_;
    std::uint64_t id_;
    std::function<void(std::uint64_t)> closed_;
    std::string peer_;
    request_pipeline pipeline_;
    wire::frame_reader frames_;
    std::vector<bytes> outgoing_;
    tick_point moved_;
    bool reading_ = false;
    bool dispatching_ = false;
    bool writing_ = false;
    bool finishing_ = false;
};

} // namespace outbox::broker
