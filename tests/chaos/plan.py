"""What a seed chooses: rounds of faults, without end. It depends on nothing but the seed and the kinds, so that a seed makes
the same choices anywhere; what a machine does not allow is left out when its turn comes."""
import random

# Of these, no two at once: both would touch all brokers, all workers of a role, or the one point that can be told to misbehave.
FAMILIES = (
    ("majority", "controller", "broker killed", "broker paused", "broker restarted", "broker's disk", "link broker-broker",
     "group offsets"),
    ("worker killed", "worker stalled", "worker restarted", "rebalance", "group offsets"),
    ("mid-PUT", "point answers", "point hangs", "point drips", "point resets", "point lies"),
)


def family(name):
    return {n for n, parts in enumerate(FAMILIES) if any(part in name for part in parts)}


def may_join(name, others):
    return all(name != other and not family(name) & family(other) for other in others)


def rounds(seed, kinds):
    """Yields (faults, quiet seconds), a fault being (name, choices). Every kind comes before any comes again."""
    pick, deck = random.Random(seed), []
    while True:
        faults = []
        for _ in range(pick.choice([1, 2, 3, 3])):
            if not deck:
                deck = list(kinds)
                pick.shuffle(deck)
            name = next((name for name in deck if may_join(name, [other for other, _ in faults])), None)
            if name:
                deck.remove(name)
                faults.append((name, kinds[name].choose(pick)))
        yield faults, pick.choice([1, 3, 6])
