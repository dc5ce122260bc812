-- What consumers have done already, so that a message which is delivered again is not applied again. The key is the
-- message's id (16 bytes) or whatever the consumer takes for it (1 to 255 bytes).

-- Written in the transaction of the effect itself: a row is there if and only if that transaction has committed.
create table outbox.consumed (
    group_name text not null check (octet_length(group_name) between 1 and 100),
    message_key bytea not null check (octet_length(message_key) between 1 and 255),
    consumed_at timestamptz not null default clock_timestamp(),
    primary key (group_name, message_key)
);

create index consumed_by_age on outbox.consumed (consumed_at);

-- For effects outside of this database: who works on a message, until when by this database's clock, and what is done.
create table outbox.claim (
    group_name text not null check (octet_length(group_name) between 1 and 100),
    message_key bytea not null check (octet_length(message_key) between 1 and 255),
    -- Of the one who holds it, or who has done it: 16 bytes that no other has.
    token bytea not null,
    -- Null: the work is done.
    lease_until timestamptz,
    changed_at timestamptz not null default clock_timestamp(),
    primary key (group_name, message_key)
);

create index claim_by_age on outbox.claim (changed_at);
