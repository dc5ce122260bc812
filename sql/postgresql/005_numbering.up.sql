-- For relays that number their messages; empty otherwise. Before a slice is sent, one row of `intent` says which number
-- each of its messages has, so that sending again after a crash says the same. Rows go with the cursor that passes them.

-- Who counts in each shard. The row is also the fence: an intent is written only together with a change here.
create table outbox.numbering (
    shard smallint primary key,
    epoch bigint not null,
    source text not null,
    next_place bigint not null default 1
) with (fillfactor = 10, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0);

create table outbox.intent (
    shard smallint not null,
    place bigint not null,
    source text not null,
    first_number bigint not null,
    -- Seq and a check of the id, for each message: outbox/store/intent_book.hpp has the format.
    messages bytea not null,
    primary key (shard, place)
) with (autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0);

-- Nearly incompressible, and read only after a crash.
alter table outbox.intent alter column messages set storage external;
