-- The outbox of one SQLite database. A program in any language sends by one INSERT inside its own transaction:
--
--   insert into outbox_message (message_id, subject, order_key, payload) values (randomblob(16), 'orders.paid', '42', '{}');
--
-- message_id is 16 bytes, new for each message; headers have the format of the library's header codec, or are empty.

create table outbox_message (
    -- Never used again, also after the newest rows are removed: a relay reads on from the last one it saw.
    seq integer primary key autoincrement,
    shard integer not null default 0,
    message_id blob not null check (length(message_id) = 16),
    subject text not null,
    order_key blob,
    headers blob not null default x'',
    payload blob not null,
    -- Microseconds since 1970, UTC.
    created_at integer not null default (cast((julianday('now') - 2440587.5) * 86400000000.0 as integer))
);

-- One row per shard: who delivers it, until when (microseconds since 1970), and how far it has come.
create table outbox_relay (
    shard integer primary key,
    owner text not null default '',
    epoch integer not null default 0,
    lease_until integer not null default 0,
    cursor_seq integer not null default 0,
    doorbell text not null default ''
);

insert into outbox_relay (shard) values (0);
