#pragma once
// Where the programs are that a test starts.

#include <filesystem>
#include <string>

namespace outbox::harness {

/// One of ours, of the same build as the test: "outbox", "outbox-broker", "outbox-watchdog".
/// Throws outbox::error when it has not been built.
std::filesystem::path our_program(const std::string& name);

/// One of the system's, looked up in PATH. Throws outbox::error that names the program when it is
/// not there.
std::filesystem::path system_program(const std::string& name);

} // namespace outbox::harness
