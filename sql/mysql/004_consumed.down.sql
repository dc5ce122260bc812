drop table outbox_claim;
drop table outbox_consumed;
