-- The outbox in MariaDB 10.6 or later and MySQL 8.0 or later. A program in any language sends by one INSERT inside its
-- own transaction:
--
--   insert into outbox_message (message_id, subject, order_key, headers, payload)
--   values (unhex(replace(uuid(), '-', '')), 'orders.paid', '42', '', '{}');
--
-- message_id is 16 bytes, new for each message; headers have the format of the library's header codec, or are empty.

create table outbox_message (
    -- InnoDB keeps the table in the order of seq, and does not forget the counter when the newest rows are removed.
    seq bigint unsigned not null auto_increment primary key,
    shard smallint not null default 0,
    created_at timestamp(6) not null default current_timestamp(6),
    message_id binary(16) not null,
    subject varchar(249) character set utf8mb4 collate utf8mb4_bin not null,
    -- Empty: the message has no key.
    order_key varbinary(512) not null default '',
    headers mediumblob not null,
    payload longblob not null
) engine = innodb;

-- One row per shard: who delivers it, until when by this database's clock, and how far it has come. cursor_window has
-- the numbers below cursor_seq that are not accounted for yet: they may still be committed.
create table outbox_relay (
    shard smallint not null primary key,
    owner varchar(255) character set utf8mb4 collate utf8mb4_bin not null default '',
    epoch bigint not null default 0,
    lease_until datetime(6) not null default '1970-01-01 00:00:00',
    doorbell varchar(255) character set utf8mb4 collate utf8mb4_bin not null default '',
    cursor_window mediumtext character set utf8mb4 collate utf8mb4_bin not null,
    cursor_seq bigint unsigned not null default 0,
    -- Changed for the sake of the commit: it takes to the disk whatever was committed before.
    flush_count bigint unsigned not null default 0
) engine = innodb;

insert into outbox_relay (shard, cursor_window) values (0, '');
