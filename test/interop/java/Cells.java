package example;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * The interop tests' way to run the example for many cells in one JVM: reads {"cell", "environment", "file"} lines, runs Produce with
 * each, and prints {"cell", "problem"} lines.
 */
public final class Cells {
  public static void main(String[] arguments) throws Exception {
    ObjectMapper json = new ObjectMapper();
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    BufferedReader cells = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String text = cells.readLine(); text != null; text = cells.readLine()) {
      JsonNode cell = json.readTree(text);
      Map<String, String> environment = new HashMap<>(System.getenv());
      cell.get("environment").properties().forEach((each) -> environment.put(each.getKey(), each.getValue().asText()));
      ObjectNode ended = json.createObjectNode();
      ended.set("cell", cell.get("cell"));
      try (BufferedReader lines = Files.newBufferedReader(Path.of(cell.get("file").asText()))) {
        Produce.produce(new Settings(environment), lines);
        ended.putNull("problem");
      } catch (Exception problem) {
        ended.put("problem", problem.toString());
      }
      out.println(ended);
    }
    System.exit(0);
  }
}
