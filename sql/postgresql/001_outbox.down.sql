-- Takes the outbox away with everything that is still in it. Undelivered messages are lost.
drop schema outbox cascade;
