-- What consumers have done already, of outboxes whose relays number their messages: one row for each group and source.
-- Written in the transaction of the effect itself.
create table outbox_applied (
    group_name text not null check (length(group_name) between 1 and 100),
    source text not null check (length(source) between 1 and 64),
    shard integer not null,
    -- Which numbers are applied: outbox/consumer/idempotency/number_set.hpp has the format.
    numbers blob not null,
    -- Microseconds since 1970, UTC.
    changed_at integer not null,
    primary key (group_name, source, shard)
) without rowid;
