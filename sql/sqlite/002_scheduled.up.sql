-- Messages that are not due yet. The relay moves each into outbox_message when this machine's clock says so; until then
-- it can be cancelled and replaced by its id.
create table outbox_scheduled (
    -- Decides between messages that are due at the same time.
    seq integer primary key autoincrement,
    message_id blob not null unique check (length(message_id) = 16),
    -- Microseconds since 1970, UTC.
    due_at integer not null,
    shard integer not null default 0,
    subject text not null,
    order_key blob,
    headers blob not null default x'',
    payload blob not null
);

create index outbox_scheduled_due on outbox_scheduled (shard, due_at, seq);
