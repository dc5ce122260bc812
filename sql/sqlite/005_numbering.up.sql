-- For relays that number their messages; empty otherwise. Before a slice is sent, one row of outbox_intent says which
-- number each of its messages has, so that sending again after a crash says the same. Rows go with the cursor that
-- passes them.

-- Who counts in each shard. The row is also the fence: an intent is written only together with a change here.
create table outbox_numbering (
    shard integer primary key,
    epoch integer not null,
    source text not null,
    next_place integer not null default 1
);

create table outbox_intent (
    shard integer not null,
    place integer not null,
    source text not null,
    first_number integer not null,
    -- Seq and a check of the id, for each message: outbox/store/intent_book.hpp has the format.
    messages blob not null,
    primary key (shard, place)
);
