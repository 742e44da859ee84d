#!/usr/bin/python3
"""Checks compose.yaml without Docker; see README.md beside this file."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import unittest

import jsonschema
import yaml

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parent.parent
COMPOSE = yaml.safe_load((REPO / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
OURS = {name: s for name, s in SERVICES.items() if s["image"] == "holdpoint"}
ONE_SHOT = {"topics", "dp-init"}


class ComposeFile(unittest.TestCase):
    def test_is_valid_by_the_compose_specification(self):
        schema = json.loads((HERE / "compose-spec.json").read_text())
        validator = jsonschema.validators.validator_for(schema)(schema)
        errors = [f"{e.json_path}: {e.message}" for e in validator.iter_errors(COMPOSE)]
        self.assertEqual(errors, [])

    def test_commands_are_those_that_the_end_to_end_tests_run(self):
        listed = {c["service"]: c["argv"] for c in json.loads((HERE / "commands.json").read_text())}
        self.assertEqual({name: s["command"] for name, s in OURS.items()}, listed)

    def test_waits_for_services_in_a_way_that_they_can_meet(self):
        for name, service in SERVICES.items():
            for other, how in service.get("depends_on", {}).items():
                with self.subTest(service=name, depends_on=other):
                    if other in ONE_SHOT:
                        self.assertEqual(how["condition"], "service_completed_successfully")
                    else:
                        self.assertEqual(how["condition"], "service_healthy")
                        self.assertIn("healthcheck", SERVICES[other])

    def test_what_stays_up_has_a_health_check_and_restarts(self):
        for name, service in SERVICES.items():
            with self.subTest(service=name):
                self.assertEqual("healthcheck" in service, name not in ONE_SHOT)
                self.assertEqual("restart" in service, name not in ONE_SHOT)

    def test_health_checks_ask_where_the_worker_listens(self):
        for name in ("stager", "updater", "auditor"):
            command = SERVICES[name]["command"]
            port = command[command.index("--listen") + 1].rpartition(":")[2]
            self.assertIn(f"http://127.0.0.1:{port}/readyz", SERVICES[name]["healthcheck"]["test"])

    def test_workers_can_be_scaled(self):
        for name in ("stager", "updater"):
            for fixed in ("container_name", "hostname", "ports"):
                self.assertNotIn(fixed, SERVICES[name])
            self.assertNotIn("--instance", SERVICES[name]["command"])

    def test_mounts_what_exists_where_the_command_looks_for_it(self):
        for name, service in SERVICES.items():
            targets = set()
            for volume in service.get("volumes", []):
                with self.subTest(service=name, volume=volume):
                    volume = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume)
                    source, _, target = volume.removesuffix(":ro").rpartition(":")
                    targets.add(target)
                    if source.startswith("."):
                        self.assertTrue((REPO / source).exists())
                    elif source:
                        self.assertIn(source, COMPOSE["volumes"])
            command = service.get("command", [])
            if "--distribution-points" in command:
                self.assertIn(command[command.index("--distribution-points") + 1], targets)
            if "--spool" in command:
                self.assertIn(str(pathlib.Path(command[command.index("--spool") + 1]).parent), targets)

    def test_catalogue_names_services_and_a_mounted_source(self):
        catalogue = json.loads((REPO / "compose/distribution-points.json").read_text())
        for point in catalogue["distribution_points"]:
            self.assertIn(re.fullmatch(r"http://([a-z]+)/", point["url"])[1], SERVICES)
        for source in catalogue["sources"]:
            folder = source["prefix"].removeprefix("file://").rstrip("/")
            self.assertTrue(any(f":{folder}:ro" in v for v in SERVICES["stager"]["volumes"]))

    def test_runs_the_kafka_that_the_tests_run(self):
        pom = (REPO / "script/kafka.pom.xml").read_text()
        version = re.search(r"<kafka.version>(.*)</kafka.version>", pom)[1]
        self.assertEqual(SERVICES["kafka"]["image"], f"apache/kafka:{version}")


class DistributionPoint(unittest.TestCase):
    """The committed nginx configuration, with its places changed, in a real nginx."""

    def setUp(self):
        self.nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        self.assertTrue(self.nginx, "no nginx: run script/bootstrap")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "www").mkdir()
        # A socket instead of a port: nothing else can have it.
        self.socket = self.root / "socket"
        server = (REPO / "compose/nginx-dp.conf").read_text()
        server = server.replace("/srv/dp/", f"{self.root}/").replace("listen 80;", f"listen unix:{self.socket};")
        paths = "".join(f"{kind}_temp_path {self.root}/{kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
        (self.root / "nginx.conf").write_text(
            f"daemon off; master_process off; pid {self.root}/pid; events {{}} http {{ {paths}\n{server}\n}}"
        )
        process = subprocess.Popen(
            [self.nginx, "-e", "stderr", "-p", self.root, "-c", self.root / "nginx.conf"], stderr=subprocess.DEVNULL
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        deadline = time.monotonic() + 20
        while not self.socket.exists():
            self.assertIsNone(process.poll(), "nginx refused the configuration")
            self.assertLess(time.monotonic(), deadline, "nginx did not start within 20 s")
            time.sleep(0.02)

    def request(self, method, path, *options):
        answer = subprocess.run(
            ["curl", "-sS", "-m", "10", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", self.socket]
            + ["-X", method, *options, f"http://dp{path}"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        return int(answer.stdout)

    def test_takes_uploads_and_moves_them_into_place(self):
        big = self.root / "big"
        big.write_bytes(bytes(3_000_000))
        self.assertEqual(self.request("PUT", "/.holdpoint/tmp/1/big", "-T", big), 201)
        self.assertEqual(self.request("MKCOL", "/pkg/"), 201)
        self.assertEqual(self.request("MOVE", "/.holdpoint/tmp/1/", "-H", "Destination: http://dp/pkg/1.0/"), 201)
        self.assertEqual(self.request("COPY", "/pkg/1.0/big", "-H", "Destination: http://dp/pkg/copy"), 204)
        self.assertEqual((self.root / "www/pkg/1.0/big").read_bytes(), big.read_bytes())
        self.assertEqual((self.root / "www/pkg/copy").read_bytes(), big.read_bytes())
        self.assertEqual(self.request("DELETE", "/pkg/1.0/"), 204)
        self.assertFalse((self.root / "www/pkg/1.0").exists())


if __name__ == "__main__":
    unittest.main()
