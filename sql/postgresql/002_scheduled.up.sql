-- Messages that are not due yet. The relay moves each into outbox.message when this database's clock says so; until then
-- it can be cancelled and replaced by its id.
create table outbox.scheduled (
    message_id uuid primary key,
    -- Decides between messages that are due at the same time.
    seq bigint not null generated always as identity,
    due_at timestamptz not null,
    shard smallint not null default 0,
    subject text not null,
    order_key bytea not null default '',
    headers bytea not null default '',
    payload bytea not null
);

create index scheduled_due on outbox.scheduled (shard, due_at, seq);
