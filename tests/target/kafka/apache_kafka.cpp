#include "harness/kafka_server.hpp"
#include "tests/target/kafka/cluster_exam.hpp"

namespace outbox::kafka {

namespace {

class apache final : public cluster {
public:
    std::uint16_t port() const override { return server_.port(); }
    void kill() override { server_.kill(); }
    void start() override { server_.start(); }

private:
    harness::kafka_server server_;
};

} // namespace

cluster& the_cluster() {
    static apache one;
    return one;
}

} // namespace outbox::kafka
