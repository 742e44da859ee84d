"""The promises, checked from the topics and the distribution points alone; shares no code with the product.

Violations are returned as words. Order between topics is told by what records cite (ids and positions), order within a
partition by offsets.
"""
import hashlib
import json
import urllib.error
import urllib.request
from collections import Counter, defaultdict


def murmur2(key):
    """Kafka's default partitioner's hash (org.apache.kafka.common.utils.Utils.murmur2)."""
    length, m, mask = len(key), 0x5BD1E995, 0xFFFFFFFF
    h = (0x9747B28C ^ length) & mask
    for i in range(0, length - length % 4, 4):
        k = int.from_bytes(key[i:i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    tail = key[length - length % 4:]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def partition_of(key, partitions):
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def check_log(records, partitions):
    """The topics' own story. records: topic → records in order."""
    return [*check_partitions(records, partitions), *check_ids(records), *check_releases(records), *check_updates(records),
            *check_ends(records)]


def check_partitions(records, partitions):
    for topic in ("staged", "updated", "status"):
        for record in records[topic]:
            if record.partition != partition_of(record.key, partitions):
                yield f"{record}: on a partition that its key does not belong to"
            if record.json["package_id"].encode() != record.key:
                yield f"{record}: key is not its package"


def check_ids(records):
    """Nothing is doubled: not by id, nor by what a record is about."""
    for topic in ("staged", "updated", "status"):
        for identity, count in Counter(record.json["id"] for record in records[topic]).items():
            if count > 1:
                yield f"{topic}: id {identity} appears {count} times"
    about = Counter()
    for record in records["staged"]:
        event = record.json
        if event["type"] == "staged":
            about["staged", event["package_id"], event["version"], event["distribution_point"], event["dp_id"]] += 1
        else:
            position = event["job_position"]
            about["release or withheld", event["job_id"], position["partition"], position["offset"],
                  event["distribution_point"]] += 1
    for record in records["updated"]:
        about["updated", record.json["release_id"], record.json["dp_id"]] += 1
    for what, count in about.items():
        if count > 1:
            yield f"{what} appears {count} times"


def check_releases(records):
    """Each release has its staged event before it on the same partition."""
    staged = {}
    for record in records["staged"]:
        event = record.json
        if event["type"] == "staged":
            staged[record.partition, event["id"]] = event
        elif event["type"] == "release":
            cited = staged.get((record.partition, event["staged_id"]))
            if not cited:
                yield f"{record}: release without an earlier staged event"
            elif any(cited[f] != event[f] for f in ("package_id", "version", "distribution_point", "dp_id", "digest")):
                yield f"{record}: release does not match the staged event that it cites"


def check_updates(records):
    """Each updated cites a staged event and a release that lie where it says, in that order; no pointer goes back."""
    at = {(record.partition, record.offset): record.json for record in records["staged"]}
    newest = {}
    for record in records["updated"]:
        event = record.json
        places = {what: (event[what]["partition"], event[what]["offset"]) for what in ("staged_position", "release_position")}
        staged, release = at.get(places["staged_position"]), at.get(places["release_position"])
        if not staged or staged["type"] != "staged" or staged["id"] != event["staged_id"]:
            yield f"{record}: no such staged event at {places['staged_position']}"
            continue
        if not release or release["type"] != "release" or release["id"] != event["release_id"]:
            yield f"{record}: no such release at {places['release_position']}"
            continue
        # a replaced distribution point is switched anew: the same release, a later staged event of its new self
        anew = staged["dp_id"] != release["dp_id"] and places["staged_position"] > places["release_position"]
        if places["staged_position"] >= places["release_position"] and not anew:
            yield f"{record}: staged after its release"
        for field in ("package_id", "version", "distribution_point", "dp_id", "digest"):
            if event[field] != staged[field] or (event[field] != release[field] and not (anew and field == "dp_id")):
                yield f"{record}: {field} differs from its evidence"
        where = (event["package_id"], event["distribution_point"])
        if newest.get(where, (-1, -1)) > places["release_position"]:
            yield f"{record}: the pointer went back"
        newest[where] = places["release_position"]


def lives(records):
    """(job id, position applied) → its status records, in order."""
    jobs = defaultdict(list)
    for record in records["status"]:
        status = record.json
        if status["type"] == "job" and status["state"] != "rejected":
            position = status["job_position"]
            jobs[status["job_id"], position["partition"], position["offset"]].append(status)
    return jobs


def check_ends(records, all_ended=True):
    """Each accepted job ends exactly once."""
    for job, statuses in lives(records).items():
        states = [status["state"] for status in statuses]
        ends = [status["state"] for status in statuses if status["final"]]
        if states.count("accepted") != 1:
            yield f"job {job}: accepted {states.count('accepted')} times"
        if len(ends) > 1:
            yield f"job {job}: ended {len(ends)} times: {ends}"
        if all_ended and not ends:
            yield f"job {job}: never ended: {states}"


def fetch(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()


def fetch_or_none(url):
    try:
        return fetch(url)
    except (urllib.error.HTTPError, urllib.error.URLError) as error:
        if isinstance(error, urllib.error.URLError) and isinstance(error.reason, FileNotFoundError):
            return None
        if isinstance(error, urllib.error.HTTPError) and error.code == 404:
            return None
        if "No such file" in str(error):
            return None
        raise


def check_points(records, points):
    """What is live on each distribution point is what the log's last updated says, and every byte of it is right."""
    expected = {}
    for record in records["updated"]:
        event = record.json
        expected[event["package_id"], event["distribution_point"]] = event
    urls = {point["name"]: point["url"] for point in points}
    packages = {record.json["package_id"] for record in records["staged"]}
    for package in sorted(packages):
        for name, url in urls.items():
            yield from check_point(f"{url}{package}/", expected.get((package, name)), f"{package} on {name}")


def check_point(base, event, where):
    text = fetch_or_none(base + "current.json")
    if text is None:
        if event:
            yield f"{where}: updated to {event['version']}, but there is no pointer"
        return
    try:
        pointer = json.loads(text)
    except ValueError as error:
        yield f"{where}: the pointer is no JSON ({error}): {text[:300]!r}"
        return
    if not event:
        yield f"{where}: a pointer to {pointer['version']}, but no updated event"
        return
    for field, wanted in (("version", event["version"]), ("digest", event["digest"]), ("release_id", event["release_id"])):
        if pointer[field] != wanted:
            yield f"{where}: pointer has {field} {pointer[field]}, the log says {wanted}"
    seal = fetch(base + pointer["manifest"])
    if "sha256:" + hashlib.sha256(seal).hexdigest() != event["digest"]:
        yield f"{where}: the seal does not have the digest {event['digest']}"
        return
    for file in json.loads(seal)["files"]:
        data = fetch_or_none(base + pointer["content_path"] + "/" + urllib.request.quote(file["path"]))
        if data is None or "sha256:" + hashlib.sha256(data).hexdigest() != file["digest"]:
            yield f"{where}: {file['path']} is {'missing' if data is None else 'altered'}"
