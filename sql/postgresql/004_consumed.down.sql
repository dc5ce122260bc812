drop table outbox.claim;
drop table outbox.consumed;
