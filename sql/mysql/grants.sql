-- Five roles for the outbox in MariaDB or MySQL, none of which can log in: grant them to the users of your programs and
-- make them default (MariaDB: set default role R for U; MySQL: set default role R to U).
--
--   outbox_producer   a business process: puts messages in, and can neither read nor change any
--   outbox_consumer   a consumer: notes what it has done, see docs/idempotency.md
--   outbox_watchdog   a relay: reads messages, keeps its place, removes what is delivered
--   outbox_viewer     people and dashboards: what is waiting and since when; no payload, no headers
--   outbox_migrator   `outbox migrate`: makes and drops the tables
--
-- Run this in the database of the outbox as a user who may create roles and pass these rights on, after every
-- `outbox migrate up`; running it again does no harm. On MySQL let a user without SYSTEM_USER run the first `up`, not
-- root: a procedure that root has made, outbox_migrator cannot drop.

create role if not exists outbox_producer, outbox_consumer, outbox_watchdog, outbox_viewer, outbox_migrator;

-- By column: number and time of a message are the database's to give.
grant insert (message_id, shard, subject, order_key, headers, payload) on outbox_message to outbox_producer;
grant select (shard, doorbell) on outbox_relay to outbox_producer;
-- A producer may cancel and replace what is not due yet, by its id.
grant select (message_id), insert, delete, update (due_at, subject, order_key, headers, payload)
    on outbox_scheduled to outbox_producer;
grant execute on procedure outbox_send to outbox_producer;

-- Not by column: MariaDB wants the whole of UPDATE for ON DUPLICATE KEY UPDATE.
grant select, insert, update, delete on outbox_consumed to outbox_consumer;
grant select, insert, update, delete on outbox_claim to outbox_consumer;
grant select, insert, update, delete on outbox_applied to outbox_consumer;

-- PROCESS lets the relay see when no INSERT is under way any more; without it, it goes by time and says so.
grant process on *.* to outbox_watchdog;
grant select, delete, insert (message_id, shard, subject, order_key, headers, payload)
    on outbox_message to outbox_watchdog;
-- FOR UPDATE wants the right to update something.
grant select, delete, update (due_at) on outbox_scheduled to outbox_watchdog;
grant select, update on outbox_relay to outbox_watchdog;
-- What consumers have applied is removed when it is old enough.
grant select, delete on outbox_consumed to outbox_watchdog;
grant select, delete on outbox_claim to outbox_watchdog;
grant select, delete on outbox_applied to outbox_watchdog;
grant select, insert, update on outbox_numbering to outbox_watchdog;
grant select, insert, delete on outbox_intent to outbox_watchdog;
grant select on outbox_schema_version to outbox_watchdog;

-- The columns are those that `outbox status` counts and `outbox message trace` looks at.
grant select (seq, shard, created_at, message_id, subject, order_key) on outbox_message to outbox_viewer;
grant select (message_id, due_at, shard, subject) on outbox_scheduled to outbox_viewer;
grant select (group_name, message_key, consumed_at) on outbox_consumed to outbox_viewer;
grant select (group_name, message_key, lease_until, changed_at) on outbox_claim to outbox_viewer;
grant select on outbox_relay to outbox_viewer;
grant select on outbox_schema_version to outbox_viewer;

grant all on outbox_message to outbox_migrator;
grant all on outbox_scheduled to outbox_migrator;
grant all on outbox_consumed to outbox_migrator;
grant all on outbox_claim to outbox_migrator;
grant all on outbox_applied to outbox_migrator;
grant all on outbox_relay to outbox_migrator;
grant all on outbox_numbering to outbox_migrator;
grant all on outbox_intent to outbox_migrator;
grant all on outbox_schema_version to outbox_migrator;
grant alter routine on procedure outbox_send to outbox_migrator;
-- In this database, whatever its name; what others have made there it cannot change.
grant create routine on * to outbox_migrator;
