#include "harness/broker_server.hpp"
#include "tests/target/kafka/cluster_exam.hpp"

namespace outbox::kafka {

namespace {

class ours final : public cluster {
public:
    std::uint16_t port() const override { return server_.port(); }
    void kill() override { server_.kill(); }
    void start() override { server_.start(); }

private:
    harness::broker_server server_;
};

} // namespace

cluster& the_cluster() {
    static ours one;
    return one;
}

} // namespace outbox::kafka
