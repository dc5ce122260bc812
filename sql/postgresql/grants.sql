-- Five roles for the outbox in PostgreSQL, none of which can log in: grant them to the users of your programs.
--
--   outbox_producer   a business process: puts messages in, and can neither read nor change any
--   outbox_consumer   a consumer: notes what it has done, see docs/idempotency.md
--   outbox_watchdog   a relay: reads messages, keeps its place, empties partitions that are delivered
--   outbox_viewer     people and dashboards: what is waiting and since when; no payload, no headers
--   outbox_migrator   `outbox migrate`: owns the tables
--
-- Run this as a superuser in the database of the outbox, after every `outbox migrate up`; running it again does no harm.
-- Where there is no superuser: as an owner of the tables with CREATEROLE, who is made a member of outbox_migrator first.

begin;

do $$
declare
    needed name;
begin
    foreach needed in array array['outbox_producer', 'outbox_consumer', 'outbox_watchdog', 'outbox_viewer', 'outbox_migrator'] loop
        if not exists (select from pg_roles where rolname = needed) then
            execute format('create role %I nologin', needed);
        end if;
    end loop;
end $$;

-- Whatever was granted by an earlier version of this file.
revoke all on schema outbox from outbox_producer, outbox_consumer, outbox_watchdog, outbox_viewer;
revoke all on all tables in schema outbox from outbox_producer, outbox_consumer, outbox_watchdog, outbox_viewer;
revoke all on all sequences in schema outbox from outbox_producer, outbox_consumer, outbox_watchdog, outbox_viewer;
grant usage on schema outbox to outbox_producer, outbox_consumer, outbox_watchdog, outbox_viewer;

-- By column: number, transaction and time of a message are the database's to give.
grant insert (message_id, shard, subject, order_key, headers, payload) on outbox.message to outbox_producer;
grant usage on sequence outbox.message_seq to outbox_producer;
-- A producer may cancel and replace what is not due yet, by its id.
grant select (message_id), insert, delete on outbox.scheduled to outbox_producer;
grant update (due_at, subject, order_key, headers, payload) on outbox.scheduled to outbox_producer;
grant select (shard, doorbell) on outbox.relay to outbox_producer;

-- By column: when a key was noted is the database's to say.
grant select, insert (group_name, message_key), delete on outbox.consumed to outbox_consumer;
grant select, insert (group_name, message_key, token, lease_until), update (token, lease_until, changed_at), delete
    on outbox.claim to outbox_consumer;
grant select, insert (group_name, source, shard, numbers), update (numbers, changed_at), delete
    on outbox.applied to outbox_consumer;

-- xid: rows that came with a dump get a transaction of this cluster. TRUNCATE goes with the lock that it needs.
grant select, update (xid) on outbox.message to outbox_watchdog;
grant select, truncate on outbox.message_0, outbox.message_1, outbox.message_2, outbox.message_3 to outbox_watchdog;
grant select on sequence outbox.message_seq to outbox_watchdog;
grant select, update (owner, epoch, lease_until, doorbell, cursor_window, cursor_seq) on outbox.relay to outbox_watchdog;
grant select on outbox.schema_version to outbox_watchdog;
-- FOR UPDATE wants the right to update something.
grant select, delete, update (due_at) on outbox.scheduled to outbox_watchdog;
grant insert (message_id, shard, subject, order_key, headers, payload) on outbox.message to outbox_watchdog;
grant usage on sequence outbox.message_seq to outbox_watchdog;
-- What consumers have applied is removed when it is old enough. FOR UPDATE as above.
grant select, delete on outbox.consumed to outbox_watchdog;
grant select (group_name, message_key, lease_until, changed_at), delete, update (changed_at)
    on outbox.claim to outbox_watchdog;
grant select (group_name, source, shard, changed_at), delete, update (changed_at)
    on outbox.applied to outbox_watchdog;
-- Numbering.
grant select, insert, update on outbox.numbering to outbox_watchdog;
grant select, insert, delete on outbox.intent to outbox_watchdog;

create or replace view outbox.message_overview as
select seq, created_at, message_id, shard, subject, order_key,
    octet_length(headers) as headers_bytes, octet_length(payload) as payload_bytes
from outbox.message;

-- The columns are those that `outbox status` counts and `outbox message trace` looks at.
grant select on outbox.message_overview, outbox.relay, outbox.schema_version to outbox_viewer;
grant select (seq, xid, created_at, message_id, shard, subject) on outbox.message to outbox_viewer;
grant select (message_id, due_at, shard, subject) on outbox.scheduled to outbox_viewer;
grant select (group_name, message_key, consumed_at) on outbox.consumed to outbox_viewer;
grant select (group_name, message_key, lease_until, changed_at) on outbox.claim to outbox_viewer;

-- Every member can then change what any other has made.
do $$
declare
    found record;
begin
    execute format('grant create on database %I to outbox_migrator', current_database());
    alter schema outbox owner to outbox_migrator;
    for found in
        select case relkind when 'v' then 'view' else 'table' end as kind, oid::regclass::text as name
        from pg_class where relnamespace = 'outbox'::regnamespace and relkind in ('r', 'p', 'v')
        union all
        select 'function', oid::regprocedure::text from pg_proc where pronamespace = 'outbox'::regnamespace
    loop
        execute format('alter %s %s owner to outbox_migrator', found.kind, found.name);
    end loop;
end $$;

commit;
