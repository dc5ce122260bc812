"""Produces or consumes through one of Debian's Python clients, as a test's other half.

    kafka_client.py LIBRARY produce ADDRESS TOPIC CODEC COUNT
    kafka_client.py LIBRARY consume ADDRESS TOPIC CODEC COUNT

LIBRARY is confluent (python3-confluent-kafka) or kafka (python3-kafka). Produces "CODEC-0" .. "CODEC-<COUNT-1>", record i to
partition i % 4 with key "k<i>"; consumes every partition from its beginning and checks that of this codec exactly these
came, once each and in order within the partition. Prints the number of records; exit code 1 says what is wrong.
"""

import sys
import time

PARTITIONS = 4
DEADLINE_SECONDS = 60


def expected(codec, count, partition):
    return ["%s-%d" % (codec, i) for i in range(count) if i % PARTITIONS == partition]


def check(codec, count, got):
    for partition in range(PARTITIONS):
        values = [v for v in got[partition] if v.startswith(codec + "-")]
        if values != expected(codec, count, partition):
            sys.exit("partition %d holds %r" % (partition, values[:20]))
    print(sum(len(v) for v in got.values()))


def confluent_produce(address, topic, codec, count):
    from confluent_kafka import Producer

    failed = []
    producer = Producer(
        {"bootstrap.servers": address, "compression.type": codec, "enable.idempotence": True, "linger.ms": 5}
    )
    for i in range(count):
        producer.produce(
            topic,
            key="k%d" % i,
            value="%s-%d" % (codec, i),
            partition=i % PARTITIONS,
            on_delivery=lambda error, _: error and failed.append(error),
        )
        producer.poll(0)
    if producer.flush(DEADLINE_SECONDS) != 0 or failed:
        sys.exit("not delivered: %r" % failed[:3])


def confluent_consume(address, topic, codec, count):
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": address, "group.id": "none", "enable.auto.commit": False})
    ends = {}
    for p in range(PARTITIONS):
        ends[p] = consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=DEADLINE_SECONDS)[1]
    consumer.assign([TopicPartition(topic, p, 0) for p in range(PARTITIONS)])
    got = {p: [] for p in range(PARTITIONS)}
    deadline = time.monotonic() + DEADLINE_SECONDS
    while any(len(got[p]) < ends[p] for p in got):
        if time.monotonic() > deadline:
            sys.exit("only %r of %r arrived" % ({p: len(got[p]) for p in got}, ends))
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            sys.exit(str(message.error()))
        got[message.partition()].append(message.value().decode())
    consumer.close()
    check(codec, count, got)


def kafka_produce(address, topic, codec, count):
    from kafka import KafkaProducer

    producer = KafkaProducer(
        bootstrap_servers=address, compression_type=None if codec == "none" else codec, acks="all", linger_ms=5
    )
    futures = [
        producer.send(topic, key=b"k%d" % i, value=("%s-%d" % (codec, i)).encode(), partition=i % PARTITIONS)
        for i in range(count)
    ]
    producer.flush(DEADLINE_SECONDS)
    for future in futures:
        future.get(timeout=DEADLINE_SECONDS)
    producer.close()


def kafka_consume(address, topic, codec, count):
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(bootstrap_servers=address, group_id=None, auto_offset_reset="earliest")
    partitions = [TopicPartition(topic, p) for p in range(PARTITIONS)]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    consumer.seek_to_beginning(*partitions)
    got = {p: [] for p in range(PARTITIONS)}
    deadline = time.monotonic() + DEADLINE_SECONDS
    while any(len(got[p]) < ends[TopicPartition(topic, p)] for p in got):
        if time.monotonic() > deadline:
            sys.exit("only %r of %r arrived" % ({p: len(got[p]) for p in got}, ends))
        for batch in consumer.poll(timeout_ms=200).values():
            for record in batch:
                got[record.partition].append(record.value.decode())
    consumer.close()
    check(codec, count, got)


def main():
    library, verb, address, topic, codec, count = sys.argv[1:7]
    globals()["%s_%s" % (library, verb)](address, topic, codec, int(count))


main()
