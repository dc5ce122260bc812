drop procedure outbox_send;
