#include "bench/benches.hpp"

namespace outbox::bench {

std::vector<figure> enqueue_bench(machine&, const settings&) {
    return {};
}

} // namespace outbox::bench
