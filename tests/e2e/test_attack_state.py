"""Rows in the changelogs that no worker of this version wrote: refused with words, nothing guessed."""
import pytest

from harness import wait_until
from test_attack_records import produce
from test_order import jobs_for


@pytest.mark.parametrize("role", ["stager", "updater"])
@pytest.mark.parametrize("row, value, words", [
    ("ONE/garbage", b"\x01\xff\x00junk", "changelog"), ("ONE/e", b"\x7fnewer", "schema"), ("ONE/", b"", "changelog"),
    ("@position", b"not a position", "position"), ("no-slash", b"x", "changelog")])
def test_a_foreign_row_is_refused_with_words(pipeline, role, row, value, words):
    workers = {role: pipeline.start(role) for role in ("stager", "updater")}
    create, update = jobs_for(pipeline, "ONE", "1.0", ["paris"], tag="1")
    pipeline.publish(create, update)
    pipeline.await_jobs("c-1", "u-1")
    workers[role].stop()
    produce(pipeline, f"{role}-state", *[(row, value, [], partition) for partition in range(pipeline.partitions)])
    workers[role].start()
    wait_until("the worker ends", lambda: not workers[role].alive(), 40)
    assert workers[role].process.returncode == 1
    last = workers[role].log().split("msg=ended")[-2]
    assert words in last, last[-1500:]
