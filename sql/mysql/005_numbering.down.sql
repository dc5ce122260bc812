drop table outbox_intent;
drop table outbox_numbering;
