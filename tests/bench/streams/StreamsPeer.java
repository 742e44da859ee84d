/* The job path on Kafka Streams, exactly_once_v2: parses each job with Jackson, as strictly as the stager, keeps
 * a row of it in a store (its changelog is the third record), writes two records. What it writes is as long as
 * what the stager writes, and ready made: it need not be built.
 *
 *   java -cp 'LIBS/*' StreamsPeer.java BOOTSTRAP IN OUT THREADS memory|rocksdb STATE_DIR SIZE SIZE ROW_SIZE
 *
 * Runs until it is told to end. */
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Iterator;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

public class StreamsPeer {
	static final Set<String> FIELDS = Set.of("schema", "type", "job_id", "package_id", "version", "content",
	        "distribution_points", "gate", "deadline", "requested_by", "annotations");

	static class Gate implements Processor<byte[], byte[], byte[], byte[]> {
		final ObjectReader reader = JsonMapper.builder()
		        .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
		        .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
		        .build()
		        .readerFor(JsonNode.class);
		final byte[] first, second, row;
		ProcessorContext<byte[], byte[]> context;
		KeyValueStore<String, byte[]> store;

		Gate(int first, int second, int row)
		{
			this.first = filler(first);
			this.second = filler(second);
			this.row = filler(row);
		}

		static byte[] filler(int size)
		{
			byte[] bytes = new byte[size];
			Arrays.fill(bytes, (byte)'x');
			return bytes;
		}

		@Override public void init(ProcessorContext<byte[], byte[]> context)
		{
			this.context = context;
			store = context.getStateStore("state");
		}

		static String text(JsonNode job, String name)
		{
			JsonNode value = job.get(name);
			if (value == null || !value.isTextual())
				throw new IllegalArgumentException(name);
			return value.textValue();
		}

		@Override public void process(Record<byte[], byte[]> record)
		{
			try {
				JsonNode job = reader.readValue(record.value());
				for (Iterator<String> names = job.fieldNames(); names.hasNext();) {
					String name = names.next();
					if (!FIELDS.contains(name))
						throw new IllegalArgumentException(name);
				}
				String id = text(job, "package_id"), key = id + "/j/" + text(job, "job_id");
				if (!id.equals(new String(record.key(), StandardCharsets.UTF_8)))
					throw new IllegalArgumentException("package_id");
				text(job, "type");
				text(job, "version");
				if (store.get(key) != null) /* sent twice */
					return;
				store.put(key, row);
				context.forward(record.withValue(first));
				context.forward(record.withValue(second));
			} catch (java.io.IOException error) {
				throw new java.io.UncheckedIOException(error);
			}
		}
	}

	public static void main(String[] args)
	{
		int first = Integer.parseInt(args[6]), second = Integer.parseInt(args[7]), row = Integer.parseInt(args[8]);
		KeyValueBytesStoreSupplier supplier = args[4].equals("memory") ? Stores.inMemoryKeyValueStore("state")
		                                                               : Stores.persistentKeyValueStore("state");
		Topology topology = new Topology();
		topology.addSource("in", new ByteArrayDeserializer(), new ByteArrayDeserializer(), args[1])
		        .addProcessor("gate", () -> new Gate(first, second, row), "in")
		        .addStateStore(Stores.keyValueStoreBuilder(supplier, Serdes.String(), Serdes.ByteArray()), "gate")
		        .addSink("out", args[2], new ByteArraySerializer(), new ByteArraySerializer(), "gate");
		Properties settings = new Properties();
		settings.put(StreamsConfig.APPLICATION_ID_CONFIG, args[2] + "-peer");
		settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
		settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
		settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, Integer.parseInt(args[3]));
		settings.put(StreamsConfig.STATE_DIR_CONFIG, args[5]);
		settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
		settings.put(StreamsConfig.consumerPrefix("max.poll.records"), 5000);
		settings.put(StreamsConfig.producerPrefix("linger.ms"), 5);
		settings.put(StreamsConfig.producerPrefix("batch.size"), 1 << 19);
		settings.put(StreamsConfig.producerPrefix("buffer.memory"), 128 << 20);
		KafkaStreams streams = new KafkaStreams(topology, settings);
		Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
		streams.start();
	}
}
