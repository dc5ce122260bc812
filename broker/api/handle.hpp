#pragma once
// The declarations of all handlers. Each stands in the file of its name.

#include "broker/api/call.hpp"
#include "broker/api/core.hpp"
#include "wire/apis.hpp"

namespace outbox::broker {

void handle_api_versions(core& broker, call<wire::api_versions_api> request);
void handle_create_partitions(core& broker, call<wire::create_partitions_api> request);
void handle_create_topics(core& broker, call<wire::create_topics_api> request);
void handle_delete_groups(core& broker, call<wire::delete_groups_api> request);
void handle_delete_topics(core& broker, call<wire::delete_topics_api> request);
void handle_describe_configs(core& broker, call<wire::describe_configs_api> request);
void handle_describe_groups(core& broker, call<wire::describe_groups_api> request);
void handle_fetch(core& broker, call<wire::fetch_api> request);
void handle_find_coordinator(core& broker, call<wire::find_coordinator_api> request);
void handle_heartbeat(core& broker, call<wire::heartbeat_api> request);
void handle_init_producer_id(core& broker, call<wire::init_producer_id_api> request);
void handle_join_group(core& broker, call<wire::join_group_api> request);
void handle_leave_group(core& broker, call<wire::leave_group_api> request);
void handle_list_groups(core& broker, call<wire::list_groups_api> request);
void handle_list_offsets(core& broker, call<wire::list_offsets_api> request);
void handle_metadata(core& broker, call<wire::metadata_api> request);
void handle_offset_commit(core& broker, call<wire::offset_commit_api> request);
void handle_offset_delete(core& broker, call<wire::offset_delete_api> request);
void handle_offset_fetch(core& broker, call<wire::offset_fetch_api> request);
void handle_produce(core& broker, call<wire::produce_api> request);
void handle_sync_group(core& broker, call<wire::sync_group_api> request);

} // namespace outbox::broker
