"""What can go wrong. A kind of fault has choose(pick), which makes all choices, and begin(world, choices), which returns words
for the journal and what ends it after choices["seconds"]."""
import os
import signal
import subprocess
import time
from collections import namedtuple

from world import BROKERS, WORKERS, harness, settle

Kind = namedtuple("Kind", ["choose", "begin", "needs"])
FILL = "ballast"


def kind(begin, needs=None, **choices):
    """choices: name → list of which one is taken."""
    return Kind(lambda pick: {name: pick.choice(values) for name, values in choices.items()}, begin, needs)


ANY_WORKER = list(range(WORKERS))
ANY_BROKER = list(range(1, BROKERS + 1))
MAJORITIES = [[a, b] for a in ANY_BROKER for b in ANY_BROKER if a < b]


# -- workers

def kill(world, worker):
    world.note_disruption(worker, "killed")
    worker.down(worker.kill)


def kill_worker(world, choices):
    worker = world.workers[choices["worker"]]
    kill(world, worker)
    return worker.name, worker.start


def stall(world, worker, seconds):
    world.note_disruption(worker, "stalled", seconds)
    worker.stall()


def stall_worker(world, choices):
    worker = world.workers[choices["worker"]]
    stall(world, worker, choices["seconds"])
    return worker.name, worker.wake


def mid_put(strike, undo):
    """Strikes a worker one of whose PUTs the distribution point has, and holds back; that is then done, when others may have
    taken over, and only then may the worker go on."""
    def begin(world, choices):
        world.fault(fault="hold", method="PUT")
        end = time.monotonic() + 10
        worker = world.worker_with_put_under_way()
        while not worker and time.monotonic() < end:
            settle(0.05)
            worker = world.worker_with_put_under_way()
        found = worker or world.workers[choices["worker"]]
        strike(world, found, choices["seconds"])

        def over():
            world.fault(fault="none")
            settle(0.2)
            undo(found)
        return found.name + ("" if worker else ", though no PUT came within 10 s"), over
    return begin


def drain(worker):
    try:
        code = worker.down(worker.stop)
        if code != 0:
            worker.surprises.append(f"{worker.name} drained with exit code {code}")
    except AssertionError as error:  # it took too long, and was killed
        worker.surprises.append(f"{worker.name}: {error}")


def restart_worker(world, choices):
    worker = world.workers[choices["worker"]]

    def end():
        world.note_disruption(worker, "drained")
        drain(worker)
        worker.start()
    return worker.name, end


def rebalance_storm(world, choices):
    workers = [world.workers[(choices["worker"] + step * choices["step"]) % WORKERS] for step in range(5)]

    def end():
        for worker in workers:
            world.note_disruption(worker, "drained")
            drain(worker)
            worker.start()
            settle(choices["pause"])
    return ", ".join(worker.name for worker in workers), end


def reset_offsets(world, choices):
    role = choices["role"]
    workers = [worker for worker in world.workers if worker.role == role]
    for worker in workers:
        drain(worker)

    def end():
        tool = harness.BIN / "e2e_delete_group"
        try:
            harness.wait_until(f"the deletion of the group {world.prefix}{role}",
                               lambda: subprocess.run([str(tool), world.bootstrap, world.prefix + role],
                                                      capture_output=True, check=False).returncode == 0, 60, every=0.5)
        finally:
            for worker in workers:
                worker.start()
    return f"of all {role}s", end


# -- brokers

def chosen(world, choices):
    return choices["brokers"]


def the_controller(world, choices):
    return [world.controller()]


def kill_brokers(which):
    def begin(world, choices):
        brokers = which(world, choices)
        for n in brokers:
            world.kafka("kill", n, check=False)
        return f"{brokers}", lambda: world.kafka("start")
    return begin


def pause_brokers(which):
    def begin(world, choices):
        brokers = which(world, choices)
        for n in brokers:
            world.kafka("pause", n, check=False)

        def end():
            for n in brokers:
                world.kafka("resume", n, check=False)
            world.kafka("start")
        return f"{brokers}", end
    return begin


def restart_broker(world, choices):
    def end():
        for n in choices["brokers"]:
            world.kafka("restart", n)
    return f"{choices['brokers']}", end


# -- links

def all_of(undos):
    def undo():
        for one in undos:
            one()
    return undo


def link_worker(verb):
    def begin(world, choices):
        worker, brokers = world.workers[choices["worker"]], choices["brokers"]
        if verb == ("drop", 100) and len(brokers) == BROKERS:
            world.note_disruption(worker, "cut off", choices["seconds"])
        undos = [world.links.rule(verb, worker.uid, world.broker_ports(n)) for n in brokers]
        return f"{worker.name} to brokers {brokers}", all_of(undos)
    return begin


def link_brokers(verb):
    def begin(world, choices):
        alone = choices["broker"]
        undos = [world.links.rule(verb, world.broker_uid(a), world.broker_ports(b))
                 for other in ANY_BROKER if other != alone for a, b in ((alone, other), (other, alone))]
        return f"broker {alone} from the others", all_of(undos)
    return begin


def link_point(verb):
    def begin(world, choices):
        workers = [worker for n, worker in enumerate(world.workers) if choices["workers"] >> n & 1]
        undos = [world.links.rule(verb, worker.uid, [world.point_port(choices["point"])]) for worker in workers]
        return f"{choices['point']} from {', '.join(worker.name for worker in workers)}", all_of(undos)
    return begin


def links(verb, needs):
    return {"worker-broker": kind(link_worker(verb), needs, worker=ANY_WORKER, brokers=[[1], [2], [3], ANY_BROKER, ANY_BROKER],
                                  seconds=[3, 8, 14]),
            "broker-broker": kind(link_brokers(verb), needs, broker=ANY_BROKER, seconds=[3, 8, 12]),
            "worker-point": kind(link_point(verb), needs, point=["tokyo", "osaka", "liar"], workers=list(range(1, 1 << WORKERS)),
                                 seconds=[3, 8, 12])}


# -- disks, clocks

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
    return lambda world, choices: (name, fill(world.disks[name]))


def full_broker_disk(world, choices):
    empty = fill(world.disks["broker3"])

    def end():
        empty()
        world.kafka("start")  # a broker whose only disk failed ends
    return "broker 3", end


def clock_jump(world, choices):
    worker = world.workers[choices["worker"]]
    worker.clock.write_text(choices["jump"])
    return f"{worker.name} {choices['jump']}", lambda: worker.clock.write_text("+0")


# -- distribution points

def misbehave(world, choices):
    world.fault(**choices["lie"])
    return " ".join(f"{name}={value}" for name, value in choices["lie"].items()), lambda: world.fault(fault="none")


def lies(*cases, **more):
    """cases: fault, or fault of one method, as bad_dp.py knows them."""
    split = [case.split() for case in cases]
    return kind(misbehave, seconds=[3, 7, 12],
                lie=[{"fault": fault, **({"method": of[0]} if of else {}), **more} for fault, *of in split])


def nginx_point(verb, back):
    def begin(world, choices):
        world.nginx(verb, choices["server"], check=False)
        return f"nginx {choices['server']}", lambda: world.nginx(back, choices["server"])
    return begin


KINDS = {
    "worker killed": kind(kill_worker, worker=ANY_WORKER, seconds=[0, 1, 8]),
    "worker killed mid-PUT": kind(mid_put(lambda world, worker, _: kill(world, worker), lambda worker: worker.start()),
                                  worker=ANY_WORKER, seconds=[0, 1, 8]),
    "worker stalled": kind(stall_worker, worker=ANY_WORKER, seconds=[2, 5, 9, 14]),
    "worker stalled mid-PUT": kind(mid_put(stall, lambda worker: worker.wake()), worker=ANY_WORKER, seconds=[4, 9, 14]),
    "worker restarted": kind(restart_worker, worker=ANY_WORKER, seconds=[0]),
    "rebalance storm": kind(rebalance_storm, worker=ANY_WORKER, step=[1, 2, 5], pause=[0, 0.3, 1], seconds=[0]),
    "group offsets reset": kind(reset_offsets, role=["stager", "updater"], seconds=[0]),
    "broker killed": kind(kill_brokers(chosen), brokers=[[n] for n in ANY_BROKER], seconds=[1, 4, 9]),
    "broker paused": kind(pause_brokers(chosen), brokers=[[n] for n in ANY_BROKER], seconds=[2, 5, 10]),
    "broker restarted": kind(restart_broker, brokers=[[n] for n in ANY_BROKER], seconds=[0]),
    "controller killed": kind(kill_brokers(the_controller), seconds=[1, 4, 9]),
    "controller paused": kind(pause_brokers(the_controller), seconds=[2, 5, 10]),
    "majority of brokers killed": kind(kill_brokers(chosen), brokers=MAJORITIES, seconds=[1, 4, 9]),
    "majority of brokers paused": kind(pause_brokers(chosen), brokers=MAJORITIES, seconds=[2, 5, 10]),
    **{f"link {ends} cut": cut for ends, cut in links(("drop", 100), "links").items()},
    **{f"link {ends} lossy": lossy for ends, lossy in links(("drop", 25), "links").items()},
    **{f"link {ends} delayed": delayed for ends, delayed in links(("delay", None), "delays").items()},
    "spool full": kind(full_disk("spool0"), "disks", seconds=[4, 9]),
    "distribution point full": kind(full_disk("lyon"), "disks", seconds=[4, 9]),
    "broker's disk full": kind(full_broker_disk, "disks", seconds=[3, 8]),
    "clock jumps": kind(clock_jump, "clocks", worker=ANY_WORKER, jump=["+3h", "-3h", "+40", "-40"], seconds=[4, 10]),
    "point killed": kind(nginx_point("kill", "restart"), server=[1, 2, 3], seconds=[3, 8]),
    "point paused": kind(nginx_point("pause", "resume"), server=[1, 2, 3], seconds=[3, 8]),
    "point answers 500": lies("500", "500 PUT", "401"),
    "point answers 429": lies("429", "429 PUT", "503", retry_after=3),
    "point hangs": lies("hang", "hang PUT", "hold"),
    "point drips": lies("drip", "drip PUT", rate=2000),
    "point resets": lies("reset", "reset PUT", "lost", "lost PUT", "break GET"),
    "point lies": lies("truncate PUT", "truncate GET", "flip PUT", "flip GET", "nothing", "nothing PUT", "stale"),
}


def heal(world):
    """Everything well again, whatever went wrong in ending a fault."""
    world.links.clear()
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
