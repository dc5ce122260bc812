// outbox-bench NAME [--peers] [--json FILE] [--rounds N] [--only PARTS]

#include "bench/benches.hpp"
#include "outbox/base/error.hpp"

#include <charconv>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>

namespace {

using namespace outbox::bench;

struct entry {
    std::string_view name;
    std::string_view about;
    std::vector<figure> (*run)(machine&, const settings&);
};

constexpr entry benches[] = {
    {"enqueue",
     "what an outbox adds to a business transaction, at every door: round trips, latency, log",
     enqueue_bench},
    {"relay",
     "draining a backlog into a durable broker, against a raw delete loop and PgQ",
     relay_bench},
    {"broker",
     "acknowledged messages per second, each on disk, beside the disk's own rate",
     broker_bench},
    {"consumer",
     "applying each message once, at each checker, and the way of a message to a handler",
     consumer_bench},
};

int usage(std::FILE* to, int code) {
    std::fprintf(
        to,
        "usage: outbox-bench NAME [--peers] [--json FILE] [--rounds N] [--only PARTS]\n\n"
    );
    for (const auto& each : benches)
        std::fprintf(to, "  %-10s %s\n", each.name.data(), each.about.data());
    std::fprintf(to, "  %-10s all of them\n\n", "all");
    std::fprintf(
        to,
        "--peers: enqueue with the usual outbox and PgQ beside ours.\n"
        "--only: just the figures in whose name PARTS stand, such as drain.10000.held_snapshot.\n"
        "Servers are private and temporary, below $TMPDIR; run as root, PostgreSQL runs as the "
        "user postgres.\n"
    );
    return code;
}

} // namespace

int main(int count, char** words) {
    std::string_view name;
    std::filesystem::path json;
    settings how;
    for (int at = 1; at < count; ++at) {
        const std::string_view word = words[at];
        const auto value = [&]() -> std::string_view { return at + 1 < count ? words[++at] : ""; };
        if (word == "--help" || word == "-h")
            return usage(stdout, 0);
        if (word == "--peers")
            how.with_peers = true;
        else if (word == "--json")
            json = value();
        else if (word == "--only")
            how.only = value();
        else if (word == "--rounds") {
            const auto text = value();
            int rounds = 0;
            if (std::from_chars(text.data(), text.data() + text.size(), rounds).ec != std::errc{} ||
                rounds < 1)
                return usage(stderr, 2);
            how.rounds = rounds;
        } else if (name.empty() && !word.starts_with('-'))
            name = word;
        else
            return usage(stderr, 2);
    }
    if (name.empty())
        return usage(stdout, 0);
    try {
        machine where;
        std::vector<figure> figures;
        bool known = false;
        for (const auto& each : benches) {
            if (name != each.name && name != "all")
                continue;
            known = true;
            auto found = each.run(where, how);
            figures.insert(figures.end(), found.begin(), found.end());
        }
        if (!known) {
            std::fprintf(
                stderr,
                "there is no bench %.*s\n",
                static_cast<int>(name.size()),
                name.data()
            );
            return usage(stderr, 2);
        }
        print(figures);
        if (!json.empty())
            write_json(figures, json);
        return 0;
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "outbox-bench: %s\n", failure.what());
        return 1;
    }
}
