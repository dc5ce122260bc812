// outbox-broker: a single-node broker that speaks the Kafka protocol. Exit codes: 0 after a clean
// stop, 1 when it cannot run, 2 for a mistake on the command line or in the configuration file.

#include "broker/config.hpp"
#include "broker/log/posix_disk.hpp"
#include "broker/server/server.hpp"
#include "outbox/base/clock.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/log.hpp"
#include "outbox/base/random.hpp"

#include <sys/resource.h>

#include <csignal>
#include <iostream>

namespace {

/// Every partition and every connection holds descriptors: take what the system lets us have.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

} // namespace

int main(int argc, char** argv) {
    using namespace outbox;
    constexpr int wrong_usage = 2;
    try {
        auto config = broker::read_config(argc, argv);
        if (!config.options)
            return config.exit_code;
        set_log_sink(stderr_log_sink(log_level::info));
        std::signal(SIGPIPE, SIG_IGN);
        raise_descriptor_limit();
        broker::server server(
            broker::posix_disk(),
            system_clock(),
            system_random(),
            std::move(*config.options)
        );
        std::cout << "outbox-broker listening on " << server.address() << std::endl;
        server.run();
        return 0;
    } catch (const error& e) {
        std::cerr << "outbox-broker: " << e.what() << '\n';
        return e.kind() == error_kind::invalid_argument ? wrong_usage : 1;
    } catch (const std::exception& e) {
        std::cerr << "outbox-broker: " << e.what() << '\n';
        return 1;
    }
}
