-- What consumers have done already, of outboxes whose relays number their messages: one row for each group and source.
-- Written in the transaction of the effect itself.
create table outbox_applied (
    group_name varchar(100) character set ascii collate ascii_bin not null,
    source varchar(64) character set ascii collate ascii_bin not null,
    shard smallint not null,
    -- Which numbers are applied: outbox/consumer/idempotency/number_set.hpp has the format.
    numbers mediumblob not null,
    changed_at timestamp(6) not null default current_timestamp(6),
    primary key (group_name, source, shard)
) engine = innodb;
