#pragma once
// The one list of the APIs that this floor can decode. Whoever needs all of them (the header
// decoder, the tests, the fuzz target) walks this list; a new API is one file in wire/api/ and one
// line here.

#include "wire/api/api_versions.hpp"
#include "wire/api/create_topics.hpp"
#include "wire/api/delete_topics.hpp"
#include "wire/api/describe_configs.hpp"
#include "wire/api/fetch.hpp"
#include "wire/api/find_coordinator.hpp"
#include "wire/api/init_producer_id.hpp"
#include "wire/api/list_offsets.hpp"
#include "wire/api/metadata.hpp"
#include "wire/api/produce.hpp"

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
    find_coordinator_api,
    api_versions_api,
    create_topics_api,
    delete_topics_api,
    init_producer_id_api,
    describe_configs_api>;

} // namespace outbox::wire
