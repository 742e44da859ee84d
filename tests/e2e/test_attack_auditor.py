"""The auditor under what is meant to break it: clients by the hundred, clients that do not read, records deleted before it."""
import ctypes
import signal
import socket
import time

from harness import SLOW, wait_until
from test_export import Follower, assert_whole, events, rows
from test_serve import Auditor

UPDATE = {"type": "update", "package_id": "AGAIN", "version": "1.0"}


def delete_records(system, topic, ends):
    """Each partition's records below an offset, as retention does; librdkafka's own call, which its Python wrapper lacks."""
    kafka = ctypes.CDLL("librdkafka.so.1")
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_queue_new", "rd_kafka_topic_partition_list_new", "rd_kafka_topic_partition_list_add",
                 "rd_kafka_DeleteRecords_new", "rd_kafka_queue_poll", "rd_kafka_event_DeleteRecords_result", "rd_kafka_DeleteRecords_result_offsets"):
        getattr(kafka, name).restype = ctypes.c_void_p

    class Partition(ctypes.Structure):
        _fields_ = [("topic", ctypes.c_char_p), ("partition", ctypes.c_int32), ("offset", ctypes.c_int64), ("metadata", ctypes.c_void_p),
                    ("metadata_size", ctypes.c_size_t), ("opaque", ctypes.c_void_p), ("err", ctypes.c_int), ("private", ctypes.c_void_p)]

    class List(ctypes.Structure):
        _fields_ = [("cnt", ctypes.c_int), ("size", ctypes.c_int), ("elems", ctypes.POINTER(Partition))]

    words, conf = ctypes.create_string_buffer(512), ctypes.c_void_p(kafka.rd_kafka_conf_new())
    assert kafka.rd_kafka_conf_set(conf, b"bootstrap.servers", system.bootstrap.encode(), words, 512) == 0, words.value
    handle = ctypes.c_void_p(kafka.rd_kafka_new(0, conf, words, 512))
    below = ctypes.c_void_p(kafka.rd_kafka_topic_partition_list_new(len(ends)))
    for number, offset in ends.items():
        kafka.rd_kafka_topic_partition_list_add(below, (system.prefix + topic).encode(), number)
        found = ctypes.cast(below, ctypes.POINTER(List)).contents
        found.elems[found.cnt - 1].offset = offset
    request, queue = ctypes.c_void_p(kafka.rd_kafka_DeleteRecords_new(below)), ctypes.c_void_p(kafka.rd_kafka_queue_new(handle))
    kafka.rd_kafka_DeleteRecords(handle, (ctypes.c_void_p * 1)(request), ctypes.c_size_t(1), None, queue)
    event = ctypes.c_void_p(kafka.rd_kafka_queue_poll(queue, 30000))
    assert event and kafka.rd_kafka_event_error(event) == 0
    result = ctypes.c_void_p(kafka.rd_kafka_event_DeleteRecords_result(event))
    answered = ctypes.cast(ctypes.c_void_p(kafka.rd_kafka_DeleteRecords_result_offsets(result)), ctypes.POINTER(List)).contents
    assert [answered.elems[n].err for n in range(answered.cnt)] == [0] * len(ends)
    kafka.rd_kafka_event_destroy(event)
    kafka.rd_kafka_queue_destroy(queue)
    kafka.rd_kafka_DeleteRecords_destroy(request)
    kafka.rd_kafka_topic_partition_list_destroy(below)
    kafka.rd_kafka_destroy(handle)


def publish_and_lose(system, process):
    """Records come and go while the process is stopped: it cannot have read them."""
    process.send_signal(signal.SIGSTOP)
    for record in range(system.partitions):  # what its fetches under way are answered with, one each
        system.publish({**UPDATE, "job_id": f"came-{record}"})
    system.publish(*[{**UPDATE, "job_id": f"lost-{n}"} for n in range(20)])
    lanes = {}
    for record in system.read("jobs"):
        lanes[record.partition] = record.offset + 1
    delete_records(system, "jobs", lanes)
    system.publish(*[{**UPDATE, "job_id": f"later-{n}"} for n in range(3)])
    process.send_signal(signal.SIGCONT)


def test_a_follower_does_not_pass_over_what_retention_took_before_it(system, tmp_path):
    system.topics()
    system.publish({**UPDATE, "job_id": "first"})
    path = tmp_path / "history.sqlite"
    follower = Follower(system, path)
    wait_until("the first job to be in the file", lambda: events(path) == 1)
    publish_and_lose(system, follower.process)
    out, err = follower.process.communicate(timeout=60 * SLOW)
    assert follower.process.returncode == 2 and "log_truncated" in err, (follower.process.returncode, out, err)
    assert_whole(path)
    known = {row["job_id"] for row in rows(path, "SELECT job_id FROM job")}
    assert "first" in known and not any(job.startswith("later") for job in known)


def test_a_served_page_does_not_pass_over_it_either(system):
    system.topics()
    system.publish({**UPDATE, "job_id": "first"})
    auditor = Auditor(system).ready()
    publish_and_lose(system, auditor.worker.process)
    assert auditor.worker.process.wait(60 * SLOW) == 2, auditor.worker.log()
    assert "log_truncated" in auditor.worker.log()


# ---- clients


def connect(auditor, path):
    client = socket.create_connection(("127.0.0.1", auditor.port), timeout=30 * SLOW)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost:{auditor.port}\r\n\r\n".encode())
    return client


def first_line(client):
    try:
        return client.recv(4096).split(b"\r\n")[0]
    except OSError:
        return b""


def test_two_hundred_streams_are_bounded_and_leave_room_for_questions(system):
    system.topics()
    auditor = Auditor(system).ready()
    clients = [connect(auditor, "/api/stream") for _ in range(200)]
    lines = [first_line(client) for client in clients]
    served = sum(line == b"HTTP/1.1 200 OK" for line in lines)
    assert 32 <= served <= 64 and all(line in (b"HTTP/1.1 200 OK", b"HTTP/1.1 503 Service Unavailable", b"") for line in lines), set(lines)
    assert auditor.get("overview")["caught_up"] is True
    assert auditor.ask("/livez").code == 200
    for client in clients:
        client.close()
    wait_until("a place to be free again", lambda: first_line(connect(auditor, "/api/stream")) == b"HTTP/1.1 200 OK")


def test_clients_that_do_not_read_keep_nobody_waiting(system):
    system.topics()
    system.publish(*[{**UPDATE, "package_id": f"PKG{n:04}", "job_id": f"u-{n}"} for n in range(2000)])
    auditor = Auditor(system).ready()
    wait_until("all to be read", lambda: auditor.get("jobs", limit=1)["total"] == 2000)
    slow = []
    for _ in range(40):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        client.connect(("127.0.0.1", auditor.port))
        client.sendall(b"GET /api/jobs?limit=200 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        slow.append(client)
    began = time.monotonic()
    for _ in range(10):
        assert len(auditor.get("jobs", limit=200)["items"]) == 200
    assert time.monotonic() - began < 5 * SLOW
    system.publish({**UPDATE, "job_id": "later"})
    wait_until("what comes meanwhile", lambda: auditor.get("jobs", limit=1)["total"] == 2001)
    for client in slow:
        client.close()
