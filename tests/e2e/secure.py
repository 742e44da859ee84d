"""A real Kafka with TLS, SASL and ACLs, and the ACL table of docs/operations.md."""
import contextlib
import os
import pathlib
import re
import socket
import struct
import subprocess

import harness

# Kafka 3.8.1 and later refuse the SCRAM of Debian 12's librdkafka 2.0.2 (mended in its 2.6.1): this is a newer one
NEWER_LIBRDKAFKA = harness.ROOT / ".cache" / "librdkafka"
PASSWORDS = {user: f"canary-{user}-5b1f0c" for user in ("submitter", "stager", "updater", "auditor", "operator")}


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=30)


def make_authority(folder, name="ca"):
    """A certificate authority; returns its certificate's path."""
    folder.mkdir(parents=True, exist_ok=True)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem")
    return folder / f"{name}.pem"


def make_certificate(authority, name, host="127.0.0.1", days=2):
    """A server's certificate for an address or name, with its key in the same file; returns its path."""
    folder = authority.parent
    base = folder / name
    extension = folder / f"{name}.ext"
    kind = "IP" if re.fullmatch(r"[\d.]+", host) else "DNS"
    extension.write_text(f"subjectAltName={kind}:{host}\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={host}", "-keyout",
            f"{base}.key", "-out", f"{base}.csr")
    openssl("x509", "-req", "-in", f"{base}.csr", "-CA", authority, "-CAkey", authority.with_suffix(".key"), "-CAcreateserial",
            "-days", days, "-extfile", extension, "-out", f"{base}.crt")
    both = folder / f"{name}.both.pem"
    both.write_text(pathlib.Path(f"{base}.key").read_text() + pathlib.Path(f"{base}.crt").read_text())
    return both


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextlib.contextmanager
def kafka(folder):
    """Yields (address for brokers alone, where anybody may do all; address with TLS, SASL and ACLs; authority)."""
    authority = make_authority(folder)
    certificate = make_certificate(authority, "broker")
    plain, secure, controller = free_ports(3)
    settings = {
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"PLAINTEXT://127.0.0.1:{plain},SASL_SSL://127.0.0.1:{secure},CONTROLLER://127.0.0.1:{controller}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule required " +
            " ".join(f'user_{name}="{password}"' for name, password in PASSWORDS.items()) + ";",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config":
            "org.apache.kafka.common.security.scram.ScramLoginModule required;",
        "ssl.keystore.type": "PEM", "ssl.keystore.location": str(certificate),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "allow.everyone.if.no.acl.found": "false",
    }
    options = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    options += [word for name, password in PASSWORDS.items() for word in ("--scram", f"{name}={password}")]
    script = str(harness.ROOT / "script" / "kafka")
    started = subprocess.run([script, "start", "--dir", str(folder / "kafka"), "--port", str(plain), *options],
                             capture_output=True, text=True, timeout=120)
    assert started.returncode == 0, started.stderr
    try:
        yield f"127.0.0.1:{plain}", f"127.0.0.1:{secure}", authority
    finally:
        subprocess.run([script, "clean", "--dir", str(folder / "kafka")], capture_output=True, timeout=60, check=False)


RESOURCES = {"topic": 2, "group": 3, "transactional-id": 5}
PATTERNS = {"literal": 3, "prefixed": 4}
OPERATIONS = {"read": 3, "write": 4, "create": 5, "describe": 8, "describe-configs": 10}


def create_acls(bootstrap, acls):
    """CreateAcls, version 1, of Kafka's protocol by hand: Debian 12's clients cannot name a transactional id in one."""
    def text(value):
        return struct.pack(">h", len(value)) + value.encode()
    body = struct.pack(">i", len(acls))
    for principal, operation, kind, pattern, name in acls:
        body += struct.pack(">b", RESOURCES[kind]) + text(name) + struct.pack(">b", PATTERNS[pattern]) + text(principal) + text("*")
        body += struct.pack(">bb", OPERATIONS[operation], 3)  # 3: allow
    request = struct.pack(">hhi", 30, 1, 1) + text("e2e") + body
    host, port = bootstrap.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection, connection.makefile("rb") as answers:
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = answers.read(struct.unpack(">i", answers.read(4))[0])
    count, at = struct.unpack(">i", answer[8:12])[0], 12  # behind the correlation id and the throttle time
    assert count == len(acls)
    for acl in acls:
        code, length = struct.unpack(">hh", answer[at:at + 4])
        assert code == 0, f"{acl}: error {code} {answer[at + 4:at + 4 + max(0, length)].decode()}"
        at += 4 + max(0, length)


def acl_table(prefix):
    """The table of docs/operations.md, read from that page."""
    page = (harness.ROOT / "docs" / "operations.md").read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines()
            if re.match(r"\| (submitter|stager|updater|auditor|operator)\b", line)]
    names = ("jobs", "staged", "updated", "status", "progress", "dlq", "stager-state", "updater-state")
    lines = []

    def allow(user, operation, kind, pattern, name):
        lines.append((f"User:{user}", operation, kind, pattern, prefix + name))

    for principal, read, written, group, transactional in rows:
        user = principal.split()[0]
        for operation, cell in (("read", read), ("write", written)):
            topics = re.findall(r"`…([\w-]+)`", cell) + (list(names) if cell.startswith("all") else [])
            for topic in topics:
                allow(user, operation, "topic", "literal", topic)
        for name in re.findall(r"`…([\w-]+)`", group):
            allow(user, "read", "group", "literal", name)
        for name in re.findall(r"`…([\w-]+)`", transactional):
            allow(user, "write", "transactional-id", "prefixed", name)
        if "create and describe all" in written:
            for topic in names:
                for operation in ("create", "describe", "describe-configs"):
                    allow(user, operation, "topic", "literal", topic)
        if "describe-configs" in read:
            for topic in names:
                allow(user, "describe-configs", "topic", "literal", topic)
    return lines


class SecureSystem(harness.System):
    """An installation whose processes each have credentials of their own; what a test reads, it reads as the brokers do."""

    def __init__(self, plain, secure, authority, folder, prefix, mechanism="PLAIN"):
        super().__init__(plain, folder, prefix)
        self.secure, self.mechanism = secure, mechanism
        for user, password in PASSWORDS.items():
            self.write_credentials(user, password, authority)
        create_acls(plain, acl_table(prefix))

    def topics(self):
        """A broker takes rules up some time after they were accepted: until then it refuses."""
        def in_force():
            return "kafka_denied" not in self.producer_command("topics", "--partitions", str(self.partitions), check=None).stderr
        harness.wait_until("the ACLs are in force", in_force)
        super().topics()

    def write_credentials(self, user, password, authority, name=None):
        path = self.folder / f"{name or user}.properties"
        path.touch(mode=0o600)
        path.write_text(f"security.protocol=SASL_SSL\nsasl.mechanism={self.mechanism}\nsasl.username={user}\nsasl.password={password}\n"
                        + (f"ssl.ca.location={authority}\n" if authority else ""))
        return path

    def common_as(self, user):
        return ["-b", self.secure, "-F", str(self.folder / f"{user}.properties"), "--prefix", self.prefix]

    def common(self):
        return self.common_as(self.user)

    user = "operator"

    @contextlib.contextmanager
    def acting_as(self, user):
        before, self.user = self.user, user
        try:
            yield self
        finally:
            self.user = before

    def start(self, role, *arguments, instance=None):
        with self.acting_as(role):
            return super().start(role, *arguments, instance=instance)

    def client(self, user):
        """Configuration of a Kafka client of any kind with a user's credentials."""
        lines = (self.folder / f"{user}.properties").read_text().splitlines()
        return {"bootstrap.servers": self.secure, "log_level": 2, **dict(line.split("=", 1) for line in lines)}


def environment_of(process):
    return (pathlib.Path("/proc") / str(process.pid) / "environ").read_bytes()


def command_line_of(process):
    return (pathlib.Path("/proc") / str(process.pid) / "cmdline").read_bytes()


def only_owner_may_read(path):
    return os.stat(path).st_mode & 0o077 == 0
