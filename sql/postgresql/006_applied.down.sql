drop table outbox.applied;
