-- Messages that are not due yet. The relay moves each into outbox_message when this database's clock says so; until then
-- it can be cancelled and replaced by its id.
create table outbox_scheduled (
    -- Decides between messages that are due at the same time.
    seq bigint unsigned not null auto_increment primary key,
    message_id binary(16) not null,
    -- Microseconds since 1970, UTC.
    due_at bigint not null,
    shard smallint not null default 0,
    subject varchar(249) character set utf8mb4 collate utf8mb4_bin not null,
    order_key varbinary(512) not null default '',
    headers mediumblob not null,
    payload longblob not null,
    unique key outbox_scheduled_id (message_id),
    key outbox_scheduled_due (shard, due_at, seq)
) engine = innodb;
