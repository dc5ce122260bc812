-- What consumers have done already, so that a message which is delivered again is not applied again. The key is the
-- message's id (16 bytes) or whatever the consumer takes for it (1 to 255 bytes). Times are microseconds since 1970, UTC.

-- Written in the transaction of the effect itself: a row is there if and only if that transaction has committed.
create table outbox_consumed (
    group_name text not null check (length(group_name) between 1 and 100),
    message_key blob not null check (length(message_key) between 1 and 255),
    consumed_at integer not null default (cast((julianday('now') - 2440587.5) * 86400000000.0 as integer)),
    primary key (group_name, message_key)
) without rowid;

create index outbox_consumed_by_age on outbox_consumed (consumed_at);

-- For effects outside of this database: who works on a message, until when by this machine's clock, and what is done.
create table outbox_claim (
    group_name text not null check (length(group_name) between 1 and 100),
    message_key blob not null check (length(message_key) between 1 and 255),
    -- Of the one who holds it, or who has done it: 16 bytes that no other has.
    token blob not null,
    -- Null: the work is done.
    lease_until integer,
    changed_at integer not null,
    primary key (group_name, message_key)
) without rowid;

create index outbox_claim_by_age on outbox_claim (changed_at);
