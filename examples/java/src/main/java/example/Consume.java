package example;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Consumes receipts and replies: prints a JSON line for each fact, copies dropped, with what there is to do about it.
 *
 * <pre>
 * mvn -q compile exec:java -Dexec.mainClass=example.Consume    ends by Ctrl-C or SIGTERM
 * </pre>
 */
public final class Consume {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

  /** How many ids are remembered. Copies come close together: of one batch, after a crash or a rebalance. */
  private static final int SEEN_MAX = 100_000;

  /**
   * The newest ids of facts. Where a fact must not count twice even after a restart of yours, keep ce_id in a unique column of
   * your database instead, written in the same transaction as what the fact changes.
   */
  private final Set<String> seen = Collections.newSetFromMap(new LinkedHashMap<>() {
    @Override
    protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
      return size() > SEEN_MAX;
    }
  });

  private final Settings settings;

  private Consume(Settings settings) {
    this.settings = settings;
  }

  public static void main(String[] arguments) throws Exception {
    new Consume(new Settings(System.getenv())).consume();
  }

  private void consume() throws IOException {
    Map<String, Object> consuming = settings.kafka();
    consuming.put("group.id", settings.text("GROUP_ID", "example-java"));
    consuming.put("auto.offset.reset", "earliest");
    // Committed below, once records are handled: after a crash they come again.
    consuming.put("enable.auto.commit", false);
    consuming.put("key.deserializer", StringDeserializer.class.getName());
    consuming.put("value.deserializer", deserializer(settings.format()));
    if (!settings.format().equals("json")) consuming.putAll(settings.registry());
    KafkaConsumer<String, Object> consumer = new KafkaConsumer<>(consuming);
    Thread reading = Thread.currentThread();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      consumer.wakeup();
      try {
        reading.join(10_000);
      } catch (InterruptedException ended) {
        // The process ends anyway.
      }
    }));
    try (consumer) {
      consumer.subscribe(List.of(settings.receiptsTopic(), settings.repliesTopic()));
      while (true) {
        for (var record : consumer.poll(Duration.ofSeconds(1))) handle(record);
        consumer.commitSync();
      }
    } catch (WakeupException ended) {
      // Asked to end.
    }
  }

  private void handle(ConsumerRecord<String, Object> record) throws IOException {
    ObjectNode headers = JSON.createObjectNode();
    record.headers().forEach((header) -> headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8)));
    if (!seen.add(headers.path("ce_id").asText())) return;
    JsonNode value = json(record.value());
    ObjectNode fact = JSON.createObjectNode();
    fact.put("topic", record.topic());
    fact.put("key", record.key());
    fact.set("headers", headers);
    fact.set("value", value);
    fact.put("action", record.topic().equals(settings.receiptsTopic()) ? actionForReceipt(value) : "show-reply");
    OUT.println(fact);
  }

  /** What there is to do about a receipt. */
  private static String actionForReceipt(JsonNode receipt) {
    String reason = receipt.path("reason").asText("");
    return switch (receipt.path("status").asText()) {
      // id-reused: another message had this id, and Partoo ignores this one. Else Partoo has it, and `created` follows.
      case "accepted" -> reason.equals("id-reused") ? "fix-producer" : "wait";
      case "duplicate" -> "nothing"; // you produced it again: it was not sent again
      case "created", "delivered" -> "done";
      case "failed" -> "tell-someone"; // it is in the conversation, but did not reach the consumer
      // retries-exhausted: Partoo failed on it again and again; later, with the same id. Else it is undecodable, invalid or
      // refused by Partoo: the dead letter has it whole, and says why.
      case "rejected" -> reason.equals("retries-exhausted") ? "produce-again" : "fix-producer";
      default -> "nothing"; // a status that came later than this program
    };
  }

  private static String deserializer(String format) {
    return switch (format) {
      case "json" -> StringDeserializer.class.getName();
      // Confluent's: io.confluent.kafka.serializers.KafkaAvroDeserializer
      case "avro" -> "io.apicurio.registry.serde.avro.AvroKafkaDeserializer";
      // Confluent's: io.confluent.kafka.serializers.json.KafkaJsonSchemaDeserializer
      case "json-schema" -> "io.apicurio.registry.serde.jsonschema.JsonSchemaKafkaDeserializer";
      default -> throw new IllegalArgumentException("FORMAT is " + format + "; it can be json, avro or json-schema");
    };
  }

  /** What the deserializer made of a value, as JSON, which is what this program prints. */
  private static JsonNode json(Object value) throws IOException {
    if (value instanceof String text) return JSON.readTree(text);
    if (value instanceof GenericRecord) return JSON.readTree(GenericData.get().toString(value));
    return JSON.valueToTree(value);
  }
}
