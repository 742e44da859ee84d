"""The installation that chaos is done to: three brokers, five distribution points, six workers, all real.

Everything runs in a network and mount namespace of its own. Each broker and worker has a user id of its own, so that the
link between any two of them can be cut: what user A sends to a port of B is dropped. Files stay everybody's by
capability (CAP_DAC_OVERRIDE), since sharing them is not what is tested.
"""
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
CANARY = "canary-7f3a9c51e2"  # the secret of a distribution point; must be seen nowhere
POINTS = {"paris": ["all", "emea"], "lyon": ["all", "emea"], "tokyo": ["all", "apac"], "osaka": ["all", "apac"], "liar": ["all"]}
BROKER_DISK_MB, POINT_DISK_MB, SPOOL_MB = 400, 64, 24
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True,
                          **{"timeout": 120, **options}).stdout


def as_user(uid):
    capabilities = "+dac_override,+fowner,+chown"
    return ["setpriv", "--reuid", str(uid), "--keep-groups", f"--inh-caps={capabilities}", f"--ambient-caps={capabilities}"]


class Links:
    """Which user may reach which port. Rules are named, so that they can be taken away again."""

    def __init__(self):
        run("ip", "link", "set", "lo", "up")
        run("nft", "add", "table", "inet", "chaos")
        run("nft", "add", "chain", "inet", "chaos", "out", "{ type filter hook output priority 0; }")

    def drop(self, uid, ports, percent=100):
        """Drops what uid sends to these ports; returns a function that lets it through again."""
        chance = [] if percent >= 100 else ["numgen", "random", "mod", "100", "<", str(percent)]
        out = run("nft", "--echo", "--handle", "add", "rule", "inet", "chaos", "out", "meta", "skuid", uid, "tcp", "dport",
                  "{" + ",".join(map(str, ports)) + "}", *chance, "drop")
        handle = re.search(r"# handle (\d+)", out).group(1)
        return lambda: run("nft", "delete", "rule", "inet", "chaos", "out", "handle", handle)


class Supervised(harness.Worker):
    """A worker that is started again whenever it ends, as a service manager would; not while it is held down."""

    def __init__(self, role, number, uid, command, log, clock):
        self.number, self.uid, self.clock, self.name = number, uid, clock, f"{role}{number}"
        self.held_down, self.expected_end, self.surprises = False, False, []
        self.clock.write_text("+0")
        super().__init__(role, command, log)

    def start(self):
        environment = {**os.environ, "FAKETIME_TIMESTAMP_FILE": str(self.clock), "FAKETIME_CACHE_DURATION": "1",
                       "FAKETIME_DONT_FAKE_MONOTONIC": "1", "LD_PRELOAD": FAKETIME}
        self.held_down = self.expected_end = False
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([*as_user(self.uid), *self.command], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=environment)

    def down(self, signal_it):
        """Ends it by signal_it and keeps it down until start()."""
        self.held_down = self.expected_end = True
        return signal_it()

    def watch(self):
        if not self.held_down and not self.alive():
            if not self.expected_end:
                self.surprises.append(f"{self.name} ended by itself with {self.process.returncode}: {self.log()[-600:]}")
            self.start()


class World(harness.System):
    def __init__(self, folder):
        self.home = pathlib.Path(folder)
        self.links = Links()
        self.disks = {}
        for name, megabytes in (("broker3", BROKER_DISK_MB), ("lyon", POINT_DISK_MB), ("spool0", SPOOL_MB)):
            self.disks[name] = self.home / "disk" / name
            self.disks[name].mkdir(parents=True)
            run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", self.disks[name])
        for n in (1, 2):
            (self.home / "disk" / f"broker{n}").mkdir(parents=True)
        bootstrap = self.kafka("start", "--brokers", BROKERS, "--set", f"log.dirs={self.home}/disk/broker%/data").split()[-1]
        super().__init__(bootstrap, self.home / "system", "chaos.", PARTITIONS)
        self.over = threading.Event()

    # -- servers

    def kafka(self, verb, *arguments):
        broker = "setpriv --reuid 900% --keep-groups --inh-caps=+dac_override,+fowner --ambient-caps=+dac_override,+fowner"
        return run(ROOT / "script/kafka", verb, "--dir", self.home / "kafka", *arguments,
                   env={**os.environ, "SERVERS_RUN": broker})

    def nginx(self, verb, *arguments):
        return run(ROOT / "script/nginx", verb, "--dir", self.home / "nginx", *arguments)

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
        self.ready()
        for number in range(WORKERS_PER_ROLE):
            for role, base in (("stager", 9010), ("updater", 9020)):
                self.start_worker(role, number, base + number)
        threading.Thread(target=self.supervise, daemon=True).start()

    def start_worker(self, role, number, uid):
        command = [str(harness.BIN / f"holdpoint-{role}"), *self.common(), "--distribution-points", str(self.catalogue)]
        if role == "stager":
            spool = self.disks["spool0"] if number == 0 else self.folder / f"spool{number}"
            command += ["--spool", str(spool)]
        self.workers.append(Supervised(role, number, uid, command, self.folder / f"{role}{number}.log",
                                       self.folder / f"{role}{number}.clock"))

    def supervise(self):
        while not self.over.wait(0.5):
            for worker in self.workers:
                worker.watch()

    def fault(self, **description):
        request = urllib.request.Request(self.liar_url + "_control", data=json.dumps(description).encode(), method="POST")
        urllib.request.urlopen(request, timeout=10).read()

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
            worker.held_down = True
        super().close()
        if hasattr(self, "liar"):
            self.liar.kill()
        self.nginx("clean")
        self.kafka("clean")


def settle(seconds):
    """A time during which a fault, or quiet, lasts."""
    time.sleep(seconds)
