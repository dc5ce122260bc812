"""A producer that is not C++: sends through each database's own function, as the documentation shows.

send.py URL        postgresql://… | mysql://… | sqlite:PATH

One transaction with the three messages that the test expects, one that is rolled back.
"""
import json
import sqlite3
import sys
import urllib.parse
import uuid

EVERY_BYTE = bytes(range(256))
MESSAGES = [
    dict(id=uuid.UUID("018f0000-0000-7000-8000-000000000001"), subject="orders.paid", payload=b'{"orderId":42}',
         key=b"42", tags=["gold", "eu"], properties={"source": "café", "trace": "a b"}, type="application/json"),
    dict(id=uuid.UUID("018f0000-0000-7000-8000-000000000002"), subject="orders.paid", payload=EVERY_BYTE,
         key=EVERY_BYTE, tags=[], properties={}, type=None),
    dict(id=uuid.UUID("018f0000-0000-7000-8000-000000000003"), subject="empty", payload=b"", key=None, tags=[],
         properties={}, type=None),
]


def send_postgresql(cursor, m):
    cursor.execute(
        "select outbox.outbox_send(%s, %s::bytea, %s::bytea, %s::text[], %s::json, %s, %s::uuid)",
        (m["subject"], m["payload"], m["key"], m["tags"], json.dumps(m["properties"]), m["type"], str(m["id"])))


def send_mysql(cursor, m):
    cursor.execute("set @id = %s", (m["id"].bytes,))
    cursor.execute(
        "call outbox_send(%s, %s, %s, %s, %s, %s, @id)",
        (m["subject"], m["payload"], m["key"], json.dumps(m["tags"]), json.dumps(m["properties"]), m["type"]))


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


def send_sqlite(cursor, m):
    cursor.execute(
        "insert into outbox_message (message_id, subject, order_key, headers, payload) values (?, ?, ?, ?, ?)",
        (m["id"].bytes, m["subject"], m["key"], encode_headers(m), m["payload"]))


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
    send(cursor, dict(MESSAGES[0], id=uuid.uuid4()))
    database.rollback()
    for message in MESSAGES:
        send(cursor, message)
    database.commit()
    database.close()


main()
