"""A client of a file distribution point, all the time: whatever it reads through `current` is of one version, and no older one
than it saw before."""
import json
import os
import pathlib
import threading
import time
import traceback

EVERY_SECONDS, UNCHANGED_EVERY = 0.1, 10  # a package that did not change is read each tenth time only


class Watcher(threading.Thread):
    """Opens `current` of each package as an installer would, and reads all of it through that one folder."""

    def __init__(self, base):
        super().__init__(daemon=True)
        self.base, self.over, self.reads, self.mixed, self.gone_back = pathlib.Path(base), threading.Event(), 0, [], []
        self.seen, self.newest, self.round = {}, {}, 0

    def run(self):
        try:
            while not self.over.wait(EVERY_SECONDS):
                self.round += 1
                for package in [entry.name for entry in os.scandir(self.base) if entry.name.startswith("PKG")]:
                    self.look(package)
        except Exception:
            self.mixed.append(f"the watcher could not go on: {traceback.format_exc()}")

    def look(self, package):
        link = self.base / package / "current"
        try:
            shown = os.readlink(link)
            if shown == self.seen.get(package) and (self.round + hash(package)) % UNCHANGED_EVERY:
                return
            self.seen[package] = shown
            folder = os.open(link, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return
        try:
            self.look_into(package, folder)
            self.look_back(package)
        finally:
            os.close(folder)

    def look_into(self, package, folder):
        version = self.read(folder, "version").decode()
        for name in sorted(os.listdir(folder)):
            words = self.read(folder, name)
            if name != "version" and not words.startswith(f"{package} {version} {name[4:]}\n".encode()):
                self.mixed.append(f"{package}/current/{name} is not of version {version}: {words[:40]!r} (at {time.time():.3f})")
        self.reads += 1

    def look_back(self, package):
        position = json.loads((self.base / package / "current.json").read_bytes())["position"]["offset"]
        if position < self.newest.get(package, -1):
            self.gone_back.append(f"{package}/current.json went back from {self.newest[package]} to {position} (at {time.time():.3f})")
        self.newest[package] = max(position, self.newest.get(package, -1))

    @staticmethod
    def read(folder, name):
        with open(os.open(name, os.O_RDONLY, dir_fd=folder), "rb") as file:
            return file.read()
