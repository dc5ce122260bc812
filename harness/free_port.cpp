#include "harness/free_port.hpp"

#include "outbox/base/error.hpp"
#include "outbox/base/random.hpp"
#include "outbox/base/unique_fd.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace outbox::harness {
namespace {

constexpr std::uint64_t port_lowest = 10'000;
constexpr std::uint64_t port_highest = 32'000;

// The claim is a name in the kernel's abstract socket namespace: no file to leave behind, gone with
// the process.
unique_fd claim(std::uint16_t port) {
    unique_fd fd{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const std::string text = "outbox-test-port-" + std::to_string(port);
    std::copy(text.begin(), text.end(), name.sun_path + 1);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), length) != 0)
        return {};
    return fd;
}

bool nobody_listens(std::uint16_t port) {
    const unique_fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

} // namespace

std::uint16_t free_port() {
    static std::mutex mutex;
    static auto& claims =
        *new std::vector<unique_fd>; // never destroyed: held until the process ends
    const std::lock_guard lock{mutex};
    for (int attempt = 0; attempt < 1000; ++attempt) {
        const auto port = static_cast<std::uint16_t>(
            port_lowest + system_random().below(port_highest - port_lowest)
        );
        auto held = claim(port);
        if (held && nobody_listens(port)) {
            claims.push_back(std::move(held));
            return port;
        }
    }
    throw error{error_kind::conflict, "no free TCP port on 127.0.0.1 after 1000 attempts"};
}

} // namespace outbox::harness
