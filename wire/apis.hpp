#pragma once
// The one list of the APIs that this floor can decode. Whoever needs all of them (the header
// decoder, the tests, the fuzz target) walks this list; a new API is one file in wire/api/ and one
// line here.

#include "wire/api/api_versions.hpp"
#include "wire/api/create_partitions.hpp"
#include "wire/api/create_topics.hpp"
#include "wire/api/delete_groups.hpp"
#include "wire/api/delete_topics.hpp"
#include "wire/api/describe_configs.hpp"
#include "wire/api/describe_groups.hpp"
#include "wire/api/fetch.hpp"
#include "wire/api/find_coordinator.hpp"
#include "wire/api/heartbeat.hpp"
#include "wire/api/init_producer_id.hpp"
#include "wire/api/join_group.hpp"
#include "wire/api/leave_group.hpp"
#include "wire/api/list_groups.hpp"
#include "wire/api/list_offsets.hpp"
#include "wire/api/metadata.hpp"
#include "wire/api/offset_commit.hpp"
#include "wire/api/offset_delete.hpp"
#include "wire/api/offset_fetch.hpp"
#include "wire/api/produce.hpp"
#include "wire/api/sync_group.hpp"

namespace outbox::wire {

template <class... Apis>
struct api_list {
    /// Calls visit.template operator()<Api>() for every API.
    template <class Visit>
    static void for_each(Visit&& visit) {
        (visit.template operator()<Apis>(), ...);
    }
};

using all_apis = api_list<
    produce_api,
    fetch_api,
    list_offsets_api,
    metadata_api,
    offset_commit_api,
    offset_fetch_api,
    find_coordinator_api,
    join_group_api,
    heartbeat_api,
    leave_group_api,
    sync_group_api,
    describe_groups_api,
    list_groups_api,
    api_versions_api,
    create_topics_api,
    delete_topics_api,
    init_producer_id_api,
    describe_configs_api,
    create_partitions_api,
    delete_groups_api,
    offset_delete_api>;

} // namespace outbox::wire
