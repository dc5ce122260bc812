drop table outbox_applied;
