package example;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Function;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecordBuilder;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import partoo.bridge.v1.OutboundMessage;

/**
 * Produces messages for Partoo.
 *
 * <pre>
 * mvn -q compile exec:java -Dexec.mainClass=example.Produce                              one message; run it again, and the second
 *                                                                                        is recognised as a copy
 * mvn -q compile exec:java -Dexec.mainClass=example.Produce -Dexec.args=messages.jsonl   a line each: {"value": {...}}, and if need
 *                                                                                        be "key" and "headers"; "-" is standard input
 * </pre>
 */
public final class Produce {
  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * What a producer of your own does: ids that your system has already, so that a repeat has the same ones. Never a random id:
   * after a crash you produce the message again, and only the same id tells that it is the same.
   */
  private static final String EXAMPLE_LINE = """
      {"value": {"business_id": "42", "external_conversation_id": "java-ticket-4711", \
      "external_message_id": "java-ticket-4711-comment-1", "content": "Is the terrace open? 🌿", "sender_type": "Consumer"}}
      """;

  public static void main(String[] arguments) throws Exception {
    Settings settings = new Settings(System.getenv());
    try (BufferedReader lines = open(arguments.length > 0 ? arguments[0] : null)) {
      produce(settings, lines);
    }
  }

  public static void produce(Settings settings, BufferedReader lines) throws IOException {
    Map<String, Object> producing = settings.kafka();
    producing.put("key.serializer", StringSerializer.class.getName());
    producing.put("value.serializer", serializer(settings.format()));
    if (!settings.format().equals("json")) producing.putAll(settings.registry());
    producing.put("compression.type", settings.codec());
    // By default: acknowledged by all replicas in sync, and idempotent: retried records are neither lost, nor doubled, nor out of
    // order.
    Function<ObjectNode, Object> toValue = valueMaker(settings);
    Queue<String> problems = new ConcurrentLinkedQueue<>();
    try (KafkaProducer<String, Object> producer = new KafkaProducer<>(producing)) {
      for (String text = lines.readLine(); text != null; text = lines.readLine()) {
        JsonNode line = JSON.readTree(text);
        ObjectNode message = (ObjectNode) line.get("value");
        // The conversation's id as key: it stays in one partition, and so in order.
        JsonNode key = line.has("key") ? line.get("key") : message.get("external_conversation_id");
        var record = new ProducerRecord<>(settings.outboundTopic(), key.isNull() ? null : key.asText(), toValue.apply(message));
        line.path("headers").properties().forEach(
            (header) -> record.headers().add(header.getKey(), header.getValue().asText().getBytes(StandardCharsets.UTF_8)));
        producer.send(record, (stored, problem) -> {
          if (problem != null) problems.add(problem.toString());
        });
      }
    }
    if (!problems.isEmpty()) {
      throw new IOException(problems.size() + " messages are not in Kafka: " + problems.peek() + "; produce them again, ids unchanged");
    }
  }

  private static String serializer(String format) {
    return switch (format) {
      case "json" -> StringSerializer.class.getName();
      // Confluent's: io.confluent.kafka.serializers.KafkaAvroSerializer
      case "avro" -> "io.apicurio.registry.serde.avro.AvroKafkaSerializer";
      // Confluent's: io.confluent.kafka.serializers.json.KafkaJsonSchemaSerializer
      case "json-schema" -> "io.apicurio.registry.serde.jsonschema.JsonSchemaKafkaSerializer";
      // Confluent's: io.confluent.kafka.serializers.protobuf.KafkaProtobufSerializer
      case "protobuf" -> "io.apicurio.registry.serde.protobuf.ProtobufKafkaSerializer";
      default -> throw new IllegalArgumentException("FORMAT is " + format + "; it can be json, avro, json-schema or protobuf");
    };
  }

  /** From a message as JSON, which is what this program reads, to what the serializer takes: an object of your own in yours. */
  private static Function<ObjectNode, Object> valueMaker(Settings settings) throws IOException {
    return switch (settings.format()) {
      case "avro" -> {
        Path folder = Path.of(settings.text("SCHEMAS", "../../libs/schemas/schemas"));
        Schema schema = new Schema.Parser().parse(folder.resolve("outbound-message.v1.avsc").toFile());
        yield (message) -> avro(schema, message);
      }
      case "json-schema" -> (message) -> message;
      case "protobuf" -> Produce::protobuf;
      default -> ObjectNode::toString;
    };
  }

  private static GenericData.Record avro(Schema schema, ObjectNode message) {
    var record = new GenericRecordBuilder(schema);
    message.properties().forEach((field) -> {
      Schema type = schema.getField(field.getKey()).schema();
      JsonNode value = field.getValue();
      if (value.isNull()) record.set(field.getKey(), null);
      else if (value.isIntegralNumber()) record.set(field.getKey(), value.longValue());
      else if (type.getType() == Schema.Type.ENUM) record.set(field.getKey(), new GenericData.EnumSymbol(type, value.textValue()));
      else record.set(field.getKey(), value.textValue());
    });
    return record.build();
  }

  private static OutboundMessage protobuf(ObjectNode message) {
    var builder = OutboundMessage.newBuilder();
    try {
      JsonFormat.parser().merge(message.toString(), builder);
    } catch (InvalidProtocolBufferException problem) {
      throw new IllegalArgumentException(problem);
    }
    return builder.build();
  }

  private static BufferedReader open(String file) throws IOException {
    if (file == null) return new BufferedReader(new StringReader(EXAMPLE_LINE));
    if (file.equals("-")) return new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    return Files.newBufferedReader(Path.of(file));
  }
}
