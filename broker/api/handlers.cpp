#include "broker/api/handlers.hpp"

#include "broker/api/handle.hpp"

#include <algorithm>
#include <array>

namespace outbox::broker {

namespace {

std::string describe(const wire::reader& in) {
    std::string text = in.error().message();
    if (in.field())
        text += std::string(", in the field '") + in.field() + "'";
    return text + ", at byte " + std::to_string(in.position());
}

/// Decodes the body, then calls the handler: the one place where bytes become a typed request.
template <class Api, void (*Handler)(core&, call<Api>)>
void decode_and_handle(core& broker, incoming in) {
    wire::reader body(bytes_view(*in.frame).substr(in.body_at));
    typename Api::request request;
    wire::decode(body, request, in.header.version);
    if constexpr (!requires { Api::may_have_bytes_behind; })
        body.expect_end();
    if (!body.ok()) {
        in.back.give_up(
            std::string("garbled ") + Api::name + " v" + std::to_string(in.header.version) + ": " +
            describe(body)
        );
        return;
    }
    Handler(broker, call<Api>(std::move(in), std::move(request)));
}

template <class Api, void (*Handler)(core&, call<Api>)>
constexpr api_entry entry() {
    return {Api::key, Api::name, Api::versions, decode_and_handle<Api, Handler>};
}

constexpr auto entries = std::to_array<api_entry>({
    entry<wire::produce_api, handle_produce>(),
    entry<wire::fetch_api, handle_fetch>(),
    entry<wire::list_offsets_api, handle_list_offsets>(),
    entry<wire::metadata_api, handle_metadata>(),
    entry<wire::offset_commit_api, handle_offset_commit>(),
    entry<wire::offset_fetch_api, handle_offset_fetch>(),
    entry<wire::find_coordinator_api, handle_find_coordinator>(),
    entry<wire::join_group_api, handle_join_group>(),
    entry<wire::heartbeat_api, handle_heartbeat>(),
    entry<wire::leave_group_api, handle_leave_group>(),
    entry<wire::sync_group_api, handle_sync_group>(),
    entry<wire::describe_groups_api, handle_describe_groups>(),
    entry<wire::list_groups_api, handle_list_groups>(),
    entry<wire::api_versions_api, handle_api_versions>(),
    entry<wire::create_topics_api, handle_create_topics>(),
    entry<wire::delete_topics_api, handle_delete_topics>(),
    entry<wire::init_producer_id_api, handle_init_producer_id>(),
    entry<wire::describe_configs_api, handle_describe_configs>(),
    entry<wire::create_partitions_api, handle_create_partitions>(),
    entry<wire::delete_groups_api, handle_delete_groups>(),
    entry<wire::offset_delete_api, handle_offset_delete>(),
});
static_assert(std::ranges::is_sorted(entries, {}, &api_entry::key));

/// A client newer than we are asks in a version that we cannot read. The protocol's way out: the
/// layout of version 0, which every client can read, the error, and the list.
void answer_unknown_api_versions(const wire::request_header& header, responder back) {
    wire::api_versions_response response{.error = wire::error_code::unsupported_version};
    for (const api_entry& e : entries)
        response.api_keys.push_back(
            {static_cast<std::int16_t>(e.key), e.versions.min, e.versions.max}
        );
    back.reply(response_frame(header, response, 0));
}

} // namespace

std::span<const api_entry> api_entries() noexcept {
    return entries;
}

void dispatch(core& broker, bytes frame, responder back) {
    auto owned = std::make_unique<bytes>(std::move(frame));
    wire::reader in(*owned);
    const wire::request_header header = wire::read_request_header(in);
    const auto found =
        std::ranges::find(entries, static_cast<wire::api_key>(header.api_key), &api_entry::key);
    if (!in.ok() || found == entries.end()) {
        back.give_up(
            "garbled request header (API key " + std::to_string(header.api_key) + " v" +
            std::to_string(header.version) + "): " + describe(in)
        );
        return;
    }
    if (!found->versions.contains(header.version)) {
        if (found->key == wire::api_key::api_versions && header.version > found->versions.max)
            answer_unknown_api_versions(header, std::move(back));
        else
            back.give_up(
                std::string(found->name) + " v" + std::to_string(header.version) +
                " is not supported; v" + std::to_string(found->versions.min) + " to v" +
                std::to_string(found->versions.max) + " are"
            );
        return;
    }
    found->handle(broker, {header, std::move(owned), in.position(), std::move(back)});
}

} // namespace outbox::broker
