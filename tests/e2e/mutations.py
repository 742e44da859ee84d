"""Ways to make one thing in an honest history wrong.

Each takes a history (numbered) and chance, changes it, and returns the entries of which at least one must be
named; None: this history has nothing to change in that way.
"""

import random

from checker import partition_of
from history import At, Entry, Id, Place, honest

FALSE_DIGEST = "sha256:" + "0" * 64


def pick(chance, entries):
    entries = list(entries)
    return chance.choice(entries) if entries else None


def cited_by(history, staged):
    """What rests on a staged event: releases and updates."""
    identity = staged.value["id"]  # an Id, shared by those who cite it
    return [e for topic in ("staged", "updated") for e in history.entries(topic) if e.value.get("staged_id") is identity]


def evidence(history, chance):
    """A release and the staged event that it cites."""
    release = pick(chance, history.entries("staged", "release"))
    if not release:
        return None, None
    return release, next(e for e in history.entries("staged", "staged") if e.value["id"] == release.value["staged_id"])


def another(chance, entry, **changes):
    """A second record, made from one that is there; whoever forges one may know how ids are made."""
    made = Entry(entry.topic, entry.key.decode(), {**entry.value, **changes})
    made.value["id"] = chance.choice([Id(made.value), f"{chance.getrandbits(128):032x}"])
    made.time = entry.time
    return made


def append(history, entry, partition):
    time = history.now
    history.add(entry, partition)
    entry.time = time
    return entry


def move(history, entry, before):
    history.remove(entry)
    lane = history.lane(before.topic, before.partition)
    lane.insert(lane.index(before), entry)


# ---- evidence

def staged_removed(history, chance):
    _, staged = evidence(history, chance)
    if staged:
        history.remove(staged)
        return cited_by(history, staged)


def release_before_its_staged(history, chance):
    release, staged = evidence(history, chance)
    if release:
        move(history, release, staged)
        return [release]


def staged_behind_its_release(history, chance):
    release, staged = evidence(history, chance)
    if release:
        lane = history.lane("staged", release.partition)
        lane.remove(staged)
        lane.insert(lane.index(release) + 1, staged)
        return [release]


def digest_of_staged_changed(history, chance):
    """Also of one that nothing rests on, and that is its version's only evidence: then the job's content tells."""
    staged = pick(chance, history.entries("staged", "staged"))
    if staged:
        staged.value["digest"] = FALSE_DIGEST
        return [staged, *cited_by(history, staged)]


def dp_id_of_staged_changed(history, chance):
    release, staged = evidence(history, chance)
    if release:
        staged.value["dp_id"] = "11111111-2222-4333-8444-555555555555"
        return cited_by(history, staged)


def digest_of_updated_changed(history, chance):
    updated = pick(chance, history.entries("updated"))
    if updated:
        updated.value["digest"] = FALSE_DIGEST
        return [updated]


def dp_id_of_updated_changed(history, chance):
    updated = pick(chance, history.entries("updated"))
    if updated:
        updated.value["dp_id"] = "11111111-2222-4333-8444-555555555555"
        return [updated]


def position_cited_false(history, chance):
    updated, field = pick(chance, history.entries("updated")), chance.choice(["staged_position", "release_position"])
    if updated:
        right = updated.value[field].entry
        other = pick(chance, (e for e in history.lane("staged", right.partition) if e is not right))
        if other:
            updated.value[field] = At(other)
            return [updated]


def id_cited_false(history, chance):
    entry = pick(chance, [*history.entries("updated"), *history.entries("staged", "release")])
    if entry:
        entry.value[chance.choice(["staged_id", "release_id"]) if entry.topic == "updated" else "staged_id"] = "f" * 32
        return [entry]


def release_repeated(history, chance):
    release = pick(chance, history.entries("staged", "release"))
    if release:
        return [append(history, another(chance, release), release.partition)]


def gate_all_opened_early(history, chance):
    """One release of a job that waits for all its distribution points, before another of them is staged."""
    first_staged, releases = {}, {}
    for staged in history.entries("staged", "staged"):
        first_staged.setdefault((staged.key, staged.value["version"], staged.value["distribution_point"]), staged)
    for release in history.entries("staged", "release"):
        job, value = release.value["job_position"].entry, release.value
        staged = first_staged[release.key, value["version"], value["distribution_point"]]
        if job.value.get("gate") == "all" and staged.value["id"] == value["staged_id"]:
            releases.setdefault(job, []).append((staged.offset, staged, release))
    several = pick(chance, (sorted(found, key=lambda f: f[0]) for found in releases.values() if len(found) > 1))
    if several:
        move(history, several[0][2], several[-1][1])
        return [several[0][2]]


# ---- forgeries

def updated_forged(history, chance):
    updated = pick(chance, history.entries("updated"))
    if updated:
        forged = another(chance, updated, staged_id="e" * 32, release_id="f" * 32, version="66.6")
        return [append(history, forged, updated.partition)]


def release_forged(history, chance):
    release = pick(chance, history.entries("staged", "release"))
    if release:
        return [append(history, another(chance, release, staged_id="e" * 32, version="66.6", job_id="nobody"), release.partition)]


def staged_forged(history, chance, **changes):
    staged = pick(chance, history.entries("staged", "staged"))
    if staged:
        changes = {"dp_id": "11111111-2222-4333-8444-555555555555", **changes}
        return [append(history, another(chance, staged, **changes), staged.partition)]


def staged_forged_for_no_job(history, chance):
    return staged_forged(history, chance, job_id="nobody", job_position={"partition": 0, "offset": 1_000_000})


def staged_forged_elsewhere(history, chance):
    return staged_forged(history, chance, distribution_point="moscow")


def staged_forged_for_another_job(history, chance):
    staged = pick(chance, history.entries("staged", "staged"))
    others = [e for e in history.entries("status", "job", "accepted")
              if staged and e.value["version"] != staged.value["version"] and e.partition == staged.partition]
    if others:
        forged = another(chance, staged, dp_id="11111111-2222-4333-8444-555555555555",
                         job_position=chance.choice(others).value["job_position"])
        return [append(history, forged, staged.partition)]


# ---- jobs and their ends

def end_doubled(history, chance):
    end = pick(chance, (e for e in history.entries("status", "job") if e.value["final"] and e.value["state"] != "rejected"))
    if end:
        return [append(history, another(chance, end), end.partition)]


def end_missing(history, chance):
    ends = [e for e in history.entries("status", "job", "completed") if set(e.value["outcomes"].values()) == {"completed"}]
    end = pick(chance, ends)
    if end:
        history.remove(end)
        job = end.value["job_position"].entry
        accepted = [e for e in history.entries("status", "job", "accepted") if e.value["job_position"].entry is job]
        return [job, *accepted]


def end_without_acceptance(history, chance):
    end = pick(chance, (e for e in history.entries("status", "job", "completed")))
    poison = pick(chance, (e for e in history.entries("jobs") if isinstance(e.value, bytes)))
    if end and poison:
        forged = Entry("status", poison.key.decode(), {**end.value, "id": "d" * 32, "package_id": poison.key.decode(),
                                                       "job_position": At(poison)})
        return [append(history, forged, poison.partition)]


def acceptance_missing(history, chance):
    accepted = pick(chance, history.entries("status", "job", "accepted"))
    if accepted:
        history.remove(accepted)
        job = accepted.value["job_position"].entry
        return [job, *(e for topic in ("staged", "status") for e in history.entries(topic)
                       if isinstance(e.value.get("job_position"), At) and e.value["job_position"].entry is job)]


def outcome_contradicted(history, chance):
    """One distribution point is said to have failed in a job that is said to be completed, or the other way."""
    end = pick(chance, (e for e in history.entries("status", "job") if e.value.get("outcomes")
                        and (e.value["state"] != "failed" or e.value["job_type"] == "create")))
    if end:
        failed = end.value["state"] == "failed"
        point = chance.choice([p for p, outcome in sorted(end.value["outcomes"].items()) if not failed or outcome == "failed"])
        end.value["outcomes"] = {**end.value["outcomes"], point: "completed" if failed else "failed"}
        return [end]


def completed_for_nothing(history, chance):
    """The updated record is gone, and the job completed all the same."""
    updated = pick(chance, (u for u in history.entries("updated") if any(
        e.value["outcomes"].get(u.value["distribution_point"]) == "completed" and e.value["job_id"] == u.value["job_id"]
        and e.key == u.key for e in history.entries("status", "job") if e.value.get("outcomes"))))
    if not updated:
        return None
    release = updated.value["release_position"].entry
    for entry in [e for e in history.entries("updated") if e.value["release_id"] == updated.value["release_id"]]:
        history.remove(entry)
    job = release.value["job_position"].entry
    return [e for e in history.entries("status", "job") if e.value["job_position"].entry is job and e.value["final"]]


def answer_lost(history, chance):
    answers = [e for e in history.entries("status", "job", "rejected")] + list(history.entries("status", "duplicate"))
    lanes = {p: max(e.value["job_position"].entry.offset for e in history.entries("status", "job", "rejected")
                    if e.value["job_position"].entry.partition == p) for p in range(history.partitions)
             if any(e.value["job_position"].entry.partition == p for e in history.entries("status", "job", "rejected"))}

    def job_of(answer):
        return answer.value["duplicate" if answer.kind()[0] == "duplicate" else "job_position"].entry
    answer = pick(chance, (a for a in answers if job_of(a).offset < lanes.get(job_of(a).partition, -1)))
    if answer:
        history.remove(answer)
        return [job_of(answer)]


def answer_doubled(history, chance):
    answer = pick(chance, history.entries("status", "job", "rejected"))
    if answer:
        return [append(history, another(chance, answer), answer.partition)]


def job_altered(history, chance):
    """The job record says another version than was accepted."""
    job = pick(chance, (e.value["job_position"].entry for e in history.entries("status", "job", "accepted")))
    if job:
        job.value = {**job.value, "version": "66.6"}
        return [e for e in history.entries("status", "job", "accepted") if e.value["job_position"].entry is job]


def digest_of_version_changed(history, chance):
    """In all that was staged, released and updated of it, so that only its job tells."""
    of_job = [e for e in history.entries("jobs") if isinstance(e.value, dict) and e.value.get("content")]
    job = pick(chance, (e for e in of_job if any(s.value["job_position"].entry is e for s in history.entries("staged", "staged"))))
    if job:
        of_version = [e for topic in ("staged", "updated") for e in history.entries(topic)
                      if e.key == job.key and e.value["version"] == job.value["version"] and "digest" in e.value]
        for entry in of_version:
            entry.value["digest"] = FALSE_DIGEST
        return [e for e in of_version if e.kind()[0] == "staged"]


def content_of_job_changed(history, chance):
    """The job brings something else than what was staged for it, or says that it lies elsewhere with another digest."""
    staged = pick(chance, history.entries("staged", "staged"))
    if staged:
        job = staged.value["job_position"].entry
        elsewhere = {"manifest_url": "file:///src/m.json", "digest": FALSE_DIGEST}
        files = [{**job.value["content"]["files"][0], "size": 77}]
        job.value = {**job.value, "content": chance.choice([elsewhere, {"files": files}])}
        return [e for e in history.entries("staged", "staged") if e.key == staged.key and e.value["version"] == staged.value["version"]]


def accepted_with_other_content(history, chance):
    """A second job for a version that is known is accepted, though it brings something else."""
    accepted = pick(chance, (e for e in history.entries("status", "job", "accepted") if e.value["job_position"].entry.value.get("content")))
    if accepted:
        first = accepted.value["job_position"].entry
        value = {**first.value, "job_id": "another", "content": {"files": [{**first.value["content"]["files"][0], "size": 77}]}}
        second = append(history, Entry("jobs", first.key.decode(), value), first.partition)
        forged = {name: field for name, field in accepted.value.items() if name != "id"}
        forged.update(job_id="another", job_position=At(second))
        return [append(history, Entry("status", first.key.decode(), {**forged, "id": Id(forged)}), first.partition)]


def accepted_unreadable(history, chance):
    accepted = pick(chance, history.entries("status", "job", "accepted"))
    if accepted:
        job = accepted.value["job_position"].entry
        job.value = chance.choice([b"{broken", b"", b"{}", b"[]", None])
        return [accepted]


def original_false(history, chance):
    """A duplicate of what was never accepted, or was accepted as another job."""
    duplicate = pick(chance, history.entries("status", "duplicate"))
    if duplicate:
        second = duplicate.value["duplicate"].entry
        accepted = {e.value["job_position"].entry for e in history.entries("status", "job", "accepted")}
        others = [e for e in history.lane("jobs", second.partition) if e.offset < second.offset
                  and not (e in accepted and isinstance(e.value, dict) and e.value.get("job_id") == duplicate.value["job_id"])]
        other = pick(chance, others)
        if other:
            duplicate.value["original"] = At(other)
            return [duplicate]


# ---- single records

def uncited(history, chance):
    """A record that nothing else rests on."""
    return pick(chance, [*history.entries("updated"), *history.entries("status", "distribution_point")])


def on_a_wrong_partition(history, chance):
    entry = uncited(history, chance)
    if entry and history.partitions > 1:
        history.remove(entry)
        return [append(history, entry, (entry.partition + 1) % history.partitions)]


def under_a_wrong_key(history, chance):
    entry = uncited(history, chance)
    if entry:
        keys = (f"OTHER{number}".encode() for number in range(1000))
        entry.key = next(key for key in keys if partition_of(key, history.partitions) == entry.partition)
        return [entry]


def unreadable(history, chance):
    entry = uncited(history, chance)
    if entry:
        entry.value = chance.choice([b"{broken", b"[]", b"", b'{"type":"updated"}', None])
        return [entry]


def id_doubled(history, chance):
    """Of a record that something rests on: of the status of a distribution point nothing does."""
    by_topic = {"staged": list(history.entries("staged")), "updated": list(history.entries("updated")),
                "status": [e for e in history.entries("status", "job") if e.kind()[1] != "held"]}
    entries = chance.choice([found for found in by_topic.values() if len(found) > 1])
    first, second = chance.sample(entries, 2)
    second.value["id"] = first.value["id"]
    return [first, second, *cited_by(history, second)]


def pointer_went_back(history, chance):
    by_point = {}
    for entry in history.entries("updated"):
        by_point.setdefault((entry.key, entry.value["distribution_point"]), []).append(entry)
    pairs = [(a, b) for entries in by_point.values() for a, b in zip(entries, entries[1:])
             if a.value["release_id"] != b.value["release_id"] and a.value["dp_id"] == b.value["dp_id"]]
    pair = pick(chance, pairs)
    if pair:
        lane = history.lane("updated", pair[0].partition)
        lane.remove(pair[0])
        lane.insert(lane.index(pair[1]) + 1, pair[0])
        return [pair[0]]


def dead_letter_altered(history, chance):
    letter = pick(chance, history.entries("dlq"))
    if letter:
        letter.value += b" "
        return [letter]


# ---- what was made of a record

def dead_letter_hashed(history, chance):
    """Only what is too large is there as its hash."""
    letter = pick(chance, history.entries("dlq"))
    if letter:
        letter.value = b"sha256:" + b"0" * 64
        return [letter]


def dead_letter_of_nothing(history, chance):
    letter = pick(chance, history.entries("dlq"))
    if letter:
        forged = Entry("dlq", letter.key.decode(), b"{nothing", {**letter.headers, "__connect.errors.offset": "777777"})
        return [append(history, forged, letter.partition)]


def dead_letter_of_an_accepted_job(history, chance):
    letter, accepted = pick(chance, history.entries("dlq")), pick(chance, history.entries("status", "job", "accepted"))
    if letter and accepted:
        job = accepted.value["job_position"].entry
        headers = {**letter.headers, "__connect.errors.partition": Place(job, "partition"), "__connect.errors.offset": Place(job, "offset")}
        return [append(history, Entry("dlq", job.key.decode(), b"{other", headers), job.partition)]


def sent_on_with_other_bytes(history, chance):
    sent_on = pick(chance, (e for e in history.entries("jobs") if "holdpoint-origin-offset" in e.headers))
    if sent_on:
        origin = sent_on.headers["holdpoint-origin-offset"].entry
        origin.value = {**origin.value, "requested_by": "somebody else"}
        return [sent_on, origin]


def staged_again(history, chance):
    """Once more on the distribution point that it lies on, under the id that it would have next."""
    newest, counts = {}, {}
    for staged in history.entries("staged", "staged"):
        where = staged.key, staged.value["version"], staged.value["distribution_point"]
        newest[where], counts[where] = staged, counts.get(where, 0) + 1
    where = pick(chance, newest)
    if where:
        fields = {name: value for name, value in newest[where].value.items() if name != "id"}
        again = Entry("staged", where[0].decode(), {**fields, "id": Id(fields, counts[where])})
        return [append(history, again, newest[where].partition)]


# ---- what overtakes, and what is taken back

def updated_of_an_overtaken_release(history, chance):
    """A release that was never current is told to be, behind a newer one that is."""
    current, seen = {}, {updated.value["release_id"] for updated in history.entries("updated")}
    for updated in history.entries("updated"):
        current[updated.key, updated.value["distribution_point"]] = updated
    overtaken = [(release, last) for release in history.entries("staged", "release") if release.value["id"] not in seen
                 for last in [current.get((release.key, release.value["distribution_point"]))]
                 if last and last.value["release_position"].entry.offset > release.offset]
    pair = pick(chance, overtaken)
    if pair:
        release, last = pair
        staged = next(e for e in history.entries("staged", "staged") if e.value["id"] is release.value["staged_id"])
        copied = {name: release.value[name] for name in ("version", "digest", "dp_id", "job_id", "staged_id")}
        fields = {**last.value, **copied, "staged_position": At(staged), "release_id": release.value["id"],
                  "release_position": At(release), "previous_version": last.value["version"]}
        return [append(history, Entry("updated", release.key.decode(), {**fields, "id": Id(fields)}), last.partition)]


def withheld_removed(history, chance):
    withheld = pick(chance, history.entries("staged", "withheld"))
    if withheld:
        history.remove(withheld)
        job = withheld.value["job_position"].entry
        return [e for e in history.entries("status", "job") if e.value["job_position"].entry is job]


def acceptances_swapped(history, chance):
    accepted = list(history.entries("status", "job", "accepted"))
    pairs = [(a, b) for a in accepted for b in accepted if a is not b and a.partition == b.partition]
    pair = pick(chance, pairs)
    if pair:
        first, second = (e.value["job_position"] for e in pair)
        pair[0].value["job_position"], pair[1].value["job_position"] = second, first
        return [*pair, first.entry, second.entry]


def answer_to_nothing(history, chance):
    rejected = pick(chance, history.entries("status", "job", "rejected"))
    if rejected:
        nowhere = {"partition": rejected.partition, "offset": 999_999}
        return [append(history, another(chance, rejected, job_position=nowhere), rejected.partition)]


ALL = [staged_removed, release_before_its_staged, staged_behind_its_release, digest_of_staged_changed, dp_id_of_staged_changed,
       digest_of_updated_changed, dp_id_of_updated_changed, position_cited_false, id_cited_false, release_repeated,
       gate_all_opened_early, updated_forged, release_forged, staged_forged_for_no_job, staged_forged_elsewhere,
       staged_forged_for_another_job, end_doubled, end_missing, end_without_acceptance, acceptance_missing, outcome_contradicted,
       completed_for_nothing, answer_lost, answer_doubled, job_altered, on_a_wrong_partition, under_a_wrong_key, unreadable,
       id_doubled, pointer_went_back, dead_letter_altered, dead_letter_hashed, dead_letter_of_nothing, dead_letter_of_an_accepted_job,
       sent_on_with_other_bytes, staged_again, updated_of_an_overtaken_release, withheld_removed, acceptances_swapped,
       answer_to_nothing, digest_of_version_changed, content_of_job_changed, accepted_with_other_content, accepted_unreadable,
       original_false]


def mutate(mutation, seed, **size):
    """An honest history with one thing wrong, and who must be named for it; None where there is nothing to change."""
    made = honest(seed, **size)
    made.number()
    suspects = mutation(made, random.Random(seed))
    return (made, suspects) if suspects else None
