"""The installation that chaos is done to: three brokers, five distribution points, six workers, all real.

Everything runs in a network and mount namespace of its own. Each broker and worker has a user id of its own, so that the
link between any two of them can be cut: what user A sends to a port of B is dropped. Files stay everybody's by
capability (CAP_DAC_OVERRIDE), since sharing them is not what is tested.
"""
import glob
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import harness  # noqa: E402

BROKERS, WORKERS_PER_ROLE, PARTITIONS = 3, 3, 6
WORKERS = 2 * WORKERS_PER_ROLE
CANARY = "canary-7f3a9c51e2"  # the secret of a distribution point; must be seen nowhere
POINTS = {"paris": ["all", "emea"], "lyon": ["all", "emea"], "tokyo": ["all", "apac"], "osaka": ["all", "apac"], "liar": ["all"]}
BROKER_DISK_MB, POINT_DISK_MB, SPOOL_MB = 400, 64, 24
FAKETIME = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
# Small and frugal: what the brokers can do in a second is not what is tested.
JAVA = "-Xmx256m -XX:TieredStopAtLevel=1"


class Failed(Exception):
    """The installation itself could not be handled: nothing is shown of the product."""


def run(*command, check=True, **options):
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **{"timeout": 600, **options})
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(str(error)) from None
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: exit code {done.returncode}: {done.stderr[-3000:]}")
    return done.stdout


def as_user(uid):
    capabilities = "+dac_override,+fowner,+chown"
    return ["setpriv", "--reuid", str(uid), "--keep-groups", f"--inh-caps={capabilities}", f"--ambient-caps={capabilities}"]


class Links:
    """Which user may reach which port, and how fast. Without nft it does nothing, and says so in `why_not`."""
    CHAIN = ("inet", "chaos", "out")
    SLOW = "32kbit"  # a packet of 100 bytes takes 25 ms, then

    def __init__(self, possible):
        self.why_not = self.why_no_delays = None
        try:
            if not possible:
                raise Failed("no network namespace, or no user of its own for each process")
            run("ip", "link", "set", "lo", "up")
            run("nft", "add", "table", *self.CHAIN[:2])
            run("nft", "add", "chain", *self.CHAIN, "{ type filter hook output priority 0; }")
        except Failed as error:
            self.why_not = self.why_no_delays = str(error)
            return
        try:
            run("tc", "qdisc", "add", "dev", "lo", "root", "handle", "1:", "htb", "default", "1")
            run(*"tc class add dev lo parent 1: classid 1:1 htb rate 10gbit quantum 60000".split())
            run(*"tc class add dev lo parent 1: classid 1:2 htb burst 100 cburst 100 quantum 1500 rate".split(), self.SLOW)
        except Failed as error:
            self.why_no_delays = str(error)

    def rule(self, verb, uid, ports):
        """("drop", percent), or ("delay", None), of what uid sends to these ports; returns a function that ends it."""
        what, percent = verb
        does = ["drop"] if what == "drop" else ["meta", "priority", "set", "1:2"]
        if percent is not None and percent < 100:
            does = ["numgen", "random", "mod", "100", "<", str(percent), *does]
        out = run("nft", "--echo", "--handle", "add", "rule", *self.CHAIN, "meta", "skuid", uid, "tcp", "dport",
                  "{" + ",".join(map(str, ports)) + "}", *does)
        handle = re.search(r"# handle (\d+)", out).group(1)
        return lambda: run("nft", "delete", "rule", *self.CHAIN, "handle", handle)

    def clear(self):
        if not self.why_not:
            run("nft", "flush", "chain", *self.CHAIN)


class Supervised(harness.Worker):
    """A worker that is started again whenever it ends, as a service manager would; not while it is held down.

    Each line of its log gets the time at which it came: its own clock may be made to jump."""

    def __init__(self, role, number, run_as, command, log, clock):
        self.number, self.run_as, self.clock, self.name = number, run_as, clock, f"{role}{number}"
        self.held_down, self.expected_end, self.surprises = False, False, []
        self.lock = threading.Lock()  # between whoever ends it and the supervisor
        self.clock.write_text("+0")
        super().__init__(role, command, log)

    def start(self):
        environment = dict(os.environ)
        if FAKETIME:
            environment.update(FAKETIME_TIMESTAMP_FILE=str(self.clock), FAKETIME_CACHE_DURATION="1",
                               FAKETIME_DONT_FAKE_MONOTONIC="1", LD_PRELOAD=FAKETIME)
        self.held_down = self.expected_end = False
        self.process = subprocess.Popen([*self.run_as, *self.command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env=environment)
        threading.Thread(target=self.keep_log, args=[self.process.stdout], daemon=True).start()

    def keep_log(self, lines):
        with open(self.log_path, "ab", buffering=0) as log:
            for line in lines:
                log.write(f"{time.time():.3f} ".encode() + line)

    def down(self, signal_it):
        """Ends it by signal_it and keeps it down until start()."""
        with self.lock:
            self.held_down = self.expected_end = True
        return signal_it()

    def watch(self):
        with self.lock:
            if self.held_down or self.alive():
                return
            if not self.expected_end:
                self.surprises.append(f"{self.name} ended by itself with {self.process.returncode}: {self.log()[-600:]}")
            self.start()


class World(harness.System):
    def __init__(self, folder, namespaces):
        self.home = pathlib.Path(folder)
        self.over, self.disruptions, self.liar = threading.Event(), [], None
        self.workers = []
        self.has_users = self.users_are_possible()
        self.links = Links(namespaces and self.has_users)
        self.why_not = {"links": self.links.why_not, "delays": self.links.why_no_delays, "disks": self.mount_disks(namespaces),
                        "clocks": None if FAKETIME else "no libfaketime"}
        for n in range(1, BROKERS + 1):
            self.disks_of_broker(n).parent.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def users_are_possible():
        try:
            run(*as_user(9010), "true")
            return True
        except Failed:
            return False

    def mount_disks(self, namespaces):
        """Small file systems. Returns why they can't be."""
        self.disks = {name: self.home / "disk" / name for name in ("broker3", "lyon", "spool0")}
        for disk in self.disks.values():
            disk.mkdir(parents=True)
        if not namespaces:
            return "no mount namespace"
        for disk, megabytes in zip(self.disks.values(), (BROKER_DISK_MB, POINT_DISK_MB, SPOOL_MB)):
            try:
                run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", disk)
            except Failed as error:
                return str(error)
        return None

    def note_disruption(self, worker, cause, seconds=None):
        """From now on its shards need another owner; where seconds is given, if it lasts longer than its session."""
        self.disruptions.append((time.time(), worker.name, cause, seconds))

    # -- servers

    def kafka(self, verb, *arguments, check=True):
        broker = " ".join(as_user("900%")) if self.has_users else ""
        return run(ROOT / "script/kafka", verb, "--dir", self.home / "kafka", *arguments, check=check,
                   env={**os.environ, "SERVERS_RUN": broker, "KAFKA_OPTS": JAVA, "SERVERS_START_SECONDS": "240"})

    def nginx(self, verb, *arguments, check=True):
        return run(ROOT / "script/nginx", verb, "--dir", self.home / "nginx", *arguments, check=check)

    def broker_ports(self, n):
        """Where broker n listens: to clients and brokers, and as a controller."""
        text = (self.home / "kafka" / f"broker{n}" / "server.properties").read_text()
        return [int(port) for port in re.findall(r":(\d+)", re.search(r"^listeners=(.*)$", text, re.M).group(1))]

    def broker_uid(self, n):
        return 9000 + n

    def controller(self):
        """The broker that leads the metadata quorum, as most of them remember it."""
        leaders = []
        for n in range(1, BROKERS + 1):
            state = self.disks_of_broker(n) / "__cluster_metadata-0" / "quorum-state"
            try:
                leaders.append(json.loads(state.read_text())["leaderId"])
            except (OSError, ValueError):
                pass
        return max(set(leaders), key=leaders.count) if leaders and max(leaders) > 0 else 1

    def disks_of_broker(self, n):
        return self.home / "disk" / f"broker{n}" / "data"

    # -- set up

    def build(self):
        log_dirs = f"log.dirs={self.home}/disk/broker%/data"
        bootstrap = self.kafka("start", "--brokers", BROKERS, "--set", log_dirs).split()[-1]
        super().__init__(bootstrap, self.home / "system", "chaos.", PARTITIONS)
        self.web = self.nginx("start", "--count", 3).split()
        self.liar = subprocess.Popen([sys.executable, str(ROOT / "tests/e2e/bad_dp.py"), "--root", str(self.home / "liar"),
                                      "--port", "0"], stdout=subprocess.PIPE, text=True)
        self.liar_url = self.liar.stdout.readline().strip().rstrip("/") + "/"
        self.add_file_point("paris", POINTS["paris"])
        self.points.append({"name": "lyon", "url": f"file://{self.disks['lyon']}/", "groups": POINTS["lyon"]})
        self.add_http_point("tokyo", self.web[0] + "dp/", POINTS["tokyo"])
        self.add_http_point("osaka", self.web[1] + "dp/", POINTS["osaka"])
        (self.folder / "liar.secret").write_text(f"chaos:{CANARY}\n")
        self.add_http_point("liar", self.liar_url + "dp/", POINTS["liar"], credentials_file="liar.secret")
        self.sources.append({"prefix": self.web[2] + "src/"})
        self.make_ready()
        for role, base in (("stager", 9010), ("updater", 9020)):
            for number in range(WORKERS_PER_ROLE):
                self.start_worker(role, number, base + number)
        threading.Thread(target=self.supervise, daemon=True).start()

    def make_ready(self):
        """On a machine that is busy with other things the brokers may need a second try, or a third."""
        for last in (False, False, True):
            try:
                return self.ready()
            except (AssertionError, subprocess.TimeoutExpired) as error:
                if last:
                    raise Failed(str(error)) from None

    def start_worker(self, role, number, uid):
        command = [str(harness.BIN / f"holdpoint-{role}"), *self.common(), "--distribution-points", str(self.catalogue)]
        if role == "stager":
            spool = self.disks["spool0"] if number == 0 else self.folder / f"spool{number}"
            command += ["--spool", str(spool)]
        worker = Supervised(role, number, as_user(uid) if self.has_users else [], command, self.folder / f"{role}{number}.log",
                            self.folder / f"{role}{number}.clock")
        worker.uid = uid
        self.workers.append(worker)

    def supervise(self):
        while not self.over.wait(0.5):
            for worker in self.workers:
                worker.watch()

    def fault(self, **description):
        request = urllib.request.Request(self.liar_url + "_control", data=json.dumps(description).encode(), method="POST")
        urllib.request.urlopen(request, timeout=10).read()

    def worker_with_put_under_way(self):
        """The worker that the misbehaving point has a PUT of, told by who holds the other end of its connection."""
        with urllib.request.urlopen(self.liar_url + "_control", timeout=10) as answer:
            ports = json.loads(answer.read())["putting"]
        rows = [row.split() for row in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        sockets = {f"socket:[{row[9]}]" for row in rows if int(row[1].split(":")[1], 16) in ports}
        return next((worker for worker in self.workers if sockets & open_files(worker.process.pid)), None)

    def point_port(self, name):
        url = next(point["url"] for point in self.points if point["name"] == name)
        return int(re.search(r":(\d+)/", url).group(1))

    def served_source(self, name, files):
        """Like source(), from an http server: what is read goes through the spool."""
        content = self.source(name, files)
        base = self.home / "nginx" / "dp3" / "www" / "src" / name
        for entry in content["files"]:
            target = base / entry["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((self.folder / "src" / name / entry["path"]).read_bytes())
            entry["url"] = f"{self.web[2]}src/{name}/{entry['path']}"
        return content

    def close(self):
        self.over.set()
        for worker in self.workers:
            worker.down(lambda: None)
        super().close()
        if self.liar:
            self.liar.kill()
        for clean in (self.nginx, self.kafka):
            clean("clean", check=False)
        for disk in self.disks.values():
            subprocess.run(["umount", str(disk)], capture_output=True, check=False)


def open_files(pid):
    """What the process has open, as /proc tells; nothing if it ended meanwhile."""
    try:
        return {os.readlink(entry.path) for entry in os.scandir(f"/proc/{pid}/fd")}
    except OSError:
        return set()


def settle(seconds):
    """A time during which a fault, or quiet, lasts."""
    time.sleep(seconds)
