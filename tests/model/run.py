#!/usr/bin/python3
"""Checks the model of the protocol, holdpoint.pml, with SPIN: as designed, it must hold in every order of events;
with any one of its rules left out, and for every false claim, SPIN must find a counterexample.

Prints one line a run; exit code 1 if any ends otherwise than expected. --long: larger configurations too, for
minutes. --trail CLAIM [-DNAME=VALUE…]: prints the counterexample of one run, step by step.
"""
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

MODEL = pathlib.Path(__file__).with_name("holdpoint.pml")
MEMORY_MB = 900

HOLDS, FAILS = "holds", "counterexample"
AS_DESIGNED = [  # what is configured, claims that hold, what it is
    ("FAULTS=2", ["safe"], "folder, 2 stagers, 2 updaters, 2 faults"),
    ("FAULTS=2 STAGERS=1", ["forward"], "folder, 1 stager, 2 updaters, 2 faults"),
    ("FAULTS=1", ["forward", "live"], "folder, 2 stagers, 2 updaters, 1 fault"),
    ("FAULTS=2 STAGERS=1 HTTP=1", ["forward"], "server, 1 stager, 2 updaters, 2 faults"),
    ("FAULTS=1 HTTP=1", ["forward", "live"], "server, 2 stagers, 2 updaters, 1 fault"),
    ("FAULTS=2 STAGERS=1 HTTP=1 LATE=1 SORTED=1", ["live"], "server, a write comes late, 2 faults"),
    ("FAULTS=1 COPIES=1", ["safe", "forward", "live"], "a record comes twice"),
    ("FAULTS=1 FORGED=1", ["forward", "live"], "a release is forged"),
    ("FAULTS=1 REMADE=1", ["forward", "live"], "the jobs topic is made anew"),
]
LONG = [
    ("FAULTS=2", ["forward", "live"], "folder, 2 stagers, 2 updaters, 2 faults"),
    ("FAULTS=2 HTTP=1", ["forward", "live"], "server, 2 stagers, 2 updaters, 2 faults"),
    ("FAULTS=3 UPDATERS=1", ["forward"], "folder, 2 stagers, 1 updater, 3 faults"),
    ("FAULTS=3 STAGERS=1", ["forward"], "folder, 1 stager, 2 updaters, 3 faults"),
]
WITHOUT = [  # a rule left out, where that shows, the claim that breaks
    ("CLAIM_FIRST", "FAULTS=1", "safe", "restore before the claim"),
    ("FENCING", "FAULTS=1", "safe", "no fencing"),
    ("OWN_CLAIM", "FAULTS=1", "safe", "restore up to a watermark"),
    ("RUN_ROW", "FAULTS=2 HTTP=1", "forward", "effects before @run is committed"),
    ("PROOF_HAS_RECORD", "FAULTS=2 HTTP=1", "forward", "an empty commit as proof"),
    ("GAP_NOTICED", "FAULTS=2 HTTP=1", "forward", "a stopped worker sends on"),
    ("LOG_CHECKED", "FAULTS=1 REMADE=1", "live", "a log made anew is read on"),
    ("JOB_IDS", "FAULTS=1 COPIES=1", "safe", "job ids forgotten"),
    ("READ_BACK", "FAULTS=1", "safe", "staged without reading back"),
    ("MEND_TESTED", "FAULTS=3 UPDATERS=1", "safe", "a mended file moved untested"),
    ("NEWEST_AT_GATE", "FAULTS=1", "safe", "no newest-released row at the gate"),
    ("NEWEST_AT_GATE=0 NEWEST_AT_SWITCH", "FAULTS=1", "forward", "nor at the gate"),
    ("STAGED_BEFORE", "FAULTS=1 FORGED=1", "safe", "a release without its staged event"),
    ("RESOLVED_ONCE", "FAULTS=1 COPIES=1", "safe", "a release heard twice"),
    ("DP_FENCE", "FAULTS=1", "forward", "no position fence at the DP"),
    ("LOG_IN_POINTER", "FAULTS=0", "live", "positions compared across logs"),
    ("RECHECK", "FAULTS=1 HTTP=1 LATE=1", "live", "no look for a late write"),
]
SECOND_LINE = [  # where another rule still stands behind the one left out
    ("NEWEST_AT_GATE", "FAULTS=1", "forward", "the switch still knows"),
    ("NEWEST_AT_SWITCH", "FAULTS=1", "forward", "the gate still knows"),
]
UNSOLVED = [  # what the design does not promise: docs/reasons.md
    ("FAULTS=1 HTTP=1 LATE=1", "forward", "server: a write that comes late sets the pointer back"),
]
FALSE_CLAIMS = [  # and the number of faults with which they break
    (0, ["no_update_is_done", "no_update_is_sent_before_its_create", "none_is_withheld", "first_update_stays"]),
    (1, ["no_upload_is_bad", "no_zombie_uploads", "no_zombie_points", "no_zombie_meets_a_newer_pointer",
         "no_crash_between_seal_and_staged", "no_crash_between_pointer_and_commit"]),
    (2, ["no_zombie_mends_what_is_current"]),
]


def build(folder, flags, optimize, model=MODEL):
    """Compiles the checker of one configuration."""
    defines = ["-D" + flag for flag in flags.split()]
    compressed = [] if "FAULTS=1" in flags else ["-DCOLLAPSE"]  # what fits as it is takes a third less time
    subprocess.run(["spin", *defines, "-a", model], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["gcc", optimize, "-w", *compressed, f"-DMEMLIM={MEMORY_MB}", "-o", "pan", "pan.c"], cwd=folder, check=True)
    return defines


def check(folder, claim, hash_bits=24):
    """→ verdict, states, depth, megabytes. A search that was cut short is no verdict."""
    run = subprocess.run(["./pan", "-a", "-m100000", f"-w{hash_bits}", "-N", claim], cwd=folder, capture_output=True, text=True)
    out = run.stdout + run.stderr
    numbers = [re.search(pattern, out) for pattern in
               (r"errors: (\d+)", r"(\d+) states, stored", r"depth reached (\d+)", r"([\d.]+)\s+total actual memory")]
    if run.returncode or not all(numbers) or f"ltl formula {claim}" not in out and "only one claim" not in out:
        raise SystemExit(f"model: {claim}: the checker failed:\n{out}")
    errors, states, depth, megabytes = (float(number.group(1)) for number in numbers)
    if errors:
        verdict = FAILS if re.search(r"assertion violated|acceptance cycle", out) else "error"
    else:
        verdict = HOLDS if not re.search(r"not completed|too small|out of memory|aborted", out) else "cut short"
    return verdict, int(states), int(depth), megabytes


def plural(count, thing):
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Table:
    ROW = "{:<60} {:<36} {:>9} {:>6} {:>6} {:<14} {}"

    def __init__(self):
        self.wrong, self.megabytes = 0, 0
        print(self.ROW.format("configuration", "claim", "states", "depth", "s", "verdict", "expected"))

    def run(self, folder, what, claim, expected, hash_bits):
        before = processor_seconds()
        verdict, states, depth, megabytes = check(folder, claim, hash_bits)
        self.megabytes = max(self.megabytes, megabytes)
        self.wrong += verdict != expected
        print(self.ROW.format(what, claim, states, depth, f"{processor_seconds() - before:.1f}", verdict,
                              expected if verdict == expected else expected.upper() + "  <-- WRONG"), flush=True)

    def configuration(self, flags, claims, what, expected, optimize="-O1"):
        with tempfile.TemporaryDirectory(prefix="holdpoint-model-") as folder:
            build(folder, flags, optimize)
            for claim in claims:
                self.run(folder, what, claim, expected, 20 if "FAULTS=1" in flags else 24)


def print_trail(claim, flags):
    """The counterexample: of a model with this claim alone, since SPIN replays no other."""
    lines = MODEL.read_text().splitlines()
    alone = [line for line in lines if not line.startswith("ltl ") or line.startswith(f"ltl {claim} ")]
    with tempfile.TemporaryDirectory(prefix="holdpoint-model-") as folder:
        model = pathlib.Path(folder, "model.pml")
        model.write_text("\n".join(alone).replace('"rules.pml"', f'"{MODEL.with_name("rules.pml")}"'))
        defines = build(folder, " ".join(flag.removeprefix("-D") for flag in [*flags, "FALSE_CLAIMS"]), "-O1", model)
        print(check(folder, claim)[0], flush=True)
        if pathlib.Path(folder, "model.pml.trail").exists():
            subprocess.run(["spin", "-t", "-p", "-g", "-l", *defines, model], cwd=folder, check=False)


def main():
    if sys.argv[1:2] == ["--trail"]:
        return print_trail(sys.argv[2], sys.argv[3:])
    table = Table()
    for flags, claims, what in AS_DESIGNED + (LONG if "--long" in sys.argv else []):
        table.configuration(flags, claims, what, HOLDS, "-O1" if "FAULTS=1" not in flags or "live" in claims else "-O0")
    for rule, flags, claim, what in WITHOUT:
        table.configuration(f"{flags} {rule}=0", [claim], f"without {rule.split()[-1]}: {what}", FAILS, "-O0")
    for rule, flags, claim, what in SECOND_LINE:
        table.configuration(f"{flags} {rule}=0", [claim], f"without {rule}: {what}", HOLDS, "-O0")
    for flags, claim, what in UNSOLVED:
        table.configuration(flags, [claim], what, FAILS, "-O0")
    for faults, claims in FALSE_CLAIMS:
        table.configuration(f"FAULTS={faults} FALSE_CLAIMS", claims, "false claims, " + plural(faults, "fault"), FAILS, "-O0")
    print(f"{table.wrong} unexpected; {processor_seconds():.0f} s of processor time, at most {table.megabytes:.0f} MB")
    return 1 if table.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
