-- What consumers have done already, so that a message which is delivered again is not applied again. The key is the
-- message's id (16 bytes) or whatever the consumer takes for it (1 to 255 bytes).

-- Written in the transaction of the effect itself: a row is there if and only if that transaction has committed.
create table outbox_consumed (
    group_name varchar(100) character set ascii collate ascii_bin not null,
    message_key varbinary(255) not null,
    -- Random for each statement that writes here: tells it which of its keys were new.
    token binary(8) not null default '',
    consumed_at timestamp(6) not null default current_timestamp(6),
    primary key (group_name, message_key),
    key outbox_consumed_by_age (consumed_at)
) engine = innodb;

-- For effects outside of this database: who works on a message, until when by this database's clock, and what is done.
create table outbox_claim (
    group_name varchar(100) character set ascii collate ascii_bin not null,
    message_key varbinary(255) not null,
    -- Of the one who holds it, or who has done it: 16 bytes that no other has.
    token binary(16) not null,
    -- UTC; null: the work is done.
    lease_until datetime(6) null,
    changed_at datetime(6) not null,
    primary key (group_name, message_key),
    key outbox_claim_by_age (changed_at)
) engine = innodb;
