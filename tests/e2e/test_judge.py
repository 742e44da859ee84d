"""The judge itself: it finds what is wrong in made histories, and nothing in honest ones. No broker is needed."""
import random

import pytest

import history
import judge
import mutations


def gaps(seed):
    """Offsets that transactions leave out."""
    chance = random.Random(seed)
    return lambda: chance.choice([0, 0, 1])


def place(entry):
    return f"{entry.topic}/{entry.partition}@{entry.offset}"


@pytest.mark.parametrize("partitions", [1, 4, 12])
def test_honest_histories_are_clean(partitions):
    for seed in range(40):
        made = history.honest(seed, partitions=partitions)
        assert judge.judge(made.render(gap=gaps(seed)), partitions) == [], f"seed {seed}"


@pytest.mark.parametrize("mutation", mutations.ALL, ids=lambda mutation: mutation.__name__)
def test_what_is_wrong_is_named(mutation):
    tried = 0
    for seed in range(20):
        mutated = mutations.mutate(mutation, seed, partitions=3)
        if not mutated:
            continue
        tried += 1
        made, suspects = mutated
        found = {wrong.place for wrong in judge.judge(made.render(gap=gaps(seed)), made.partitions)}
        assert found & {place(entry) for entry in suspects}, f"seed {seed}: found {sorted(found)}, not one of {suspects}"
    assert tried >= 5, "hardly any history has something to change in this way"


def test_a_long_history_is_judged_as_well():
    made = history.honest(1, partitions=12, packages=400, jobs=8000)
    records = made.render()
    assert sum(map(len, records.values())) > 50_000
    assert judge.judge(records, made.partitions) == []
