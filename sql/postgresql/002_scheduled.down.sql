drop table outbox.scheduled;
