drop table outbox.intent;
drop table outbox.numbering;
