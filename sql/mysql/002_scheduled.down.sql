drop table outbox_scheduled;
