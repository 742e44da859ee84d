"""The ids of records, made again from what each is about (see stager/gate_say.c and fact_id() in updater/switch_state.c)."""
import hashlib


def name_of(data):
    return hashlib.sha256(data).hexdigest()[:32]


def stager_id(kind, package, version, point="", job_id="", position=(0, 0), extra="", number=0):
    return name_of("/".join([kind, package, version, point, job_id, str(position[0]), str(position[1]), extra, str(number)]).encode())


def updater_id(*texts):
    packed = b""
    for text in texts:
        data, left = text.encode(), len(text.encode())
        while left >= 0x80:  # length as a little-endian base-128 varint
            packed += bytes([left & 0x7F | 0x80])
            left >>= 7
        packed += bytes([left]) + data
    return name_of(packed)


def ids_of(record, number=0):
    """The ids that an honest record of these fields may have: one, or, of an end, that of either worker; None: any."""
    kind, package, version = record["type"], record["package_id"], record.get("version", "")
    position = record.get("duplicate" if kind == "duplicate" else "job_position") or {"partition": -1, "offset": -1}
    about = {"job_id": record.get("job_id", ""), "position": (position["partition"], position["offset"])}
    point = record.get("distribution_point", "")
    if kind == "staged":
        return {stager_id("staged", package, version, point, extra=record["dp_id"], number=number, **about)}
    if kind == "release":
        return {stager_id("release", package, version, point, extra=record["dp_id"], **about)}
    if kind == "withheld":
        return {stager_id("withheld", package, version, point, **about)}
    if kind == "updated":
        return {updater_id("updated", package, point, record["release_id"], record["staged_id"])}
    if kind == "duplicate":
        return {stager_id("duplicate", package, version, **about)}
    if kind == "job" and record["state"] in ("accepted", "rejected"):
        return {stager_id(record["state"], package, version, **about)}
    if kind == "job" and record["final"]:
        tally = f"{about['job_id']}/{position['partition']}-{position['offset']}"
        return {updater_id("job ended", package, tally), stager_id("ended", package, version, **about)}
    return None
