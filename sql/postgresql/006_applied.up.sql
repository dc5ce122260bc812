-- What consumers have done already, of outboxes whose relays number their messages: one row for each group and source.
-- Written in the transaction of the effect itself.
create table outbox.applied (
    group_name text not null check (octet_length(group_name) between 1 and 100),
    source text not null check (octet_length(source) between 1 and 64),
    shard smallint not null,
    -- Which numbers are applied: outbox/consumer/idempotency/number_set.hpp has the format.
    numbers bytea not null,
    changed_at timestamptz not null default clock_timestamp(),
    primary key (group_name, source, shard)
) with (fillfactor = 10, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0);
