#pragma once
// The command line and the configuration file of outbox-broker. What the command line says wins
// over the file:
//
//   data_dir = "/var/lib/outbox-broker"    # --data-dir
//   listen = "127.0.0.1:9092"              # --listen
//   advertise = "broker.example:9092"      # --advertise
//   flush = "sync"                         # --flush: "sync" or "async"
//   flush_interval = "1s"                  # how long async topics may keep acknowledged records in
//   memory connections_max = 4096 stop_deadline = "10s"
//
//   [topics]                               # for topics that do not say otherwise
//   auto_create = true
//   partitions = 4
//   message_max = "1MiB"
//   segment = "1GiB"
//   retention = "7d"
//
//   [groups]
//   initial_rebalance_delay = "500ms"      # the first member of a group waits so long for others
//   session_min = "6s"                     # session timeouts outside these are refused
//   session_max = "30m"
//   offsets_retention = "7d"               # of groups without members
//   members_max = 1000
//   groups_max = 10000

#include "broker/server/server.hpp"

#include <optional>

namespace outbox::broker {

struct config_result {
    /// Nothing when the program should end now, with exit_code (after --help, or a mistake on the
    /// command line that has been explained).
    std::optional<server_options> options;
    int exit_code = 0;
};

/// Throws outbox::error (invalid_argument) for a mistake in the file or a value that makes no
/// sense.
config_result read_config(int argc, char** argv);

} // namespace outbox::broker
