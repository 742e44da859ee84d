"""holdpoint-auditor verify, and whether the judge and the checker, who share no code with it, say the same."""
import json
import subprocess

import harness
import judge
from history import dump_lines


class Verdict:
    def __init__(self, exit_code, out, err):
        self.exit_code, self.out, self.err = exit_code, out, err
        lines = [json.loads(line) for line in out.splitlines()]
        self.violations = [line for line in lines if "violation" in line]
        self.summary = next((line["summary"] for line in lines if "summary" in line), None)

    @property
    def places(self):
        return {f"{v['place']['topic']}/{v['place']['partition']}@{v['place']['offset']}" for v in self.violations}

    @property
    def codes(self):
        return {v["violation"] for v in self.violations}

    def __repr__(self):
        return f"exit {self.exit_code}\n{self.out}{self.err}"


def verify(*arguments, stdin=None):
    done = subprocess.run([str(harness.BIN / "holdpoint-auditor"), "verify", "--json", *arguments], capture_output=True, text=True,
                          input=stdin, timeout=120 * harness.SLOW, errors="surrogateescape")
    assert done.returncode in (0, 1) and done.stdout, f"exit {done.returncode}: {done.stderr}\n{done.stdout[-3000:]}"
    verdict = Verdict(done.returncode, done.stdout, done.stderr)
    assert (verdict.exit_code == 1) == bool(verdict.violations), f"the exit code contradicts what is said: {verdict}"
    return verdict


def verify_dump(records, *arguments, prefix="made."):
    """records: topic → records, as history.render() gives and System.read_all()."""
    return verify("--dump", "-", "--prefix", prefix, *arguments, stdin="\n".join(dump_lines(records, prefix)) + "\n")


def verify_system(system, *arguments):
    return verify("-b", system.bootstrap, "--prefix", system.prefix, *arguments)


def agree(records, partitions, verdict):
    """The judge's findings; fails where it and verify do not say the same of the log."""
    found = judge.judge(records, partitions)
    assert bool(found) == bool(verdict.violations), f"judge and auditor disagree\njudge: {found}\nauditor: {verdict}"
    places = {wrong.place for wrong in found}
    assert not found or places & verdict.places, f"they name nothing in common\njudge: {found}\nauditor: {verdict}"
    return found


def conclude(system, honest):
    """What a test with real workers leaves behind is a log that judge and auditor judge alike: clean, unless it was forged."""
    verdict = verify_system(system)
    found = agree({topic: system.read(topic) for topic in ("updated", "status", "staged", "jobs", "dlq")}, system.partitions, verdict)
    assert not (honest and found), f"the log that this test left behind is not clean\njudge: {found}\nauditor: {verdict}"
