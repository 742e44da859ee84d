"""How long it took from the end of a shard's owner to its successor's first commit, by the workers' logs."""
import re
import statistics

SESSION_SECONDS = 6  # shorter stalls and cuts are not to be noticed
# With one of these at the same time, also up to ten seconds before, it is not the one fault alone that is measured.
WHAT_HINDERS = ("broker", "controller", "worker killed", "worker stalled", "worker restarted", "rebalance", "group")
WORDS = re.compile(r'^(\d+\.\d+) time=\S+ .*msg="(shard running|shard ended|shard lost|shard refused)".*partition=(\d+)')


def shard_events(world):
    """(time, worker, what, partition), in order. "shard running" follows the commit that proves its ownership."""
    events = []
    for worker in world.workers:
        for line in worker.log().splitlines():
            match = WORDS.match(line)
            if match:
                events.append((float(match[1]), worker.name, match[2], int(match[3])))
    return sorted(events)


def owned(events, at, worker, role):
    """The shards that this worker ran at that time."""
    runs = {}
    for when, name, what, partition in events:
        if when > at:
            break
        if not name.startswith(role):
            continue
        if what == "shard running":
            runs[partition] = name
        elif runs.get(partition) == name:
            del runs[partition]
    return [partition for partition, name in runs.items() if name == worker]


def takeovers(world, intervals):
    """One for each shard of each owner that was killed, stalled, cut off or drained: what, seconds, and whether any other
    worker or broker was hindered. intervals: (kind of fault, began, ended)."""
    events, found = shard_events(world), []
    for at, worker, cause, lasted in world.disruptions:
        if lasted is not None and lasted <= SESSION_SECONDS:
            continue
        role = worker.rstrip("0123456789")
        for partition in owned(events, at, worker, role):
            again = next((when for when, name, what, p in events
                          if when > at and p == partition and name.startswith(role) and what == "shard running"), None)
            if again:
                others = {name for name, began, ended in intervals
                          if began < again and ended > at - 10 and any(part in name for part in WHAT_HINDERS)}
                found.append({"cause": cause, "worker": worker, "partition": partition, "seconds": round(again - at, 3),
                              "alone": len(others) <= 1})
    return found


def summary(found):
    """cause → how many shards, and how long they were without an owner; alone: no other worker and no broker was hindered."""
    def figures(times):
        return {"shards": len(times), "p50": round(statistics.median(times), 1), "max": round(max(times), 1)} if times else {"shards": 0}
    return {cause: {"all": figures([one["seconds"] for one in found if one["cause"] == cause]),
                    "alone": figures([one["seconds"] for one in found if one["cause"] == cause and one["alone"]])}
            for cause in sorted({one["cause"] for one in found})}


def words(figures):
    def say(of):
        return f"{of['shards']} shards, p50 {of['p50']} s, max {of['max']} s" if of["shards"] else "none"
    return [f"{cause}: {say(of['all'])}; with all brokers and other workers well: {say(of['alone'])}" for cause, of in figures.items()] or ["none came to be"]
