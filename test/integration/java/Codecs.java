// Java's client on the other side of codecs.test.ts, run by `java -cp <Kafka's jars> Codecs.java`:
//   produce <brokers> <count> <topic>=<codec> …   the test's records, in large batches
//   consume <brokers> <count> <topic> …           prints topic, key and value of the first <count> records of each, tab-separated

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Codecs {
  static final long DEADLINE_MS = 30_000;

  public static void main(String[] args) throws Exception {
    int count = Integer.parseInt(args[2]);
    for (int i = 3; i < args.length; i++) {
      if (args[0].equals("produce")) produce(args[1], count, args[i].split("="));
      else consume(args[1], count, args[i]);
    }
  }

  /** Every word of it is in codecs.test.ts too. */
  static String value(int i) {
    return i + ": Votre commande est prête \uD83D\uDE00 " + "0123456789abcdef".repeat(i % 40);
  }

  static void produce(String brokers, int count, String[] topicAndCodec) throws Exception {
    Map<String, Object> settings = Map.of(
        "bootstrap.servers", brokers, "compression.type", topicAndCodec[1], "batch.size", 400_000, "linger.ms", 200);
    try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
      var sent = new ArrayList<java.util.concurrent.Future<?>>();
      for (int i = 0; i < count; i++) {
        sent.add(producer.send(new ProducerRecord<>(topicAndCodec[0], 0, "key-" + i, value(i))));
      }
      for (var each : sent) each.get();
    }
  }

  static void consume(String brokers, int count, String topic) throws Exception {
    Map<String, Object> settings = Map.of("bootstrap.servers", brokers, "enable.auto.commit", false);
    var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    long endMs = System.currentTimeMillis() + DEADLINE_MS;
    try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
      var partitions = List.of(new TopicPartition(topic, 0));
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      for (int read = 0; read < count && System.currentTimeMillis() < endMs; ) {
        for (var record : consumer.poll(Duration.ofMillis(500))) {
          out.println(topic + "\t" + record.key() + "\t" + record.value());
          read++;
        }
      }
    }
  }
}
