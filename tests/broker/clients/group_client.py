"""A member of a group through one of Debian's Python clients, as a test's other half.

    group_client.py LIBRARY ADDRESS consume GROUP TOPIC ASSIGNOR [INSTANCE]
    group_client.py confluent ADDRESS hold GROUP TOPIC

LIBRARY is confluent (python3-confluent-kafka) or kafka (python3-kafka). `consume` writes the value of every record that it
reads, one a line, and commits what it has written: every now and then, and before its partitions are taken away. It ends at SIGTERM,
and leaves the group.

`hold` reads one record, says "holding PARTITION OFFSET" and waits for SIGUSR1; then it commits that record and says
"committed", or "refused NAME" with the broker's error.
"""

import signal
import sys
import threading

SESSION_MS = 1500
HEARTBEAT_MS = 200
stopping = threading.Event()


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def confluent_consumer(address, group, more):
    from confluent_kafka import Consumer

    return Consumer(
        {
            "bootstrap.servers": address,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": SESSION_MS,
            "heartbeat.interval.ms": HEARTBEAT_MS,
            "fetch.wait.max.ms": 50,
            **more,
        }
    )


def confluent_consume(address, group, topic, assignor, instance=None):
    from confluent_kafka import KafkaError, KafkaException

    more = {"partition.assignment.strategy": assignor}
    if instance:
        more["group.instance.id"] = instance
    consumer = confluent_consumer(address, group, more)

    def commit():
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as e:
            if e.args[0].code() != KafkaError._NO_OFFSET:
                sys.stderr.write("commit: %s\n" % e)

    def taken(_, partitions):
        sys.stderr.write("revoked %s\n" % [p.partition for p in partitions])
        commit()

    def given(_, partitions):
        sys.stderr.write("assigned %s\n" % [p.partition for p in partitions])

    consumer.subscribe([topic], on_assign=given, on_revoke=taken)
    # One by one: a look for several would count as read what it has not handed over when it is interrupted.
    said = 0
    while not stopping.is_set():
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            say(message.value().decode())
            said += 1
        if said >= 50 or (said and message is None):
            commit()
            said = 0
    consumer.close()


def confluent_hold(address, group, topic):
    from confluent_kafka import KafkaException, TopicPartition

    # With a callback the client joins again only when it polls, which it does no more.
    consumer = confluent_consumer(address, group, {})
    consumer.subscribe([topic], on_assign=lambda *_: None, on_revoke=lambda *_: None)
    message = None
    while message is None or message.error():
        message = consumer.poll(0.1)
    say("holding %d %d" % (message.partition(), message.offset()))
    signal.sigwait([signal.SIGUSR1])
    try:
        consumer.commit(offsets=[TopicPartition(topic, message.partition(), message.offset() + 1)], asynchronous=False)
        say("committed")
    except KafkaException as e:
        say("refused %s" % e.args[0].name())


def kafka_consume(address, group, topic, assignor, instance=None):
    from kafka import ConsumerRebalanceListener, KafkaConsumer
    from kafka.coordinator.assignors.range import RangePartitionAssignor
    from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
    from kafka.errors import CommitFailedError

    assignors = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}
    consumer = KafkaConsumer(
        bootstrap_servers=address,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=HEARTBEAT_MS,
        fetch_max_wait_ms=50,
        partition_assignment_strategy=[assignors[assignor]],
    )

    def commit():
        try:
            consumer.commit()
        except CommitFailedError as e:
            sys.stderr.write("commit: %s\n" % e)

    class listener(ConsumerRebalanceListener):
        def on_partitions_revoked(self, revoked):
            sys.stderr.write("revoked %s\n" % sorted(p.partition for p in revoked))
            commit()

        def on_partitions_assigned(self, assigned):
            sys.stderr.write("assigned %s\n" % sorted(p.partition for p in assigned))

    consumer.subscribe([topic], listener=listener())
    while not stopping.is_set():
        batches = consumer.poll(timeout_ms=100)
        for batch in batches.values():
            for record in batch:
                say(record.value.decode())
        if batches:
            commit()
    consumer.close(autocommit=False)


def main():
    library, address, verb = sys.argv[1:4]
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    # Here, so that the threads of the client have it blocked as well.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    globals()["%s_%s" % (library, verb)](address, *sys.argv[4:])


main()
