-- The outbox in PostgreSQL 13 or later.
--
-- `message` is append-only: no update, no delete, no primary key. Delivered rows go by TRUNCATE of a whole partition;
-- the partition is chosen by the sequence number itself, 262,144 numbers at a time, so that writers need no coordination.
-- The one index finds the rows of the transactions that finished between two snapshots.

create schema outbox;

create table outbox.schema_version (
    version integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default clock_timestamp()
);

-- CACHE 1: a number is drawn when the row is written, after the locks of the business change are held. Numbers drawn
-- in advance would break the order of delivery.
create sequence outbox.message_seq as bigint cache 1;

-- Fixed columns first, without a gap between them. An empty order_key means that there is none: no key is empty, and
-- with a null the row would need eight bytes more.
create table outbox.message (
    seq bigint not null default nextval('outbox.message_seq'),
    xid xid8 not null default pg_current_xact_id(),
    created_at timestamptz not null default clock_timestamp(),
    message_id uuid not null,
    shard smallint not null default 0,
    subject text not null,
    order_key bytea not null default '',
    headers bytea not null default '',
    payload bytea not null
) partition by list (((seq >> 18) & 3));

alter sequence outbox.message_seq owned by outbox.message.seq;

-- Nothing dies here, so that vacuum has nothing to do before a partition is truncated; it still freezes when it must.
create table outbox.message_0 partition of outbox.message for values in (0)
    with (autovacuum_enabled = off, toast.autovacuum_enabled = off);
create table outbox.message_1 partition of outbox.message for values in (1)
    with (autovacuum_enabled = off, toast.autovacuum_enabled = off);
create table outbox.message_2 partition of outbox.message for values in (2)
    with (autovacuum_enabled = off, toast.autovacuum_enabled = off);
create table outbox.message_3 partition of outbox.message for values in (3)
    with (autovacuum_enabled = off, toast.autovacuum_enabled = off);

create index message_xid on outbox.message (xid);

-- One row per shard: who delivers it, until when by this database's clock, and how far it has come. The low fillfactor
-- keeps its many updates inside the page.
create table outbox.relay (
    shard smallint primary key,
    owner text not null default '',
    epoch bigint not null default 0,
    lease_until timestamptz not null default '-infinity',
    doorbell text not null default '',
    cursor_window text not null default '',
    cursor_seq bigint not null default 0
) with (fillfactor = 10, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0);

insert into outbox.relay (shard) values (0);
