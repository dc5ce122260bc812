-- For relays that number their messages; empty otherwise. Before a slice is sent, one row of outbox_intent says which
-- number each of its messages has, so that sending again after a crash says the same. Rows go with the cursor that
-- passes them.

-- Who counts in each shard. The row is also the fence: an intent is written only together with a change here.
create table outbox_numbering (
    shard smallint not null primary key,
    epoch bigint not null,
    source varchar(64) character set ascii collate ascii_bin not null,
    next_place bigint not null default 1
) engine = innodb;

create table outbox_intent (
    shard smallint not null,
    place bigint not null,
    source varchar(64) character set ascii collate ascii_bin not null,
    first_number bigint not null,
    -- Seq and a check of the id, for each message: outbox/store/intent_book.hpp has the format.
    messages mediumblob not null,
    primary key (shard, place)
) engine = innodb;
