drop table outbox_relay;
drop table outbox_message;
