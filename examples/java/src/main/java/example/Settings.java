package example;

import java.util.HashMap;
import java.util.Map;

/**
 * What the environment says: how Kafka and the schema registry are reached, and in which format and codec to produce. Secrets come
 * from the environment, never from the code.
 */
public record Settings(Map<String, String> environment) {
  public String text(String name, String otherwise) {
    String value = environment.get(name);
    return value == null || value.isEmpty() ? otherwise : value;
  }

  public String required(String name) {
    String value = text(name, null);
    if (value == null) throw new IllegalArgumentException(name + " is not set");
    return value;
  }

  public String outboundTopic() {
    return text("OUTBOUND_TOPIC", "outbound-messages");
  }

  public String receiptsTopic() {
    return text("RECEIPTS_TOPIC", "partoo-delivery-receipts");
  }

  public String repliesTopic() {
    return text("REPLIES_TOPIC", "partoo-replies");
  }

  /** json (plain, no registry), avro, json-schema or protobuf (the last three: Confluent's wire format, through a registry). */
  public String format() {
    return text("FORMAT", "json");
  }

  /** none, gzip, snappy, lz4 or zstd. */
  public String codec() {
    return text("CODEC", "none");
  }

  /** Under which name the registry has the schema of what we produce. */
  public String subject() {
    return text("SUBJECT", outboundTopic() + "-value");
  }

  /** What producer and consumer share. */
  public Map<String, Object> kafka() {
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", text("KAFKA_BROKERS", "localhost:9092"));
    String mechanism = text("KAFKA_SASL_MECHANISM", null);
    boolean tls = text("KAFKA_TLS", "").equals("true");
    settings.put("security.protocol", (mechanism == null ? "" : "SASL_") + (tls ? "SSL" : "PLAINTEXT"));
    if (mechanism != null) {
      String module = mechanism.equals("plain") ? "plain.PlainLoginModule" : "scram.ScramLoginModule";
      settings.put("sasl.mechanism", mechanism.toUpperCase());
      settings.put("sasl.jaas.config", "org.apache.kafka.common.security.%s required username=\"%s\" password=\"%s\";"
          .formatted(module, required("KAFKA_SASL_USERNAME"), required("KAFKA_SASL_PASSWORD")));
    }
    return settings;
  }

  /**
   * What Apicurio's serializers and deserializers need to write and read Confluent's wire format: a zero byte, the schema's id
   * in four bytes, for Protobuf the message's indexes, and no types of their own.
   */
  public Map<String, Object> registry() {
    Map<String, Object> settings = new HashMap<>();
    // They speak the registry's own interface, which is beside the one that Confluent's clients use.
    settings.put("apicurio.registry.url", required("SCHEMA_REGISTRY_URL").replaceFirst("/apis/ccompat/.*", "/apis/registry/v3"));
    if (text("SCHEMA_REGISTRY_USERNAME", null) != null) {
      settings.put("apicurio.registry.auth.username", required("SCHEMA_REGISTRY_USERNAME"));
      settings.put("apicurio.registry.auth.password", required("SCHEMA_REGISTRY_PASSWORD"));
    }
    settings.put("apicurio.registry.id-handler", "io.apicurio.registry.serde.Default4ByteIdHandler");
    settings.put("apicurio.registry.use-id", "contentId");
    settings.put("apicurio.registry.serde.send-indexes", true);
    settings.put("apicurio.registry.serde.send-type-ref", false);
    // The newest schema of the subject. Who may change a schema decides it, not whoever happens to produce first: never
    // registered from here. (Confluent's: auto.register.schemas=false, use.latest.version=true, schema.registry.url.)
    settings.put("apicurio.registry.auto-register", false);
    settings.put("apicurio.registry.find-latest", true);
    settings.put("apicurio.registry.artifact.artifact-id", subject());
    return settings;
  }
}
