"""Consumes receipts and replies: prints a JSON line for each fact, copies dropped, with what there is to do about it.

    python consume.py    ends by Ctrl-C or SIGTERM
"""

import json
import signal
import sys

from confluent_kafka import Consumer, KafkaException
from confluent_kafka.serialization import MessageField, SerializationContext

import settings

# How many ids are remembered. Copies come close together: of one batch, after a crash or a rebalance.
SEEN_MAX = 100_000


class Seen:
    """The newest ids of facts. Where a fact must not count twice even after a restart of yours, keep `ce_id` in a unique
    column of your database instead, written in the same transaction as what the fact changes."""

    def __init__(self):
        self.ids = {}

    def is_copy(self, ce_id):
        if ce_id in self.ids:
            return True
        self.ids[ce_id] = True
        if len(self.ids) > SEEN_MAX:
            del self.ids[next(iter(self.ids))]
        return False


def action_for_receipt(receipt):
    """What there is to do about a receipt."""
    match receipt["status"], receipt["reason"]:
        case "accepted", "id-reused":
            return "fix-producer"  # another message had this id: Partoo ignores this one
        case "accepted", _:
            return "wait"  # Partoo has it; `created` follows
        case "duplicate", _:
            return "nothing"  # you produced it again: it was not sent again
        case "created" | "delivered", _:
            return "done"
        case "failed", _:
            return "tell-someone"  # it is in the conversation, but did not reach the consumer
        case "rejected", "retries-exhausted":
            return "produce-again"  # Partoo failed on it again and again: later, with the same id
        case "rejected", _:
            return "fix-producer"  # undecodable, invalid or refused by Partoo: the dead letter has it whole, and says why
        case _:
            return "nothing"  # a status that came later than this program


def value_deserializer():
    """From the bytes of a record's value to a dict."""
    if settings.FORMAT == "json":
        return lambda value, context: json.loads(value)
    if settings.FORMAT == "avro":
        from confluent_kafka.schema_registry.avro import AvroDeserializer

        return AvroDeserializer(settings.registry())
    if settings.FORMAT == "json-schema":
        from confluent_kafka.schema_registry.json_schema import JSONDeserializer

        # Without a schema of its own it reads with the one that the record was written with.
        return JSONDeserializer(None, schema_registry_client=settings.registry())
    raise SystemExit(f"FORMAT is {settings.FORMAT}; it can be json, avro or json-schema")


def main():
    consumer = Consumer(
        settings.kafka(
            **{
                "group.id": settings.variable("GROUP_ID", "example-python"),
                "auto.offset.reset": "earliest",
                # Stored below, once a record is handled: after a crash it comes again.
                "enable.auto.offset.store": False,
            }
        )
    )
    # At the end of a process, in order: what was handled is committed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    deserialize = value_deserializer()
    seen = Seen()
    consumer.subscribe([settings.RECEIPTS_TOPIC, settings.REPLIES_TOPIC])
    try:
        while True:
            record = consumer.poll(1)
            if record is None:
                continue
            if record.error():
                raise KafkaException(record.error())
            headers = {name: value.decode(errors="replace") for name, value in record.headers() or []}
            if not seen.is_copy(headers["ce_id"]):
                topic = record.topic()
                value = deserialize(record.value(), SerializationContext(topic, MessageField.VALUE))
                action = action_for_receipt(value) if topic == settings.RECEIPTS_TOPIC else "show-reply"
                key = None if record.key() is None else record.key().decode()
                fact = {"topic": topic, "key": key, "headers": headers, "value": value, "action": action}
                print(json.dumps(fact), flush=True)
            consumer.store_offsets(record)
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()


main()
