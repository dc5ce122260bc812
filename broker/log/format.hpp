#pragma once
// The numbers of every file in the data directory, in one place. FORMAT.md tells in prose what they
// mean; format_test.cpp holds them against golden bytes. Whoever changes one changes all three and
// `data_version`.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace outbox::broker::format {

/// Grows when a broker that knows only the older number would misread the directory.
inline constexpr std::uint32_t data_version = 1;

// Files directly in the data directory.
inline constexpr std::string_view lock_file = "lock";
inline constexpr std::string_view identity_file = "identity";
inline constexpr std::string_view boot_epoch_file = "boot-epoch";
inline constexpr std::string_view topics_file = "topics";
inline constexpr std::string_view producer_ids_file = "producer-ids";
inline constexpr std::string_view leader_epochs_file = "leader-epochs";
inline constexpr std::string_view durable_offsets_file = "durable-offsets";
inline constexpr std::string_view clean_shutdown_file = "clean-shutdown";

// Files in a partition's directory: twenty digits of the base offset, then one of these.
inline constexpr std::size_t offset_digits = 20;
inline constexpr std::string_view log_suffix = ".log";
inline constexpr std::string_view offset_index_suffix = ".index";
inline constexpr std::string_view time_index_suffix = ".timeindex";
inline constexpr std::string_view producers_suffix = ".producers";
inline constexpr std::string_view temporary_suffix = ".tmp";
/// A partition's directory on its way out; cannot be mistaken for `topic-N`.
inline constexpr std::string_view deleted_suffix = "-delete";
/// A directory that no topic owns and that is not empty.
inline constexpr std::string_view stray_suffix = "-stray";
/// Put there by a person: cut the damage off at the next start, whatever was acknowledged.
inline constexpr std::string_view accept_loss_file = "accept-data-loss";

// A checked file: magic (8), version (4), crc32c of the body (4), body.
inline constexpr std::size_t checked_header_bytes = 16;
inline constexpr std::string_view identity_magic = "OBXIDENT";
inline constexpr std::string_view boot_epoch_magic = "OBXBOOTE";
inline constexpr std::string_view topics_magic = "OBXTOPIC";
inline constexpr std::string_view producer_ids_magic = "OBXPRIDS";
inline constexpr std::string_view leader_epochs_magic = "OBXEPOCH";
inline constexpr std::string_view clean_shutdown_magic = "OBXCLEAN";
inline constexpr std::string_view producers_magic = "OBXPRODU";

// Kafka's index entries.
inline constexpr std::size_t offset_index_entry_bytes = 8; // relative offset (4), position (4)
inline constexpr std::size_t time_index_entry_bytes = 12;  // timestamp (8), relative offset (4)

// durable-offsets: one slot per partition, two records per slot.
inline constexpr std::size_t witness_slot_bytes = 128;
inline constexpr std::size_t witness_record_bytes = 64;
inline constexpr std::uint32_t witness_magic = 0x4f425857; // "OBXW"

/// The smallest unit that a disk writes whole or not at all.
inline constexpr std::size_t sector_bytes = 512;
/// In sync mode a segment is filled with zeros this far ahead, so that fdatasync need not change
/// the file's size.
inline constexpr std::size_t zero_fill_bytes = 1 << 20;

inline constexpr std::int64_t producer_id_block = 1000;
/// Batches remembered per producer, as in Kafka: clients keep at most five in flight.
inline constexpr std::size_t producer_batches_max = 5;

} // namespace outbox::broker::format
