#include "outbox/base/config_file.hpp"

#include "outbox/base/error.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace outbox {
namespace {

using namespace std::chrono_literals;

// What the reader says about `text`; empty when it says nothing.
std::string complaint(const std::string& text, const std::function<void(config_table&)>& read_it) {
    try {
        read_config_text(text, "f.toml", read_it);
        return {};
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::invalid_argument);
        return e.what();
    }
}

TEST(config_file, reads_every_type) {
    std::string name;
    std::filesystem::path dir;
    bool on = false;
    int count = 0;
    std::uint16_t port = 0;
    std::chrono::milliseconds lease{};
    std::chrono::nanoseconds fine{};
    std::size_t segment = 0;
    std::vector<std::string> list{"replaced"};
    char flush = '?';
    read_config_text(
        R"(name = "orders"
dir = "/var/lib/x"
on = true
count = -3
port = 65535
lease = "10s"
fine = "250ms"
segment = "16MiB"
list = ["a", "b"]
flush = "async"
)",
        "f.toml",
        [&](config_table& file) {
            file.read("name", name);
            file.read("dir", dir);
            file.read("on", on);
            file.read("count", count);
            file.require("port", port, 1, 65535);
            file.read("lease", lease, 1s, 1min);
            file.read("fine", fine);
            file.read_size("segment", segment, 1024);
            file.read("list", list);
            file.read_one_of("flush", flush, {{"sync", 's'}, {"async", 'a'}});
        }
    );
    EXPECT_EQ(name, "orders");
    EXPECT_EQ(dir, "/var/lib/x");
    EXPECT_TRUE(on);
    EXPECT_EQ(count, -3);
    EXPECT_EQ(port, 65535);
    EXPECT_EQ(lease, 10s);
    EXPECT_EQ(fine, 250ms);
    EXPECT_EQ(segment, 16U << 20);
    EXPECT_EQ(list, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(flush, 'a');
}

TEST(config_file, an_absent_key_leaves_the_default) {
    int count = 7;
    std::uint64_t huge = ~0ULL;
    std::chrono::milliseconds lease = 10s;
    std::filesystem::path dir = "x";
    char flush = 's';
    read_config_text("", "f.toml", [&](config_table& file) {
        file.read("count", count);
        file.read_size("huge", huge);
        file.read("lease", lease);
        file.read("dir", dir);
        file.read_one_of("flush", flush, {{"async", 'a'}});
        file.table("none", [](config_table&) { FAIL(); });
        file.each_table("none", [](config_table&) { FAIL(); });
    });
    EXPECT_EQ(count, 7);
    EXPECT_EQ(huge, ~0ULL);
    EXPECT_EQ(lease, 10s);
    EXPECT_EQ(dir, "x");
    EXPECT_EQ(flush, 's');
}

TEST(config_file, an_unknown_key_is_told_with_its_line_and_neighbour) {
    std::string listen;
    std::chrono::milliseconds lease{};
    const auto read_it = [&](config_table& file) {
        file.read("listen", listen);
        file.read("lease", lease);
    };
    EXPECT_EQ(
        complaint("listen = 'x'\nlaese = '1s'\n", read_it),
        "f.toml:2: unknown key 'laese'; the nearest known key is 'lease'"
    );
}

TEST(config_file, an_unknown_table_is_an_unknown_key) {
    const auto read_it = [](config_table& file) { file.table("relay", [](config_table&) {}); };
    EXPECT_EQ(
        complaint("\n[rely]\nx = 1\n", read_it),
        "f.toml:2: unknown key 'rely'; the nearest known key is 'relay'"
    );
}

TEST(config_file, an_unknown_key_deep_inside_is_told_with_its_table) {
    std::string url;
    const auto read_it = [&](config_table& file) {
        file.each_table("database", [&](config_table& database) { database.read("url", url); });
    };
    EXPECT_EQ(
        complaint("[[database]]\nurl = 'a'\n[[database]]\nur = 'b'\n", read_it),
        "f.toml:4: unknown key 'ur' in [[database]]; the nearest known key is 'url'"
    );
}

TEST(config_file, a_missing_key_is_told_with_the_line_of_its_table) {
    std::string url;
    const auto read_it = [&](config_table& file) {
        file.each_table("database", [&](config_table& d) { d.require("url", url); });
    };
    EXPECT_EQ(
        complaint("\n[[database]]\n", read_it),
        "f.toml:2: the key 'url' is missing in [[database]]"
    );
}

TEST(config_file, a_wrong_type_or_range_is_told_with_what_it_must_be) {
    int port = 0;
    bool on = false;
    std::string name;
    std::chrono::milliseconds lease{};
    std::uint32_t segment = 0;
    char flush = 's';
    const auto read_it = [&](config_table& file) {
        file.read("port", port, 1, 65535);
        file.read("on", on);
        file.read("name", name);
        file.read("lease", lease, 1s, 60s);
        file.read_size("segment", segment);
        file.read_one_of("flush", flush, {{"sync", 's'}, {"async", 'a'}});
    };
    const auto port_text = [](const char* shown) {
        return std::string{"f.toml:1: 'port' is "} + shown +
               ", but must be a whole number from 1 to 65535";
    };
    EXPECT_EQ(complaint("port = 65536", read_it), port_text("65536"));
    EXPECT_EQ(complaint("port = 0", read_it), port_text("0"));
    EXPECT_EQ(complaint("port = 1.5", read_it), port_text("1.5"));
    EXPECT_EQ(complaint("port = '1'", read_it), port_text("'1'"));
    EXPECT_EQ(complaint("port = [1]", read_it), port_text("array"));
    EXPECT_EQ(complaint("on = 1", read_it), "f.toml:1: 'on' is 1, but must be true or false");
    EXPECT_EQ(
        complaint("name = true", read_it),
        "f.toml:1: 'name' is true, but must be a string in quotes"
    );
    EXPECT_EQ(
        complaint("lease = 10", read_it),
        "f.toml:1: 'lease' is 10, but must be a duration; write it as \"250ms\", \"10s\", \"5m\", "
        "\"2h\""
    );
    EXPECT_EQ(
        complaint("lease = '5m'", read_it),
        "f.toml:1: 'lease' is '5m', but must be from 1000ms to 60000ms"
    );
    EXPECT_EQ(
        complaint("segment = '4GiB'", read_it),
        "f.toml:1: 'segment' is '4GiB', but must be from 0B to 4294967295B"
    );
    EXPECT_EQ(
        complaint("flush = 'asink'", read_it),
        "f.toml:1: 'flush' is 'asink', but must be one of 'sync', 'async'; the nearest is 'async'"
    );
}

TEST(config_file, a_table_where_a_value_belongs_and_the_reverse) {
    const auto read_it = [](config_table& file) {
        file.table("relay", [](config_table&) {});
        file.each_table("database", [](config_table&) {});
    };
    EXPECT_EQ(
        complaint("relay = 1", read_it),
        "f.toml:1: 'relay' is 1, but must be a table [relay]"
    );
    EXPECT_EQ(
        complaint("[database]", read_it),
        "f.toml:1: 'database' is table, but must be tables [[database]]"
    );
}

TEST(config_file, named_tables_come_with_their_names) {
    std::vector<std::string> seen;
    const auto read_it = [&](config_table& file) {
        file.each_named("route", [&](const std::string& name, config_table& route) {
            int rate = 0;
            route.read("rate", rate);
            seen.push_back(name + "=" + std::to_string(rate));
        });
    };
    EXPECT_EQ(complaint("[route.a]\nrate = 1\n[route.b]\nrate = 2\n", read_it), "");
    EXPECT_EQ(seen, (std::vector<std::string>{"a=1", "b=2"}));
    EXPECT_EQ(
        complaint("[route.a]\nrat = 1\n", read_it),
        "f.toml:2: unknown key 'rat' in [route.a]; the nearest known key is 'rate'"
    );
}

TEST(config_file, what_is_not_toml_is_told_with_its_line) {
    const auto what = complaint("a = 1\nb = \n", [](config_table&) {});
    EXPECT_EQ(what.substr(0, 9), "f.toml:2:") << what;
    EXPECT_EQ(complaint("a = 1\na = 2\n", [](config_table&) {}).substr(0, 9), "f.toml:2:");
}

TEST(config_file, a_program_can_reject_a_value_with_its_line) {
    EXPECT_EQ(
        complaint(
            "\nlisten = 'nonsense'",
            [](config_table& file) {
                std::string listen;
                file.read("listen", listen);
                file.reject("listen", "must be HOST:PORT", "such as 127.0.0.1:9092");
            }
        ),
        "f.toml:2: 'listen' must be HOST:PORT; such as 127.0.0.1:9092"
    );
}

TEST(config_file, a_file_that_is_not_there_or_a_directory_is_an_io_error) {
    for (const char* path : {"/no/such/file.toml", "/"}) {
        try {
            read_config_file(path, [](config_table&) {});
            FAIL() << "it returned for " << path;
        } catch (const error& e) {
            EXPECT_EQ(e.kind(), error_kind::io);
            EXPECT_NE(std::string{e.what()}.find(path), std::string::npos);
        }
    }
}

TEST(config_file, a_file_is_read_whole_and_has_a_limit) {
    const auto path = std::filesystem::temp_directory_path() /
                      ("outbox-config-" + std::to_string(::getpid()) + ".toml");
    int n = 0;
    const auto read_it = [&n](config_table& file) { file.read("n", n); };
    std::ofstream{path} << "#" << std::string(100'000, 'x') << "\nn = 5";
    read_config_file(path, read_it);
    EXPECT_EQ(n, 5);
    std::ofstream{path} << "#" << std::string(1 << 20, 'x');
    EXPECT_THROW(read_config_file(path, read_it), error);
    std::filesystem::remove(path);
}

} // namespace
} // namespace outbox
