#include "outbox/base/unique_fd.hpp"

#include <unistd.h>

namespace outbox {

void unique_fd::reset() noexcept {
    if (fd_ >= 0)
        ::close(std::exchange(fd_, -1));
}

} // namespace outbox
