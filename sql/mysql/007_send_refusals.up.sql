-- As in version 3, and refuses what that one let pass and no target takes: a subject or tag that ends in a newline, a tag
-- that is null. The rights to call it go with the old one: run the grants again.
--
-- Sending from any language: one call inside the caller's own transaction. It makes the same row as the library does,
-- so the message is the same on the wire.
--
--   call outbox_send('orders.paid', '{"orderId": 42}', '42', null, null, 'application/json', null, @id);
--
-- subject, payload, order key, tags (a JSON array), properties (a JSON object of texts), content type, time before which
-- it is not delivered, message id; what is not needed is null. A null message id comes back as a new UUIDv7 of 16 bytes.
-- Send after the change that the message speaks of: its place in the order of its key is drawn here.

-- If it exists: where this script broke off after it, it is run again.
drop procedure if exists outbox_send;

create procedure outbox_send(
    in p_subject varchar(1000) character set utf8mb4,
    in p_payload longblob,
    in p_order_key varbinary(1000),
    in p_tags longtext character set utf8mb4,
    in p_properties longtext character set utf8mb4,
    in p_content_type varchar(255) character set utf8mb4,
    in p_deliver_at timestamp(6),
    inout p_message_id varbinary(16)
)
modifies sql data
sql security invoker
begin
    declare v_headers longblob default '';
    declare v_count int default 0;
    declare v_index int default 0;
    declare v_names longtext character set utf8mb4 default '[]';
    declare v_name longtext character set utf8mb4;
    declare v_value longtext character set utf8mb4;
    declare v_text text character set utf8mb4;

    -- Here $ would match before a newline at the end as well, and letters without case some that are not ASCII.
    if p_subject is null or length(p_subject) not between 1 and 249 or length(p_subject) <> char_length(p_subject)
        or p_subject regexp '[^A-Za-z0-9._-]' or p_subject in ('.', '..') then
        set v_text = concat('outbox: "', left(coalesce(p_subject, 'null'), 60),
            '" is no subject; one has 1 to 249 of A-Z a-z 0-9 . _ -');
        signal sqlstate '45000' set message_text = v_text;
    end if;
    if p_payload is null then
        signal sqlstate '45000' set message_text = 'outbox: the payload is null; an empty one is written ''''';
    end if;
    if length(p_order_key) not between 1 and 512 then
        signal sqlstate '45000' set message_text = 'outbox: an order key has 1 to 512 bytes; null for no key';
    end if;
    if p_message_id is not null and length(p_message_id) <> 16 then
        signal sqlstate '45000' set message_text = 'outbox: a message id has 16 bytes; null for a new one';
    end if;
    if not coalesce(json_valid(p_tags), true) or not coalesce(json_valid(p_properties), true)
        or coalesce(json_type(p_tags), 'ARRAY') <> 'ARRAY'
        or coalesce(json_type(p_properties), 'OBJECT') <> 'OBJECT' then
        signal sqlstate '45000' set message_text =
            'outbox: tags are a JSON array, properties a JSON object; null for none';
    end if;
    if coalesce(json_length(p_tags), 0) > 10 then
        signal sqlstate '45000' set message_text = 'outbox: a message has at most 10 tags';
    end if;

    if coalesce(p_content_type, '') <> '' then
        set v_count = 1;
        set v_headers = concat(unhex('000c'), 'content-type', unhex(lpad(hex(length(p_content_type)), 8, '0')),
            cast(p_content_type as binary));
    end if;
    while v_index < coalesce(json_length(p_tags), 0) do
        set v_value = json_extract(p_tags, concat('$[', v_index, ']'));
        set v_name = json_type(v_value), v_value = json_unquote(v_value);
        if v_name = 'NULL' or length(v_value) not between 1 and 64 or length(v_value) <> char_length(v_value)
            or v_value regexp '[^!-~]' or v_value regexp '[,|]' then
            set v_text = concat('outbox: "', left(v_value, 60),
                '" is no tag; one has 1 to 64 printable ASCII characters without space, comma, bar');
            signal sqlstate '45000' set message_text = v_text;
        end if;
        set v_headers = concat(v_headers, unhex('000a'), 'outbox-tag', unhex(lpad(hex(length(v_value)), 8, '0')),
            cast(v_value as binary));
        set v_count = v_count + 1, v_index = v_index + 1;
    end while;
    set v_index = 0, v_names = coalesce(json_keys(p_properties), '[]');
    while v_index < json_length(v_names) do
        set v_name = json_unquote(json_extract(v_names, concat('$[', v_index, ']')));
        set v_value = json_extract(p_properties, concat('$.', json_quote(v_name)));
        if cast(left(v_name, 7) as binary) = 'outbox-' or length(v_name) not between 1 and 255
            or json_type(v_value) = 'NULL' then
            set v_text = concat('outbox: property "', left(v_name, 60),
                '" cannot be sent; a name has 1 to 255 bytes, not "outbox-" first');
            signal sqlstate '45000' set message_text = v_text;
        end if;
        set v_value = json_unquote(v_value);
        set v_headers = concat(v_headers, unhex(lpad(hex(length(v_name)), 4, '0')), cast(v_name as binary),
            unhex(lpad(hex(length(v_value)), 8, '0')), cast(v_value as binary));
        set v_count = v_count + 1, v_index = v_index + 1;
    end while;
    if v_count > 100 then
        signal sqlstate '45000' set message_text = 'outbox: a message has at most 100 tags and properties';
    end if;
    -- Byte 1, then their number, then for each: length and bytes of the name, length and bytes of the value.
    if v_count > 0 then
        set v_headers = concat(unhex('01'), unhex(lpad(hex(v_count), 4, '0')), v_headers);
    end if;
    if coalesce(length(p_order_key), 0) + length(v_headers) + length(p_payload) > 1000000 then
        signal sqlstate '45000' set message_text =
            'outbox: a message has at most 1000000 bytes; send a reference to the data instead';
    end if;

    -- 48 bits of milliseconds since 1970, version 7, 12 random bits, variant 2, 62 random bits (RFC 9562).
    if p_message_id is null then
        set v_text = sha2(concat(uuid(), rand(), connection_id()), 256);
        set p_message_id = unhex(concat(
            lpad(hex(floor(unix_timestamp(now(6)) * 1000)), 12, '0'),
            '7', left(v_text, 3), hex(8 + floor(rand() * 4)), right(v_text, 15)
        ));
    end if;
    if p_deliver_at is null then
        insert into outbox_message (message_id, subject, order_key, headers, payload)
        values (p_message_id, p_subject, coalesce(p_order_key, ''), v_headers, p_payload);
    else
        insert into outbox_scheduled (message_id, due_at, subject, order_key, headers, payload)
        values (p_message_id, floor(unix_timestamp(p_deliver_at) * 1000000), p_subject, coalesce(p_order_key, ''),
            v_headers, p_payload);
    end if;
end;
