"""Owns what the environment says: how Kafka and the schema registry are reached, and in which format and codec to produce.

Secrets come from the environment, never from the code.
"""

import os


def variable(name, default=None):
    value = os.environ.get(name) or default
    if value is None:
        raise SystemExit(f"{name} is not set")
    return value


OUTBOUND_TOPIC = variable("OUTBOUND_TOPIC", "outbound-messages")
RECEIPTS_TOPIC = variable("RECEIPTS_TOPIC", "partoo-delivery-receipts")
REPLIES_TOPIC = variable("REPLIES_TOPIC", "partoo-replies")

# json (plain, no registry), avro, json-schema or protobuf (the last three: Confluent's wire format, through a registry)
FORMAT = variable("FORMAT", "json")
# none, gzip, snappy, lz4 or zstd
CODEC = variable("CODEC", "none")
# Under which name the registry has the schema of what we produce.
SUBJECT = variable("SUBJECT", f"{OUTBOUND_TOPIC}-value")
# For FORMAT=protobuf and a registry that cannot tell this client the registered schema in the form it reads (Apicurio's):
# registers the schema of the generated class.
AUTO_REGISTER = os.environ.get("SCHEMA_REGISTRY_AUTO_REGISTER") == "true"


def kafka(**more):
    """The settings that producer and consumer share, with more of them."""
    settings = {"bootstrap.servers": variable("KAFKA_BROKERS", "localhost:9092")}
    mechanism = os.environ.get("KAFKA_SASL_MECHANISM")
    tls = os.environ.get("KAFKA_TLS") == "true"
    if mechanism:
        settings["sasl.mechanism"] = mechanism.upper()
        settings["sasl.username"] = variable("KAFKA_SASL_USERNAME")
        settings["sasl.password"] = variable("KAFKA_SASL_PASSWORD")
    settings["security.protocol"] = ("sasl_" if mechanism else "") + ("ssl" if tls else "plaintext")
    return settings | more


def registry():
    """A client of the schema registry. Imported here, as plain JSON needs none of it."""
    from confluent_kafka.schema_registry import SchemaRegistryClient

    settings = {"url": variable("SCHEMA_REGISTRY_URL")}
    if os.environ.get("SCHEMA_REGISTRY_USERNAME"):
        password = variable("SCHEMA_REGISTRY_PASSWORD")
        settings["basic.auth.user.info"] = f"{os.environ['SCHEMA_REGISTRY_USERNAME']}:{password}"
    return SchemaRegistryClient(settings)
