"""A producer that is not C++: sends through each database's own function, as the documentation shows.

send.py URL        postgresql://… | mysql://… | sqlite:PATH

One transaction that is rolled back; one with the three messages that the test expects and one for an hour later.
"""
import json
import sqlite3
import sys
import time
import urllib.parse
import uuid

EVERY_BYTE = bytes(range(256))
TRACE_PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MESSAGES = [
    dict(id=uuid.UUID("018f0000-0000-7000-8000-000000000001"), subject="orders.paid", payload=b'{"orderId":42}',
         key=b"42", tags=["gold", "eu"], properties={"source": "café", "trace": "a b",
                                                          "traceparent": TRACE_PARENT, "tracestate": "rojo=1"},
         type="application/json"),
    dict(id=uuid.UUID("018f0000-0000-7000-8000-000000000002"), subject="orders.paid", payload=EVERY_BYTE,
         key=EVERY_BYTE, tags=[], properties={}, type=None),
    dict(id=uuid.UUID("018f0000-0000-7000-8000-000000000003"), subject="empty", payload=b"", key=None, tags=[],
         properties={}, type=None),
]


def send_postgresql(cursor, m, later):
    cursor.execute(
        "select outbox.outbox_send(%s, %s::bytea, %s::bytea, %s::text[], %s::json, %s, %s::uuid,"
        " case when %s then now() + interval '1 hour' end)",
        (m["subject"], m["payload"], m["key"], m["tags"], json.dumps(m["properties"]), m["type"], str(m["id"]),
         later))


def send_mysql(cursor, m, later):
    cursor.execute("set @id = %s", (m["id"].bytes,))
    cursor.execute(
        "call outbox_send(%s, %s, %s, %s, %s, %s, if(%s, now() + interval 1 hour, null), @id)",
        (m["subject"], m["payload"], m["key"], json.dumps(m["tags"]), json.dumps(m["properties"]), m["type"], later))


def encode_headers(m):
    headers = [("content-type", m["type"])] if m["type"] else []
    headers += [("outbox-tag", tag) for tag in m["tags"]]
    headers += m["properties"].items()
    if not headers:
        return b""
    encoded = b"\x01" + len(headers).to_bytes(2, "big")
    for name, value in headers:
        name, value = name.encode(), value.encode()
        encoded += len(name).to_bytes(2, "big") + name + len(value).to_bytes(4, "big") + value
    return encoded


def send_sqlite(cursor, m, later):
    row = (m["id"].bytes, m["subject"], m["key"], encode_headers(m), m["payload"])
    if later:
        cursor.execute(
            "insert into outbox_scheduled (message_id, subject, order_key, headers, payload, due_at)"
            " values (?, ?, ?, ?, ?, ?)", row + (int((time.time() + 3600) * 1_000_000),))
    else:
        cursor.execute(
            "insert into outbox_message (message_id, subject, order_key, headers, payload) values (?, ?, ?, ?, ?)", row)


def connect(url):
    if url.startswith("sqlite:"):
        return sqlite3.connect(url.removeprefix("sqlite:")), send_sqlite
    if url.startswith("postgresql:"):
        import psycopg2
        return psycopg2.connect(url), send_postgresql
    import pymysql
    at = urllib.parse.urlsplit(url)
    return pymysql.connect(host=at.hostname, port=at.port, user=at.username, password=at.password or "",
                           database=at.path[1:], charset="utf8mb4"), send_mysql


def main():
    database, send = connect(sys.argv[1])
    cursor = database.cursor()
    send(cursor, dict(MESSAGES[0], id=uuid.uuid4()), False)
    database.rollback()
    for message in MESSAGES:
        send(cursor, message, False)
    send(cursor, dict(MESSAGES[0], id=uuid.uuid4()), True)
    database.commit()
    database.close()


main()
