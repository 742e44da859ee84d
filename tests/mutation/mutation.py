#!/usr/bin/python3
"""Plants each bug of mutations.py in a copy of the source, and sees that the tests it names catch it.

    mutation.py [--only WORDS] [--work DIR] [--all-levels]

Prints who catches what, as a table; fails where a bug passes its level, or where a level fails without one.
--all-levels asks every quick level of each bug, not just the one that must catch it.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from mutations import LEVELS, MUTATIONS  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEADLINE = 600


class Copy:
    """The source, built apart, so that a bug is never in the work tree."""

    def __init__(self, folder):
        self.source, self.build = folder / "source", folder / "build"
        listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True)
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file():
                (self.source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, self.source / name)  # as new: a copy with its old time would leave a planted bug built
        if (ROOT / ".cache").exists() and not (self.source / ".cache").exists():
            (self.source / ".cache").symlink_to(ROOT / ".cache")
        self.run(["cmake", "-S", str(self.source), "-B", str(self.build), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"], must=True)

    def run(self, command, must=False, shell=False):
        environment = {**os.environ, "TMPDIR": str(self.build)}
        with tempfile.TemporaryFile() as out:  # no pipe: what a test that was broken off leaves behind would keep it open
            try:
                done = subprocess.run(command, cwd=self.source, shell=shell, stdout=out, stderr=subprocess.STDOUT, timeout=DEADLINE,
                                      check=False, env=environment)
            except subprocess.TimeoutExpired:
                return f"not over after {DEADLINE} s"
            out.seek(0)
            said = out.read().decode(errors="replace")
        if must and done.returncode != 0:
            raise SystemExit(f"mutation: {command} failed:\n{said[-3000:]}")
        return None if done.returncode == 0 else said

    def make(self, level):
        self.run(["cmake", "--build", str(self.build), "--target", *LEVELS[level][0]], must=True)

    def test(self, level):
        """None, or what the level's tests said when they failed."""
        command = LEVELS[level][1].format(bin=self.build / "bin", suite=f"ctest --test-dir {self.build} -R kafka_suite_real "
                                          "--output-on-failure --no-tests=error")
        return self.run(command, shell=True)

    def plant(self, mutation):
        file = self.source / mutation.file
        text = file.read_text()
        if text.count(mutation.old) != 1:
            raise SystemExit(f"mutation: '{mutation.name}': what it replaces is {text.count(mutation.old)} times in {mutation.file}: "
                             "tell tests/mutation/mutations.py how the code reads now")
        file.write_text(text.replace(mutation.old, mutation.new))
        return lambda: file.write_text(text)


def words_of(failure):
    """The line that says most."""
    lines = [line.strip() for line in failure.splitlines() if line.strip()]
    telling = [line for line in lines if "FAILED seed" in line or "[FAIL]" in line or "[CRASH]" in line or "Assertion" in line]
    return (telling or lines or ["no words"])[0][:110]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--all-levels", action="store_true")
    options = parser.parse_args()
    chosen = [mutation for mutation in MUTATIONS if options.only in mutation.name or options.only == mutation.catcher]
    if not chosen:
        raise SystemExit(f"mutation: no bug is called '{options.only}'")
    folder = options.work.resolve() if options.work else pathlib.Path(tempfile.mkdtemp(prefix="holdpoint-mutation-"))
    copy, passed = Copy(folder), 0
    for level in dict.fromkeys(mutation.catcher for mutation in chosen):
        copy.make(level)
        failure = copy.test(level)
        if failure:
            raise SystemExit(f"mutation: {level} fails without any bug planted:\n{failure[-3000:]}")
    print(f"| bug | level | caught by | s |\n|---|---|---|---|")
    for mutation in chosen:
        undo, began = copy.plant(mutation), time.monotonic()
        levels = [level for level in LEVELS if level != "kafka_suite"] if options.all_levels else []
        caught = {}
        for level in dict.fromkeys([mutation.catcher, *levels]):
            copy.make(level)
            caught[level] = copy.test(level)
        undo()
        also = ", ".join(level for level, failure in caught.items() if failure and level != mutation.catcher)
        failure = caught[mutation.catcher]
        passed += failure is None
        print(f"| {mutation.name} | {mutation.catcher} | {words_of(failure) if failure else '**NOBODY**'}{'; also ' + also if also else ''} "
              f"| {time.monotonic() - began:.0f} |", flush=True)
    if not options.work:
        shutil.rmtree(folder)
    print(f"{len(chosen)} bugs planted, {passed} passed unseen")
    return 1 if passed else 0


if __name__ == "__main__":
    sys.exit(main())
