-- Sending from any language: one function call inside the caller's own transaction. It makes the same row as the
-- library does, so the message is the same on the wire.
--
--   select outbox.outbox_send('orders.paid', '{"orderId": 42}', order_key => '42');
--
-- Send after the change that the message speaks of: its place in the order of its key is drawn here, and only the row
-- locks that the transaction holds by then make that the order of the commits. The relay is not woken; it looks by
-- itself within a second.

create function outbox.outbox_send(
    subject text,
    payload bytea,
    order_key bytea default null,
    tags text[] default '{}',
    -- A JSON object of texts; they travel as headers, in the order written.
    properties json default '{}',
    content_type text default null,
    -- Null: a new UUIDv7.
    message_id uuid default null,
    -- Null: with the COMMIT. Else not before this time by the clock of this database, such as now() + interval '30 s'.
    deliver_at timestamptz default null
) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
declare
    -- Under other names than the columns.
    id uuid := message_id;
    names text[] := '{}';
    contents text[] := '{}';
    encoded bytea := '';
    name text;
    content text;
begin
    if subject is null or subject !~ '^[A-Za-z0-9._-]{1,249}$' or subject in ('.', '..') then
        raise exception 'outbox: "%" is no subject', coalesce(subject, 'null') using errcode = 'invalid_parameter_value',
            hint = 'a subject has 1 to 249 characters of A-Z a-z 0-9 . _ -';
    end if;
    if payload is null then
        raise exception 'outbox: the payload is null' using errcode = 'invalid_parameter_value',
            hint = 'an empty payload is written ''''';
    end if;
    if octet_length(order_key) not between 1 and 512 then
        raise exception 'outbox: the order key has % bytes', octet_length(order_key)
            using errcode = 'invalid_parameter_value', hint = '1 to 512 are allowed; null for no key';
    end if;

    if content_type <> '' then
        names := names || 'content-type'::text;
        contents := contents || content_type;
    end if;
    if cardinality(tags) > 10 then
        raise exception 'outbox: % tags', cardinality(tags) using errcode = 'invalid_parameter_value',
            hint = 'at most 10 are allowed';
    end if;
    foreach content in array coalesce(tags, '{}') loop
        if content is null or content !~ '^[!-~]{1,64}$' or content ~ '[,|]' then
            raise exception 'outbox: "%" is no tag', coalesce(content, 'null') using errcode = 'invalid_parameter_value',
                hint = 'a tag has 1 to 64 printable ASCII characters without space, comma and bar';
        end if;
        names := names || 'outbox-tag'::text;
        contents := contents || content;
    end loop;
    for name, content in select key, value from json_each_text(coalesce(properties, '{}')) loop
        if starts_with(name, 'outbox-') or content is null
            or octet_length(convert_to(name, 'UTF8')) not between 1 and 255 then
            raise exception 'outbox: property "%" cannot be sent', name using errcode = 'invalid_parameter_value',
                hint = 'a name has 1 to 255 bytes and does not begin with "outbox-"; a value is a text, not null';
        end if;
        names := names || name;
        contents := contents || content;
    end loop;
    if cardinality(names) > 100 then
        raise exception 'outbox: % headers', cardinality(names) using errcode = 'invalid_parameter_value',
            hint = 'tags, properties and content type together may be 100';
    end if;

    -- Byte 1, then their number, then for each: length and bytes of the name, length and bytes of the value.
    if cardinality(names) > 0 then
        encoded := '\x01'::bytea || int2send(cardinality(names)::int2);
        for i in 1 .. cardinality(names) loop
            encoded := encoded || int2send(octet_length(convert_to(names[i], 'UTF8'))::int2)
                || convert_to(names[i], 'UTF8') || int4send(octet_length(convert_to(contents[i], 'UTF8')))
                || convert_to(contents[i], 'UTF8');
        end loop;
    end if;
    if coalesce(octet_length(order_key), 0) + octet_length(encoded) + octet_length(payload) > 1000000 then
        raise exception 'outbox: a message to % has % bytes, the limit is 1000000', subject,
            coalesce(octet_length(order_key), 0) + octet_length(encoded) + octet_length(payload)
            using errcode = 'invalid_parameter_value', hint = 'send a reference to the data instead';
    end if;

    -- A random UUID whose first 48 bits are replaced by the milliseconds since 1970 and its version by 7 (RFC 9562).
    if id is null then
        id := overlay(
            overlay(
                replace(gen_random_uuid()::text, '-', '')
                placing lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') from 1 for 12
            )
            placing '7' from 13 for 1
        )::uuid;
    end if;
    if deliver_at is null then
        insert into outbox.message (message_id, subject, order_key, headers, payload)
        values (id, subject, coalesce(order_key, ''), encoded, payload);
    else
        insert into outbox.scheduled (message_id, due_at, subject, order_key, headers, payload)
        values (id, deliver_at, subject, coalesce(order_key, ''), encoded, payload);
    end if;
    return id;
end
$function$;

-- The same for a payload that is text, which is sent as UTF-8.
create function outbox.outbox_send(
    subject text,
    payload text,
    order_key text default null,
    tags text[] default '{}',
    properties json default '{}',
    content_type text default null,
    message_id uuid default null,
    deliver_at timestamptz default null
) returns uuid
language sql
set search_path = pg_catalog, pg_temp
as $function$
    select outbox.outbox_send(
        subject, convert_to(payload, 'UTF8'), convert_to(order_key, 'UTF8'), tags, properties, content_type, message_id,
        deliver_at
    )
$function$;

-- The table under the names that Debezium's outbox event router and its users expect; for queries. The router itself
-- reads the table: see ops/debezium.
create view outbox.debezium as
    select message_id as id, subject as aggregatetype, nullif(order_key, '') as aggregateid, subject as type,
        headers, payload, created_at as "timestamp"
    from outbox.message;
