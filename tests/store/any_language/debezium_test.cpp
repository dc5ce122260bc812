// What Debezium is told to read is there: the view, the columns that ops/debezium names, and the
// publication of docs/any-language.md. Debezium itself does not run here.

#include "harness/mariadb_server.hpp"
#include "harness/postgres_server.hpp"
#include "outbox/base/hex.hpp"
#include "outbox/message/envelope.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/store/any/open_database.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace outbox {
namespace {

using nlohmann::json;

std::vector<message> several() {
    std::string every_byte;
    for (int i = 0; i < 256; ++i)
        every_byte += static_cast<char>(i);
    return {
        {.to = subject{"orders.paid"},
         .body = {{"orderId", 42}, {"customer", "Zo\u00eb"}},
         .key = order_key{"42"},
         .tags = {tag{"gold"}},
         .properties = {{"source", "caf\u00e9"}}},
        {.to = subject{"orders.shipped"},
         .body = body::raw(every_byte),
         .key = order_key{every_byte}},
        {.to = subject{"empty"}},
    };
}

// The columns that the router is told of: each field, and what it puts beside them.
std::set<std::string> columns_of(const json& config) {
    std::set<std::string> names{config.at("transforms.outbox.route.by.field")};
    for (const auto& [name, value] : config.items())
        if (name.starts_with("transforms.outbox.table.field.event."))
            names.insert(value.get<std::string>());
    std::string beside = config.at("transforms.outbox.table.fields.additional.placement");
    for (std::size_t at = 0; at != std::string::npos;) {
        names.insert(beside.substr(at, beside.find(':', at) - at));
        at = beside.find(',', at);
        at = at == std::string::npos ? at : at + 1;
    }
    return names;
}

class debezium : public ::testing::Test {
protected:
    debezium() { source->open_migrator()->up(); }

    std::vector<envelope> post_several() {
        producer sender{{.database = source.get()}};
        std::vector<envelope> rows;
        for (const message& m : several())
            rows.push_back(freeze(m, sender.post(m), {}));
        return rows;
    }

    harness::postgres_server server{{.settings = {"fsync=off", "wal_level=logical"}}};
    std::unique_ptr<database> source = open_database(server.url());
    json config = json::parse(std::ifstream{DEBEZIUM_CONFIG}).at("config");
};

TEST_F(debezium, the_view_shows_each_message_byte_for_byte) {
    for (const envelope& row : post_several())
        EXPECT_EQ(
            server.psql(
                "select aggregatetype, coalesce(encode(aggregateid, 'hex'), 'null'), type,"
                " encode(headers, 'hex'), encode(payload, 'hex'), \"timestamp\" is not null"
                " from outbox.debezium where id = '" +
                row.id.text() + "'"
            ),
            row.subject + "|" + (row.key ? to_hex(*row.key) : "null") + "|" + row.subject + "|" +
                to_hex(row.headers) + "|" + to_hex(row.payload) + "|t\n"
        );
    EXPECT_EQ(server.psql("select count(*) from outbox.debezium"), "3\n");
}

TEST_F(debezium, the_view_has_the_names_that_the_router_has_by_itself) {
    EXPECT_EQ(
        server.psql("select string_agg(column_name || ' ' || data_type, ', ' order by "
                    "ordinal_position) from information_schema.columns"
                    " where table_schema = 'outbox' and table_name = 'debezium'"),
        "id uuid, aggregatetype text, aggregateid bytea, type text, headers bytea, payload bytea, "
        "timestamp timestamp with time zone\n"
    );
}

TEST_F(debezium, every_column_that_the_configuration_names_is_in_the_table_on_each_server) {
    const harness::mariadb_server mariadb;
    open_database(mariadb.url())->open_migrator()->up();
    EXPECT_EQ(config.at("table.include.list"), "outbox.message");
    const auto names = columns_of(config);
    EXPECT_EQ(
        names,
        (std::set<std::string>{"message_id", "order_key", "payload", "subject", "headers"})
    );
    for (const std::string& name : names) {
        const std::string named =
            "select count(*) from information_schema.columns where column_name = '" + name + "'";
        EXPECT_EQ(
            server.psql(named + " and table_schema || '.' || table_name = 'outbox.message'"),
            "1\n"
        ) << name;
        EXPECT_EQ(
            mariadb.sql(named + " and table_schema = database() and table_name = 'outbox_message'"),
            "1\n"
        ) << name;
    }
}

// As the connector's plugin sees it: one table, whatever partition a row is in, and no removal.
TEST_F(debezium, the_publication_tells_of_each_message_once_and_not_of_its_removal) {
    ASSERT_EQ(config.at("plugin.name"), "pgoutput");
    const std::string publication = config.at("publication.name");
    server.psql(
        "create publication " + publication +
        " for table outbox.message with (publish = 'insert', publish_via_partition_root = true)"
    );
    server.psql("select pg_create_logical_replication_slot('test', 'pgoutput')");
    server.psql("select setval('outbox.message_seq', 262144 - 2)");
    post_several();
    EXPECT_EQ(server.psql("select count(distinct tableoid) from outbox.message"), "2\n");
    server.psql("delete from outbox.message");
    // Behind the kind of a change stands the table that it is said of.
    EXPECT_EQ(
        server.psql(
            "select chr(get_byte(data, 0)),"
            " ('x' || encode(substring(data from 2 for 4), 'hex'))::bit(32)::int::oid::regclass,"
            " count(*) from pg_logical_slot_peek_binary_changes('test', null, null,"
            " 'proto_version', '1', 'publication_names', '" +
            publication + "') where chr(get_byte(data, 0)) not in ('B', 'C', 'R') group by 1, 2"
        ),
        "I|outbox.message|3\n"
    );
}

} // namespace
} // namespace outbox
