#!/usr/bin/python3
"""Workers of the engine on a real broker, killed, stopped, ended and rebalanced: nothing is lost or doubled.

usage: test_echo.py ECHO_WORKER [SCENARIO…]      (through with_kafka)
"""
import collections
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOOTSTRAP = os.environ["HOLDPOINT_TEST_BOOTSTRAP"]
KAFKA_DIR = os.environ.get("HOLDPOINT_TEST_KAFKA_DIR")
KEYS, PARTITIONS = 50, 6
AT_ONCE = 5  # scenarios: they mostly wait
SLOW = float(os.environ.get("HOLDPOINT_TEST_SLOWNESS", "1"))


def wait_until(what, condition, seconds=60, each=0.1):
    end = time.monotonic() + seconds * SLOW
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds * SLOW:g} s: {what}")
        time.sleep(each)
    return value


class World:
    """Topics under a prefix of their own, what is produced to them, and the workers."""

    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder
        self.prefix = f"echo-{os.getpid()}-{time.time_ns()}."
        self.workers, self.sent, self.stop = {}, collections.Counter(), threading.Event()
        subprocess.run([binary, "topics", "-b", BOOTSTRAP, "--prefix", self.prefix], check=True,
                       stderr=subprocess.DEVNULL)
        self.producer = Producer({"bootstrap.servers": BOOTSTRAP, "partitioner": "murmur2_random",
                                  "enable.idempotence": True, "linger.ms": 5})

    def start(self, name, *options):
        log = open(self.folder / f"{name}.log", "ab")
        self.workers[name] = subprocess.Popen(
            [self.binary, "-b", BOOTSTRAP, "--prefix", self.prefix, *options], stdout=log, stderr=log,
            stdin=subprocess.DEVNULL)

    def log(self, name):
        return (self.folder / f"{name}.log").read_text()

    def wait_running(self, name, shards=1):
        """Until so many times a shard has begun to run there."""
        wait_until(f"{name} runs {shards} shards", lambda: self.log(name).count("shard running") >= shards)

    def wait_outputs(self, more=4 * KEYS):
        """Until so many more outputs are there than now: the workers work."""
        def ends():
            """None while the broker is not its old self again. Each time by a new client: one that asked while nobody led may
            hold on to that for minutes."""
            reader = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": self.prefix + "watch"})
            try:
                return sum(reader.get_watermark_offsets(TopicPartition(self.prefix + "out", p), timeout=5 * SLOW)[1]
                           for p in range(PARTITIONS))
            except KafkaException:
                return None
            finally:
                reader.close()
        enough = wait_until("the ends of the outputs", lambda: (end := ends()) is not None and end + more)
        wait_until(f"{more} more outputs", lambda: (ends() or 0) >= enough)

    def produce(self, rounds=1):
        for _ in range(rounds):
            for k in range(KEYS):
                self.sent[k] += 1
                self.producer.produce(self.prefix + "in", key=f"key{k}", value=str(self.sent[k]))
        self.producer.poll(0)

    def produce_steadily(self):
        def run():
            while not self.stop.is_set():
                self.produce()
                time.sleep(0.05)
        self.stop.clear()
        self.thread = threading.Thread(target=run)
        self.thread.start()

    def finish_producing(self):
        self.stop.set()
        self.thread.join()
        assert self.producer.flush(60) == 0

    def check(self, seconds=90):
        """Reads the whole output until it holds as much as was sent, and a little longer for what is too much. A
        standstill fails it, a slow machine does not."""
        consumer = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": self.prefix + "check",
                             "enable.auto.commit": False, "isolation.level": "read_committed"})
        consumer.assign([TopicPartition(self.prefix + "out", p, 0) for p in range(PARTITIONS)])
        expected = 2 * sum(self.sent.values())
        counts, done, total = collections.Counter(), collections.Counter(), 0
        seconds *= SLOW
        end = time.monotonic() + seconds
        quiet = 0
        while quiet < 15:
            message = consumer.poll(0.1)
            if message is None:
                quiet = quiet + 1 if total >= expected else 0
                assert time.monotonic() < end, f"{total} of {expected} outputs, and no more for {seconds} s"
                continue
            end = time.monotonic() + seconds
            assert not message.error(), message.error()
            total += 1
            key, value = int(message.key()[3:]), message.value().decode()
            if value.startswith("done "):
                done[key] += 1
                assert value == f"done {done[key]}", f"key {key}: {value!r} after {done[key] - 1} done"
            else:
                counts[key] += 1
                assert value == f"{counts[key]} {counts[key]}", f"key {key}: {value!r} as number {counts[key]}"
        consumer.close()
        assert counts == self.sent and done == self.sent, "not all was counted and done"
        return total

    def end(self):
        self.stop.set()
        for worker in self.workers.values():
            if worker.poll() is None:
                worker.kill()
                worker.wait()


def wait_exit(worker, seconds=30):
    try:
        return worker.wait(seconds * SLOW)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"a worker did not end in {seconds * SLOW:g} s") from None


def scenario_counts_all(world):
    world.start("a")
    world.produce(20)
    assert world.producer.flush(30) == 0
    world.check()
    world.workers["a"].send_signal(signal.SIGTERM)
    assert wait_exit(world.workers["a"]) == 0


def scenario_takes_signals_at_once(world):
    """Each is sent as soon as the last was taken, just when an idle worker has begun a wait of 0.2 s for its group."""
    signals = 20
    world.start("a")
    world.wait_running("a", PARTITIONS)
    began = time.monotonic()
    for taken in range(1, signals + 1):
        world.workers["a"].send_signal(signal.SIGHUP)
        wait_until("it is taken", lambda taken=taken: world.log("a").count("reloaded") == taken, each=0.002)
    took = time.monotonic() - began
    assert took < signals * 0.1 * SLOW, f"{signals} signals took {took:.2f} s"


def scenario_survives_kills_stops_and_rebalances(world):
    for name in "abc":
        world.start(name)
    world.wait_running("a")
    world.wait_running("c")
    world.produce_steadily()
    world.wait_outputs()
    world.workers["b"].send_signal(signal.SIGSTOP)  # past its session: its shards are claimed by others
    world.workers["a"].kill()  # session time-out, then so are its own
    wait_until("the third runs all shards", lambda: running_shards(world.log("c")) == PARTITIONS)
    world.workers["b"].send_signal(signal.SIGCONT)  # the zombie wakes
    world.start("d")
    world.wait_running("d")
    world.wait_outputs()
    world.workers["c"].send_signal(signal.SIGTERM)
    assert wait_exit(world.workers["c"]) == 0
    world.start("e")
    world.wait_running("e")
    world.wait_outputs()
    world.workers["d"].kill()
    world.finish_producing()
    world.check()
    for name in "be":
        world.workers[name].send_signal(signal.SIGTERM)
        assert wait_exit(world.workers[name]) == 0


def running_shards(log):
    """How many different partitions have begun to run."""
    return len(set(re.findall(r"shard running.*?partition=(\d+)", log)))


def scenario_static_member_comes_back(world):
    world.start("a", "--instance", "one")
    world.start("b", "--instance", "two")
    world.wait_running("a")
    world.wait_running("b")
    world.produce_steadily()
    for _ in range(3):
        world.wait_outputs()
        world.workers["a"].kill()
        world.workers["a"].wait()
        before = world.log("a").count("shard running")
        world.start("a", "--instance", "one")
        world.wait_running("a", before + 1)
    world.wait_outputs()
    world.finish_producing()
    world.check()


def scenario_outlasts_its_broker(world):
    """The broker goes away under load and comes back; a worker that was started meanwhile waits for it."""
    if not KAFKA_DIR:
        print("    (skipped: the broker is not ours to stop)")
        return
    kafka = [str(ROOT / "script" / "kafka")]
    world.start("a")
    world.wait_running("a")
    world.produce_steadily()
    world.wait_outputs()
    subprocess.run(kafka + ["kill", "1", "--dir", KAFKA_DIR], check=True)
    world.start("b")
    wait_until("the late worker says that it waits", lambda: "not reachable yet" in world.log("b"))
    subprocess.run(kafka + ["start", "--dir", KAFKA_DIR], check=True, stdout=subprocess.DEVNULL)
    world.wait_running("b")
    world.wait_outputs()
    world.finish_producing()
    world.check()


def scenario_outlasts_a_paused_broker(world):
    """The broker hangs for longer than a transaction may last."""
    if not KAFKA_DIR:
        print("    (skipped: the broker is not ours to pause)")
        return
    kafka = [str(ROOT / "script" / "kafka")]
    world.start("a")
    world.start("b")
    world.wait_running("a")
    world.wait_running("b")
    world.produce_steadily()
    world.wait_outputs()
    subprocess.run(kafka + ["pause", "1", "--dir", KAFKA_DIR], check=True)
    time.sleep(20)
    subprocess.run(kafka + ["resume", "1", "--dir", KAFKA_DIR], check=True)
    world.wait_outputs()
    world.finish_producing()
    world.check()
    world.workers["a"].send_signal(signal.SIGTERM)
    assert wait_exit(world.workers["a"]) == 0


def scenario_refuses_another_log(world):
    """The input is deleted and made again: its offsets mean other records now."""
    world.start("a")
    world.produce(4)
    assert world.producer.flush(30) == 0
    world.check()
    world.workers["a"].send_signal(signal.SIGTERM)
    assert wait_exit(world.workers["a"]) == 0
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    for future in admin.delete_topics([world.prefix + "in"]).values():
        future.result(30)
    wait_until("the topic is gone", lambda: world.prefix + "in" not in admin.list_topics(timeout=10).topics)
    subprocess.run([world.binary, "topics", "-b", BOOTSTRAP, "--prefix", world.prefix], check=True,
                   stderr=subprocess.DEVNULL)
    world.start("b")
    assert wait_exit(world.workers["b"]) == 1
    assert "log_recreated" in world.log("b"), world.log("b")


def scenario_refuses_a_log_made_anew_under_it(world):
    """The input is deleted, made again and grown past every position while the worker is stopped, for less time than it may be."""
    world.start("a")
    world.produce(4)
    assert world.producer.flush(30) == 0
    world.check()
    time.sleep(31)  # so long it takes what it knew for what still is
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    world.workers["a"].send_signal(signal.SIGSTOP)
    for future in admin.delete_topics([world.prefix + "in"]).values():
        future.result(30)
    wait_until("the topic is gone", lambda: world.prefix + "in" not in admin.list_topics(timeout=10).topics)
    subprocess.run([world.binary, "topics", "-b", BOOTSTRAP, "--prefix", world.prefix], check=True,
                   stderr=subprocess.DEVNULL)
    world.produce(8)
    assert world.producer.flush(30) == 0
    world.workers["a"].send_signal(signal.SIGCONT)
    assert wait_exit(world.workers["a"], 60) == 1
    if "log_recreated" not in world.log("a"):  # on a slow machine it was stopped for too long, and ended for that
        world.start("b")
        assert wait_exit(world.workers["b"], 60) == 1
        assert "log_recreated" in world.log("b"), world.log("b")


def scenario_refuses_more_partitions(world):
    """Partitions are added under a running worker: keys would lie elsewhere than their rows."""
    world.start("a", "-X", "topic.metadata.refresh.interval.ms=1000")
    world.wait_running("a")
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    for future in admin.create_partitions([NewPartitions(world.prefix + "in", PARTITIONS + 1)]).values():
        future.result(30)
    assert wait_exit(world.workers["a"], 60) == 1
    assert "code=partition_count" in world.log("a"), world.log("a")
    world.start("b")
    assert wait_exit(world.workers["b"]) == 1
    assert "code=partition_count" in world.log("b"), world.log("b")


def scenario_says_what_is_missing(world):
    world.prefix = "no-such-prefix."
    world.start("a")
    assert wait_exit(world.workers["a"]) == 1
    assert "holdpoint-producer topics" in world.log("a"), world.log("a")


def scenario_tells_its_health(world):
    port = 20000 + os.getpid() % 10000
    world.start("a", "--listen", f"127.0.0.1:{port}")

    def get(path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return None, ""
    wait_until("ready", lambda: get("/readyz")[0] == 200)
    assert get("/livez")[0] == 200
    assert get("/other")[0] == 404
    world.produce(3)
    assert world.producer.flush(30) == 0
    world.check()
    metrics = get("/metrics")[1]
    total = sum(int(line.split()[-1]) for line in metrics.splitlines() if line.startswith("holdpoint_input_records_total{"))
    assert total == 3 * KEYS, metrics


def scenario_costs_little_when_idle(world):
    """Once all shards share one reader: how many clients it runs, and what they ask."""
    def clients():
        return sum(task.read_text().startswith("rdk:main") for task in pathlib.Path(f"/proc/{pid}/task").glob("*/comm"))

    def requests():
        """TCP segments with data that were sent: a small request is one."""
        listed = subprocess.run(["ss", "-tinpHO"], capture_output=True, text=True, check=True).stdout
        return sum(int(sent) for line in listed.splitlines() if f"pid={pid}," in line
                   for sent in re.findall(r"\bdata_segs_out:(\d+)", line))
    world.start("a")
    world.produce()
    assert world.producer.flush(30) == 0
    world.check()
    pid = world.workers["a"].pid
    most = PARTITIONS + 2  # a producer each, their reader, the group
    wait_until(f"{most} clients or fewer", lambda: clients() <= most)
    before, began = requests(), time.monotonic()
    time.sleep(10)
    rate = (requests() - before) / (time.monotonic() - began)
    assert rate <= 4, f"{rate:.1f} requests a second: two heartbeats, a fetch each second or two, a position now and then"
    world.produce()
    assert world.producer.flush(30) == 0
    world.check()


def run_scenario(binary, name, run):
    """Says how it went; → whether it went well."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="holdpoint-echo."))
    world, start, good = World(binary, folder), time.monotonic(), True
    try:
        run(world)
        print(f"ok    {name} ({time.monotonic() - start:.1f} s)", flush=True)
    except Exception as error:  # pylint: disable=broad-except
        good = False
        print(f"FAIL  {name}: {error!r}; logs in {folder}", flush=True)
    finally:
        world.end()
    for log in folder.glob("*.log"):
        text = log.read_text()
        if "Sanitizer" in text or "runtime error" in text:
            good = False
            print(text)
    if good:
        shutil.rmtree(folder)
    return good


def main():
    binary, chosen = sys.argv[1], sys.argv[2:]
    scenarios = {name[9:]: run for name, run in globals().items() if name.startswith("scenario_")}
    hurts_brokers = {"outlasts_its_broker", "outlasts_a_paused_broker"}
    halves = {"brokers": hurts_brokers, "workers": scenarios.keys() - hurts_brokers}
    chosen = {name for word in chosen or halves for name in halves.get(word, [word])}
    for group, at_once in ((chosen - hurts_brokers, AT_ONCE), (chosen & hurts_brokers, 1)):
        with ThreadPoolExecutor(at_once) as pool:
            runs = [pool.submit(run_scenario, binary, name, scenarios[name]) for name in sorted(group)]
        if not all(run.result() for run in runs):
            sys.exit(1)


main()
