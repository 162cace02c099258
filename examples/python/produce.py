"""Produces messages for Partoo.

    python produce.py                 one message; run it again, and the second is recognised as a copy
    python produce.py messages.jsonl  a line each: {"value": {...}}, and if need be "key" and "headers"; "-" is standard input
"""

import json
import sys

from confluent_kafka import Producer
from confluent_kafka.serialization import MessageField, SerializationContext

import settings


def example_lines():
    """What a producer of your own does: ids that your system has already, so that a repeat has the same ones."""
    ticket, comment = "4711", "1"
    yield {
        "value": {
            "business_id": "42",
            "external_conversation_id": f"python-ticket-{ticket}",
            # Never a random id: after a crash you produce the message again, and only the same id tells that it is the same.
            "external_message_id": f"python-ticket-{ticket}-comment-{comment}",
            "content": "Is the terrace open? 🌿",
            "sender_type": "Consumer",
        }
    }


def given_lines(name):
    with sys.stdin if name == "-" else open(name, encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def value_serializer():
    """From a message (a dict) to the bytes of the record's value."""
    if settings.FORMAT == "json":
        # UTF-8 as it is: \u escapes would make three times the bytes of most texts.
        return lambda message, context: json.dumps(message, ensure_ascii=False).encode()
    # Who may change a schema decides it, not whoever happens to produce first: never registered from here.
    latest = {
        "auto.register.schemas": False,
        "use.latest.version": True,
        "subject.name.strategy": lambda context, record_name: settings.SUBJECT,
    }
    if settings.FORMAT == "avro":
        from confluent_kafka.schema_registry.avro import AvroSerializer

        return AvroSerializer(settings.registry(), conf=latest)
    if settings.FORMAT == "json-schema":
        from confluent_kafka.schema_registry.json_schema import JSONSerializer

        return JSONSerializer(None, settings.registry(), conf=latest)
    if settings.FORMAT == "protobuf":
        from confluent_kafka.schema_registry.protobuf import ProtobufSerializer

        # Made with: python -m grpc_tools.protoc -I ../../libs/schemas/schemas --python_out=. outbound-message.v1.proto
        from outbound_message.v1_pb2 import OutboundMessage

        if settings.AUTO_REGISTER:
            latest |= {"auto.register.schemas": True, "use.latest.version": False}
        serialize = ProtobufSerializer(OutboundMessage, settings.registry(), latest)
        present = lambda message: {name: value for name, value in message.items() if value is not None}
        return lambda message, context: serialize(OutboundMessage(**present(message)), context)
    raise SystemExit(f"FORMAT is {settings.FORMAT}; it can be json, avro, json-schema or protobuf")


def main():
    producer = Producer(
        settings.kafka(
            **{
                # As Java's producer places keys, so that a conversation is in one partition whoever produces.
                # librdkafka's own default (CRC32) puts the same key elsewhere.
                "partitioner": "murmur2_random",
                # A record that was retried is neither lost, nor doubled, nor out of order.
                "enable.idempotence": True,
                "compression.type": settings.CODEC,
            }
        )
    )
    serialize = value_serializer()
    context = SerializationContext(settings.OUTBOUND_TOPIC, MessageField.VALUE)
    problems = []

    def delivered(error, record):
        if error is not None:
            problems.append(str(error))

    try:
        for line in given_lines(sys.argv[1]) if len(sys.argv) > 1 else example_lines():
            message = line["value"]
            # The conversation's id as key: it stays in one partition, and so in order.
            key = line.get("key", message["external_conversation_id"])
            headers = [(name, text.encode()) for name, text in line.get("headers", {}).items()]
            value = serialize(message, context)
            while True:
                try:
                    producer.produce(settings.OUTBOUND_TOPIC, value, key, headers=headers, on_delivery=delivered)
                    break
                except BufferError:
                    producer.poll(1)  # more is waiting than the client keeps: let some of it go out
            producer.poll(0)
    finally:
        unsent = producer.flush(60)
    if unsent or problems:
        raise SystemExit(f"{unsent + len(problems)} messages are not in Kafka: {problems[:3]}; produce them again, ids unchanged")


main()
