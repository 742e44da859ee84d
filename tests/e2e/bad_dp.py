#!/usr/bin/env python3
"""A WebDAV server over a folder that can be told to misbehave, while it runs.

    bad_dp.py --root D [--port P] [--tls FILE] [--methods "PUT DELETE MKCOL COPY MOVE"] [--no-parents]

prints its URL as its first line and serves until killed. GET, HEAD (with Range and ETag) always work; PUT
makes parent folders unless --no-parents, and writes in place, so that half of an upload shows.

    POST /_control  {"fault": F, "times": N, "method": M, "match": R, …}

adds a fault for the next N (default: all) requests of method M (default: any) whose path has a match of the
regular expression R (default: any). {"fault": "none"} removes all. GET /_control shows the faults and what is
under way, GET /_control/log the requests so far, one "METHOD path code" a line.

  truncate     half of the body is stored (PUT) or sent (GET, as if it were all)
  flip         a bit in the middle of it is flipped
  nothing      nothing is done, and answered as if it were
  stale        GET and HEAD show what was there before the last change of the file
  NNN          that status is answered and nothing done; with "retry_after": seconds, "location": URL
  hang         nothing is answered until the fault is removed, and nothing done
  hold         … and then it is done as if nothing had been
  drip         the body is taken or sent at "rate" bytes a second (default 20)
  reset        the connection is reset before anything is done
  lost         … after it was done
  break        half of the body is sent of what was announced, then the connection ends
"""
import argparse
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import struct
import threading
import time
import urllib.parse

PIECE = 1 << 16


class Faults:
    """What is to go wrong, and what went on."""

    def __init__(self):
        self.lock = threading.Condition()
        self.list = []
        self.under_way = []
        self.putting = []  # the ports of clients whose PUT is under way
        self.log = []
        self.before = {}

    def add(self, fault):
        with self.lock:
            if fault["fault"] == "none":
                self.list.clear()
            else:
                self.list.append(dict(fault, left=fault.get("times")))
            self.lock.notify_all()

    def take(self, method, path):
        with self.lock:
            for fault in self.list:
                if fault["left"] == 0 or fault.get("method", method) != method:
                    continue
                if not re.search(fault.get("match", ""), path):
                    continue
                if fault["left"] is not None:
                    fault["left"] -= 1
                return fault
        return {"fault": "none"}

    def wait_until_removed(self, fault):
        with self.lock:
            while fault in self.list:
                self.lock.wait(1)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "bad_dp"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    # ---- answering

    def reply(self, code, headers=(), body=b"", length=None):
        with self.server.faults.lock:
            self.server.faults.log.append(f"{self.command} {self.plain} {code}")
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        if code != 204:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def reset(self):
        with self.server.faults.lock:
            self.server.faults.log.append(f"{self.command} {self.plain} reset")
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True
        self.rfile = self.wfile = open(os.devnull, "r+b", buffering=0)

    def paced(self, data):
        """In pieces, as slowly as the fault says."""
        if self.fault["fault"] != "drip":
            yield data
            return
        rate = self.fault.get("rate", 20)
        piece = max(1, rate // 20)
        for at in range(0, len(data), piece):
            yield data[at:at + piece]
            time.sleep(piece / rate)

    # ---- requests

    def file(self, path):
        parts = [urllib.parse.unquote(part) for part in urllib.parse.urlsplit(path).path.split("/") if part]
        if any(part in (".", "..") or "/" in part for part in parts):
            raise PermissionError(path)
        return self.server.root.joinpath(*parts)

    def handle_request(self):
        self.plain = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        if self.plain.startswith("/_control"):
            return self.control()
        self.fault = self.server.faults.take(self.command, self.plain)
        name = f"{self.command} {self.plain}"
        putting = [self.client_address[1]] if self.command == "PUT" else []
        self.server.faults.under_way.append(name)
        self.server.faults.putting += putting
        try:
            self.misbehave()
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        finally:
            self.server.faults.under_way.remove(name)
            for port in putting:
                self.server.faults.putting.remove(port)

    do_GET = do_HEAD = do_PUT = do_DELETE = do_MKCOL = do_COPY = do_MOVE = do_POST = handle_request

    def misbehave(self):
        kind = self.fault["fault"]
        if kind == "hang":
            self.server.faults.wait_until_removed(self.fault)
            self.close_connection = True
            return
        if kind == "hold":
            self.server.faults.wait_until_removed(self.fault)
        if kind == "reset":
            self.reset()
            return
        if kind.isdigit():
            self.read_body(keep=False)
            headers = [("Retry-After", str(self.fault["retry_after"]))] if "retry_after" in self.fault else []
            headers += [("Location", self.fault["location"])] if "location" in self.fault else []
            self.reply(int(kind), headers, b"as you wish\n")
            return
        if self.command not in self.server.methods:
            self.read_body(keep=False)
            self.reply(405)
            return
        if kind == "nothing" and self.command not in ("GET", "HEAD"):
            self.read_body(keep=False)
            self.reply(201)
            return
        if kind == "lost":
            self.reply = lambda *args, **options: self.reset()
        try:
            getattr(self, self.command.lower())(self.file(self.path))
        except PermissionError:
            self.reply(403)

    def read_body(self, keep=True):
        left = int(self.headers.get("Content-Length") or 0)
        body = bytearray()
        while left:
            piece = self.rfile.read(min(left, PIECE))
            if not piece:
                raise ConnectionError("the body ended early")
            left -= len(piece)
            if keep:
                body += piece
        return bytes(body)

    def spoil(self, body):
        if self.fault["fault"] == "truncate":
            return body[:len(body) // 2]
        if self.fault["fault"] == "flip" and body:
            middle = len(body) // 2
            return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1:]
        return body

    # ---- methods

    def get(self, file):
        before = self.server.faults.before.get(file) if self.fault["fault"] == "stale" else None
        if self.fault["fault"] == "stale" and before is None or not before and not file.exists():
            return self.reply(404)
        if file.is_dir():
            return self.reply(301, [("Location", self.url() + self.path.rstrip("/") + "/")]) if not self.path.endswith("/") else self.reply(403)
        body = self.spoil(file.read_bytes() if before is None else before)
        code, headers, start = 200, [("ETag", f'"{hashlib.sha256(body).hexdigest()[:16]}"')], 0
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted and self.headers.get("If-Range", headers[0][1]) == headers[0][1] and int(wanted[1]) < len(body):
            start = int(wanted[1])
            code, headers = 206, headers + [("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")]
        body = body[start:]
        if self.command == "HEAD":
            return self.reply(code, headers, length=len(body))
        self.reply(code, headers, length=len(body))
        if self.fault["fault"] == "break":
            body, self.close_connection = body[:len(body) // 2], True
        for piece in self.paced(body):
            self.wfile.write(piece)

    head = get

    def url(self):
        return "http://" + self.headers.get("Host", "localhost")

    def remember(self, file):
        self.server.faults.before[file] = file.read_bytes() if file.is_file() else None

    def put(self, file):
        if not file.parent.is_dir() and not self.server.parents or file.is_dir():
            self.read_body(keep=False)
            return self.reply(409)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self.remember(file)
            there = file.exists()
            if self.fault["fault"] == "drip":
                return self.drip_in(file)
            file.write_bytes(self.spoil(self.read_body()))
        except (FileExistsError, NotADirectoryError, FileNotFoundError):
            return self.reply(409)
        return self.reply(204 if there else 201)

    def drip_in(self, file):
        left, rate = int(self.headers.get("Content-Length") or 0), self.fault.get("rate", 20)
        with open(file, "wb", buffering=0) as out:
            while left:
                piece = self.rfile.read(min(left, max(1, rate // 20)))
                if not piece:
                    raise ConnectionError("the body ended early")
                out.write(piece)
                left -= len(piece)
                if self.fault in self.server.faults.list:
                    time.sleep(len(piece) / rate)
        self.reply(201)

    def delete(self, file):
        if not file.exists():
            return self.reply(404)
        self.remember(file)
        if file.is_dir():
            shutil.rmtree(file, ignore_errors=True)
        else:
            file.unlink(missing_ok=True)
        return self.reply(204)

    def mkcol(self, file):
        try:
            file.mkdir()
        except FileExistsError:
            return self.reply(405)
        except FileNotFoundError:
            return self.reply(409)
        return self.reply(201)

    def transplant(self, file, act):
        to = self.file(self.headers["Destination"])
        if not file.exists():
            return self.reply(404)
        if not to.parent.is_dir():
            return self.reply(409)
        there = to.exists()
        if there and self.headers.get("Overwrite", "T") == "F":
            return self.reply(412)
        self.remember(to)
        if there and to.is_dir():
            shutil.rmtree(to, ignore_errors=True)
        try:
            act(file, to)
        except FileNotFoundError:
            return self.reply(404)
        return self.reply(204 if there else 201)

    def copy(self, file):
        self.transplant(file, shutil.copyfile)

    def move(self, file):
        self.transplant(file, os.replace)

    # ---- being told

    def control(self):
        faults = self.server.faults
        self.fault = {"fault": "none"}
        if self.command == "POST":
            faults.add(json.loads(self.read_body()))
        if self.plain == "/_control/log":
            text = "\n".join(faults.log)
        else:
            text = json.dumps({"faults": faults.list, "under_way": faults.under_way, "putting": faults.putting})
        body = (text + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        pass  # a client that went away


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--methods", default="PUT DELETE MKCOL COPY MOVE")
    parser.add_argument("--no-parents", action="store_true", help="answer 409 to a PUT into a missing folder")
    parser.add_argument("--tls", help="a file with a certificate and its key: serve https")
    options = parser.parse_args()
    server = Server(("127.0.0.1", options.port), Handler)
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.root = options.root.resolve()
    server.methods = {"GET", "HEAD", *options.methods.split()}
    server.parents = not options.no_parents
    server.faults = Faults()
    server.root.mkdir(parents=True, exist_ok=True)
    print(f"{'https' if options.tls else 'http'}://127.0.0.1:{server.server_address[1]}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
