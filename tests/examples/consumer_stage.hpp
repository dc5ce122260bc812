#pragma once
// What the tests of the consumer's examples share: where the examples are, a broker to which the
// same message can be written again, a database.

#include "harness/broker_server.hpp"
#include "harness/child_process.hpp"
#include "harness/program_path.hpp"
#include "harness/temp_dir.hpp"
#include "outbox/message/message_id.hpp"
#include "tests/store/postgresql/postgres.hpp"
#include "tests/target/kafka/record_reader.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace outbox::examples {

using namespace std::chrono_literals;

inline constexpr auto patience = 60s;

inline std::string example(const std::string& name) {
    return std::string{OUTBOX_EXAMPLES_DIR} + "/" + name;
}
inline std::string script(const std::string& name) {
    return std::string{OUTBOX_EXAMPLE_SOURCES} + "/" + name;
}

/// The ids of this page's messages: one for each letter.
inline std::string id_of(char letter) {
    return std::string{"018f0000-0000-7000-8000-00000000000"} + letter;
}
inline message_id parsed_id_of(char letter) {
    return message_id::parse(id_of(letter)).value();
}

/// A broker whose groups begin at once.
class broker {
public:
    broker() {
        std::ofstream{folder_ / "broker.toml"} << "[groups]\ninitial_rebalance_delay = \"0ms\"\n";
        server_.emplace(harness::broker_options{.arguments = {"--config", folder_ / "broker.toml"}}
        );
    }
    std::string address() const { return server_->address(); }

    /// Writes the record that a relay makes of a message; the same again, if asked again, as a
    /// relay does that died before it had noted its progress. All have one key, so they keep their
    /// order.
    void send(const std::string& topic, char id, const std::string& payload) const {
        const auto file = folder_ / "payload";
        std::ofstream{file} << payload;
        const auto sent = harness::run_to_end(
            {.argv =
                 {harness::system_program("kcat"),
                  "-P",
                  "-b",
                  address(),
                  "-t",
                  topic,
                  "-k",
                  "key",
                  "-H",
                  "outbox-id=" + id_of(id),
                  "-X",
                  "enable.idempotence=true",
                  file}}
        );
        ASSERT_TRUE(sent.status.ok()) << sent.stderr_text;
    }
    std::vector<std::string> values(const std::string& topic) const {
        std::vector<std::string> all;
        for (const auto& record : kafka::read_topic(address(), topic))
            all.push_back(record.value);
        return all;
    }

private:
    harness::temp_dir folder_;
    std::optional<harness::broker_server> server_;
};

inline std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in{text};
    for (std::string line; std::getline(in, line);)
        lines.push_back(line);
    return lines;
}

inline std::vector<std::string> lines_of(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream{file}.rdbuf();
    return lines_of(text.str());
}

using shop = postgresql::migrated_database;

/// The first column of the first row. Tables outside of the outbox are named with their schema.
inline std::string ask(const shop& at, const std::string& sql) {
    return postgresql::sql_session{at.url()}.value(sql);
}
inline void change(const shop& at, const std::string& sql) {
    postgresql::sql_session{at.url()}.execute(sql);
}

} // namespace outbox::examples
