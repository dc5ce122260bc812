#pragma once
// The commands of `outbox`. Each adds itself to the command line and, when it was chosen, is run;
// it throws outbox::error, which main turns into an exit code:
//
//   0 done · 1 failed · 2 told something wrong · 3 database or broker not reachable · 4 a check
//   found something

#include <CLI/App.hpp>

#include <functional>

namespace outbox::tools {

/// What a chosen command does; returns the exit code.
using action = std::function<int()>;

// `chosen` is set when the command line names the command.
void add_send_command(CLI::App& app, action& chosen);
void add_status_command(CLI::App& app, action& chosen);
void add_migrate_command(CLI::App& app, action& chosen);
void add_dead_command(CLI::App& app, action& chosen);
void add_message_command(CLI::App& app, action& chosen);
void add_demo_command(CLI::App& app, action& chosen);

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_unreachable = 3;
inline constexpr int exit_check = 4;

} // namespace outbox::tools
