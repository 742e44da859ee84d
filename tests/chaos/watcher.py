"""A client of a file distribution point, all the time: whatever it reads through `current` is of one version."""
import os
import pathlib
import threading
import time


class Watcher(threading.Thread):
    """Opens `current` of each package as an installer would, and reads all of it through that one folder."""

    def __init__(self, base):
        super().__init__(daemon=True)
        self.base, self.over, self.reads, self.mixed = pathlib.Path(base), threading.Event(), 0, []

    def run(self):
        while not self.over.wait(0.02):
            for package in [entry.name for entry in os.scandir(self.base) if entry.name.startswith("PKG")]:
                self.look(package)

    def look(self, package):
        try:
            folder = os.open(self.base / package / "current", os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return
        try:
            version = self.read(folder, "version").decode()
            for name in sorted(os.listdir(folder)):
                words = self.read(folder, name)
                if name != "version" and not words.startswith(f"{package} {version} {name[4:]}\n".encode()):
                    self.mixed.append(f"{package}/current/{name} is not of version {version}: {words[:40]!r} (at {time.time():.3f})")
            self.reads += 1
        finally:
            os.close(folder)

    @staticmethod
    def read(folder, name):
        with open(os.open(name, os.O_RDONLY, dir_fd=folder), "rb") as file:
            return file.read()
