#include "harness/kafka_server.hpp"

#include "harness/free_port.hpp"
#include "harness/program_path.hpp"
#include "harness/wait_until.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/unique_fd.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>
#include <vector>

namespace outbox::harness {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;

bool receive(int fd, char* out, std::size_t size) {
    while (size > 0) {
        const auto n = ::recv(fd, out, size, 0);
        if (n <= 0)
            return false;
        out += n;
        size -= static_cast<std::size_t>(n);
    }
    return true;
}

std::uint32_t big_endian(const char* at) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i)
        value = value << 8 | static_cast<unsigned char>(at[i]);
    return value;
}

} // namespace

std::string kafka_jars() {
    const char* named = std::getenv("OUTBOX_KAFKA_JARS");
    const std::filesystem::path folder{named ? named : OUTBOX_KAFKA_JARS};
    std::error_code absent;
    for (const auto& entry : std::filesystem::directory_iterator{folder, absent})
        if (entry.path().filename().string().starts_with("kafka_2"))
            return folder;
    throw error{
        error_kind::invalid_argument,
        "Apache Kafka's jars are not in " + folder.string(),
        "`./run test` fetches them with Maven; or set OUTBOX_KAFKA_JARS to a folder that has them"};
}

bool answers_kafka_metadata(std::uint16_t port) {
    const unique_fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const timeval limit{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return false;
    // Metadata v1: size 18, api 3, version 1, correlation 7, client id "test", topics: an empty
    // array, so none.
    constexpr auto request = "\0\0\0\x12\0\x03\0\x01\0\0\0\x07\0\x04test\0\0\0\0"sv;
    if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size()))
        return false;
    std::array<char, 12> answer{}; // size, correlation, number of brokers
    return receive(fd.get(), answer.data(), answer.size()) && big_endian(&answer[4]) == 7 &&
           static_cast<std::int32_t>(big_endian(&answer[8])) > 0;
}

kafka_server::kafka_server(kafka_options options)
    : jars_(kafka_jars())
    , port_(free_port())
    , controller_port_(free_port()) {
    const auto broker = address();
    const auto controller = "127.0.0.1:" + std::to_string(controller_port_);
    std::map<std::string, std::string> properties{
        {"process.roles", "broker,controller"},
        {"node.id", "1"},
        {"controller.quorum.voters", "1@" + controller},
        {"listeners", "PLAINTEXT://" + broker + ",CONTROLLER://" + controller},
        {"advertised.listeners", "PLAINTEXT://" + broker},
        {"controller.listener.names", "CONTROLLER"},
        {"inter.broker.listener.name", "PLAINTEXT"},
        {"listener.security.protocol.map", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT"},
        {"log.dirs", dir_ / "data"},
        {"num.partitions", "4"},
        {"offsets.topic.num.partitions", "1"},
        {"offsets.topic.replication.factor", "1"},
        {"transaction.state.log.num.partitions", "1"},
        {"transaction.state.log.replication.factor", "1"},
        {"transaction.state.log.min.isr", "1"},
        {"group.initial.rebalance.delay.ms", "0"},
        {"log.cleaner.dedupe.buffer.size", "2097152"},
    };
    for (auto& [name, value] : options.properties)
        properties[name] = value;
    const auto file = dir_ / "server.properties";
    {
        std::ofstream out{file};
        for (const auto& [name, value] : properties)
            out << name << '=' << value << '\n';
    }
    const auto formatted = run_to_end(
        java(
            "128m",
            {"kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", file}
        ),
        120s
    );
    if (!formatted.status.ok())
        throw error{
            error_kind::io,
            "Kafka's format: " + formatted.stdout_text + formatted.stderr_text};
    start();
}

child_options
kafka_server::java(const std::string& heap, std::vector<std::string> arguments) const {
    std::vector<std::string> argv{
        "java",
        "-Xms" + heap,
        "-Xmx" + heap,
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dkafka.logs.dir=" + (dir_ / "logs").string(),
        "-cp",
        jars_ + "/*",
    };
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return {.argv = std::move(argv), .working_directory = dir_.path()};
}

void kafka_server::start() {
    if (process_)
        throw usage_error{"kafka_server: start() while it runs"};
    process_.emplace(java("512m", {"kafka.Kafka", dir_ / "server.properties"}));
    try {
        wait_until(
            [this] {
                if (!process_->running())
                    throw error{error_kind::io, process_->describe("Kafka ended while starting")};
                return answers_kafka_metadata(port_);
            },
            180s,
            "Apache Kafka to answer a metadata request"
        );
    } catch (const timed_out& late) {
        const auto told = process_->describe(late.what());
        process_.reset();
        throw timed_out{told};
    } catch (...) {
        process_.reset();
        throw;
    }
}

exit_status kafka_server::stop() {
    if (!process_)
        throw usage_error{"kafka_server: stop() while it does not run"};
    const auto status = process_->stop(SIGTERM, 120s);
    process_.reset();
    return status;
}

void kafka_server::kill() {
    if (!process_)
        throw usage_error{"kafka_server: kill() while it does not run"};
    process_->stop(SIGKILL);
    process_.reset();
}

} // namespace outbox::harness
