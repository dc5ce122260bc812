"""The points service of 13_points_service.cpp in Python, on MariaDB or MySQL. Nothing of Outbox is needed: a stock client,
and the statement of docs/idempotency.md in the transaction of the points.

    apt install python3-confluent-kafka python3-pymysql
    outbox migrate up --db mysql://shop@127.0.0.1:3306/shop
    python3 16_points_service.py mysql://shop@127.0.0.1:3306/shop 127.0.0.1:9092
"""
import json
import signal
import sys
import urllib.parse
import uuid

import confluent_kafka
import pymysql

GROUP = "points"
DUPLICATE_KEY = 1062


def connect(url):
    at = urllib.parse.urlsplit(url)
    return pymysql.connect(host=at.hostname, port=at.port or 3306, user=at.username, password=at.password or "",
                           database=at.path[1:], charset="utf8mb4")  # which begins transactions by itself


def first_time(cursor, message_id):
    try:
        cursor.execute("insert into outbox_consumed (group_name, message_key) values (%s, %s)", (GROUP, message_id.bytes))
        return True
    except pymysql.err.IntegrityError as failure:
        if failure.args[0] == DUPLICATE_KEY:
            return False
        raise


def apply(db, message_id, paid):
    with db.cursor() as cursor:
        is_new = first_time(cursor, message_id)
        if is_new:
            cursor.execute("insert into points values (%s, %s) on duplicate key update points = points + values(points)",
                           (paid["customer"], paid["points"]))
    db.commit()
    return is_new


def main(url, broker):
    db = connect(url)
    with db.cursor() as cursor:
        cursor.execute("create table if not exists points (customer varchar(100) primary key, points bigint not null)")
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": broker,
        "group.id": GROUP,
        "auto.offset.reset": "earliest",
        "enable.auto.offset.store": False,
    })
    consumer.subscribe(["orders.paid"])
    try:
        while not stopping:
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error():
                print(message.error(), file=sys.stderr)
                continue
            message_id = uuid.UUID(dict(message.headers())["outbox-id"].decode())
            is_new = apply(db, message_id, json.loads(message.value()))
            print(message_id, "applied" if is_new else "known", sep=": ", flush=True)
            # Behind the commit, never before. An exception ends the program, and the next start gets the message again.
            consumer.store_offsets(message)
    finally:
        consumer.close()


main(*sys.argv[1:])
