"""What can go wrong. A fault begins with begin(world, pick), which returns words for the journal, how long it is to last
(seconds), and what ends it."""
import os
import signal
import subprocess
import time

from world import BROKERS, harness, settle

FILL = "ballast"


def worker_of(world, pick, role=None):
    return pick.choice([worker for worker in world.workers if role in (None, worker.role) and not worker.held_down])


def kill_worker(world, pick):
    worker = worker_of(world, pick)
    world.killed.append((time.time(), worker.name))
    worker.down(worker.kill)
    return worker.name, pick.choice([0, 1, 8]), worker.start


def stall_worker(world, pick):
    worker = worker_of(world, pick)
    worker.stall()
    return worker.name, pick.choice([2, 5, 9, 14]), worker.wake


def drain(worker):
    try:
        code = worker.down(worker.stop)
        if code != 0:
            worker.surprises.append(f"{worker.name} drained with exit code {code}")
    except AssertionError as error:  # it took too long, and was killed
        worker.surprises.append(f"{worker.name}: {error}")


def restart_worker(world, pick):
    worker = worker_of(world, pick)

    def end():
        drain(worker)
        worker.start()
    return worker.name, 0, end


def rebalance_storm(world, pick):
    workers = [worker_of(world, pick) for _ in range(5)]

    def end():
        for worker in workers:
            drain(worker)
            worker.start()
            settle(pick.random())
    return ", ".join(worker.name for worker in workers), 0, end


def reset_offsets(world, pick):
    role = pick.choice(["stager", "updater"])
    workers = [worker for worker in world.workers if worker.role == role]
    for worker in workers:
        drain(worker)

    def end():
        tool = harness.BIN / "e2e_delete_group"
        deadline = time.monotonic() + 60
        while subprocess.run([str(tool), world.bootstrap, world.prefix + role], capture_output=True, check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise AssertionError(f"the group {world.prefix}{role} could not be deleted within 60 s")
            time.sleep(0.5)
        for worker in workers:
            worker.start()
    return role, 0, end


def one_broker(world, pick):
    return pick.randint(1, BROKERS)


def kill_brokers(choose):
    def begin(world, pick):
        brokers = choose(world, pick)
        for n in brokers:
            world.kafka("kill", n)
        return f"brokers {brokers}", pick.choice([1, 4, 9]), lambda: world.kafka("start")
    return begin


def pause_brokers(choose):
    def begin(world, pick):
        brokers = choose(world, pick)
        for n in brokers:
            world.kafka("pause", n)

        def end():
            for n in brokers:
                world.kafka("resume", n)
            world.kafka("start")
        return f"brokers {brokers}", pick.choice([2, 5, 10]), end
    return begin


def random_one(world, pick):
    return [one_broker(world, pick)]


def the_controller(world, _):
    return [world.controller()]


def majority(_, pick):
    return sorted(pick.sample(range(1, BROKERS + 1), 2))


def all_of(undos):
    def undo():
        for one in undos:
            one()
    return undo


def cut_worker(percent):
    def begin(world, pick):
        worker = worker_of(world, pick)
        brokers = pick.choice([[1], [2], [3], [1, 2, 3]])
        undo = [world.links.drop(worker.uid, world.broker_ports(n), percent) for n in brokers]
        return f"{worker.name} to brokers {brokers}", pick.choice([3, 8, 14]), all_of(undo)
    return begin


def cut_brokers(percent):
    def begin(world, pick):
        alone = one_broker(world, pick)
        others = [n for n in range(1, BROKERS + 1) if n != alone]
        undo = [world.links.drop(world.broker_uid(a), world.broker_ports(b), percent)
                for other in others for a, b in ((alone, other), (other, alone))]
        return f"broker {alone} from the others", pick.choice([3, 8, 12]), all_of(undo)
    return begin


def cut_point(percent):
    def begin(world, pick):
        name = pick.choice(["tokyo", "osaka", "liar"])
        workers = [worker for worker in world.workers if pick.random() < 0.5] or world.workers[:1]
        undo = [world.links.drop(worker.uid, [world.point_port(name)], percent) for worker in workers]
        return f"{name} from {', '.join(worker.name for worker in workers)}", pick.choice([3, 8, 15]), all_of(undo)
    return begin


def fill(folder):
    """Writes until nothing fits any more."""
    ballast = folder / FILL
    try:
        with open(ballast, "wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 65536)
    except OSError:  # full
        pass
    return lambda: ballast.unlink(missing_ok=True)


def full_disk(name):
    def begin(world, pick):
        return name, pick.choice([4, 9]), fill(world.disks[name])
    return begin


def full_broker_disk(world, pick):
    empty = fill(world.disks["broker3"])

    def end():
        empty()
        world.kafka("start")  # a broker whose only disk failed ends
    return "broker 3", pick.choice([3, 8]), end


def clock_jump(world, pick):
    worker = worker_of(world, pick)
    jump = pick.choice(["+3h", "-3h", "+40", "-40"])
    worker.clock.write_text(jump)
    return f"{worker.name} {jump}", pick.choice([4, 10]), lambda: worker.clock.write_text("+0")


LIES = [{"fault": "500"}, {"fault": "429", "retry_after": 3}, {"fault": "503", "retry_after": 2}, {"fault": "401"}, {"fault": "hang"},
        {"fault": "hold"}, {"fault": "drip", "rate": 2000}, {"fault": "reset"}, {"fault": "lost"}, {"fault": "break"},
        {"fault": "truncate"}, {"fault": "flip"}, {"fault": "nothing"}, {"fault": "stale"}]


def lying_point(world, pick):
    lie = dict(pick.choice(LIES))
    if lie["fault"] == "flip":  # the same bit flipped both ways would be no lie to any reader
        lie["method"] = pick.choice(["PUT", "GET"])
    elif pick.random() < 0.5 and lie["fault"] not in ("stale", "break"):
        lie["method"] = "PUT"
    world.fault(**lie)
    return str(lie), pick.choice([4, 10, 16]), lambda: world.fault(fault="none")


def nginx_point(verb, back):
    def begin(world, pick):
        n = pick.choice([1, 2, 3])
        world.nginx(verb, n)
        return f"nginx {n}", pick.choice([3, 8]), lambda: world.nginx(back, n)
    return begin


FAULTS = {
    "worker killed": kill_worker,
    "worker stalled": stall_worker,
    "worker restarted": restart_worker,
    "rebalance storm": rebalance_storm,
    "group offsets deleted": reset_offsets,
    "broker killed": kill_brokers(random_one),
    "controller killed": kill_brokers(the_controller),
    "majority of brokers killed": kill_brokers(majority),
    "broker paused": pause_brokers(random_one),
    "controller paused": pause_brokers(the_controller),
    "majority of brokers paused": pause_brokers(majority),
    "link worker-broker cut": cut_worker(100),
    "link worker-broker lossy": cut_worker(30),
    "link broker-broker cut": cut_brokers(100),
    "link broker-broker lossy": cut_brokers(20),
    "link worker-point cut": cut_point(100),
    "link worker-point lossy": cut_point(30),
    "spool full": full_disk("spool0"),
    "distribution point full": full_disk("lyon"),
    "broker's disk full": full_broker_disk,
    "clock jumps": clock_jump,
    "distribution point lies": lying_point,
    "distribution point killed": nginx_point("kill", "restart"),
    "distribution point paused": nginx_point("pause", "resume"),
}
# those that touch all brokers, or all workers of a role, are not mixed with others of their kind
WHOLE = {"majority of brokers killed", "majority of brokers paused", "broker's disk full", "broker killed", "controller killed",
         "broker paused", "controller paused", "link broker-broker cut", "link broker-broker lossy", "group offsets deleted"}
WORKER = {"worker killed", "worker stalled", "worker restarted", "rebalance storm", "group offsets deleted"}


def may_join(name, others):
    return name not in others and not any(name in family and other in family for family in (WHOLE, WORKER) for other in others)


def heal(world):
    """Everything well again, whatever went wrong in ending a fault."""
    subprocess.run(["nft", "flush", "chain", "inet", "chaos", "out"], check=True)
    world.fault(fault="none")
    for disk in world.disks.values():
        (disk / FILL).unlink(missing_ok=True)
    world.nginx("start")
    world.kafka("start")
    for worker in world.workers:
        worker.clock.write_text("+0")
        if worker.alive():
            os.kill(worker.process.pid, signal.SIGCONT)
        else:
            worker.start()
