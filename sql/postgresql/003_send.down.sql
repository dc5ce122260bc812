drop view outbox.debezium;
drop function outbox.outbox_send(text, text, text, text[], json, text, uuid, timestamptz);
drop function outbox.outbox_send(text, bytea, bytea, text[], json, text, uuid, timestamptz);
