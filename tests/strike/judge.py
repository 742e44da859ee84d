"""What must be true of a folder, whatever happened there: shares no code with the product, reads the layout of
docs/contract.md by itself. Each function yields what is wrong, in words; nothing: all is well.
"""
import hashlib
import json
import os
import posixpath
import re

PACKAGE = "PKG"


class File:
    def __init__(self, path, data, executable=False):
        self.path, self.data, self.executable = path, data, executable

    @property
    def digest(self):
        return "sha256:" + hashlib.sha256(self.data).hexdigest()


def seal_of(files):
    """The canonical form of a manifest."""
    entries = [{"path": file.path, "size": len(file.data), "digest": file.digest, "executable": file.executable}
               for file in sorted(files, key=lambda file: file.path.encode())]
    return json.dumps({"files": entries}, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def said(lines, word):
    """Which versions the process said that of."""
    return [line.split()[1] for line in lines if line.startswith(f"{word} ")]


def went_back(lines):
    """Nobody may put an older pointer in the place of a newer one, not even for a moment. To say late what was true when it
    was read is fine."""
    newest, is_replaced = "", False
    for line in lines:
        if re.match(rf"call \d+ rename\w+ 0 \S+ {PACKAGE}/current.json$", line):
            is_replaced = True
        for version in said([line], "current"):
            if version < newest and is_replaced:
                yield f"{version} was made current after {newest} was"
            elif version >= newest:
                newest, is_replaced = version, False


class Folder:
    """A distribution point, and what each version of its one package must be."""

    def __init__(self, base, versions):
        self.base, self.package, self.versions = base, base / PACKAGE, versions
        self.newest = ""  # that was current at any look

    def seal(self, version):
        path = self.package / "manifests" / f"{version}.json"
        return path.read_bytes() if path.exists() else None

    def wrong(self, lines):
        """After a process that said these lines."""
        sealed = {version for version in self.versions if self.seal(version) is not None}
        for version in sealed:
            yield from self.wrong_content(version)
        yield from (f"{version} is said to be staged and has no seal" for version in set(said(lines, "staged")) - sealed)
        yield from self.wrong_pointer(lines, sealed)

    def wrong_content(self, version):
        files, root = self.versions[version], self.package / "content" / version
        if self.seal(version) != seal_of(files):
            yield f"the seal of {version} is not its manifest"
        there = {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}
        if there != {file.path for file in files}:
            yield f"{version} is sealed and has the files {sorted(there)}"
        for file in files:
            path = root / file.path
            if path.is_file() and path.read_bytes() != file.data:
                yield f"{version} is sealed and {file.path} is not what it should be"
            if path.is_file() and bool(path.stat().st_mode & 0o100) != file.executable:
                yield f"{version} is sealed and {file.path} has the wrong mode"

    def wrong_pointer(self, lines, sealed):
        path, link = self.package / "current.json", self.package / "current"
        claimed = max(said(lines, "current") + said(lines, "newer"), default="")
        version = ""
        if path.exists():
            try:
                pointer = json.loads(path.read_bytes())
                version = pointer["version"]
                if version not in sealed:
                    yield f"{version} is current and not sealed"
                elif pointer["digest"] != digest_of(self.seal(version)):
                    yield f"the pointer to {version} has not the digest of its seal"
                if pointer["content_path"].rstrip("/") != f"content/{version}" or pointer["manifest"] != f"manifests/{version}.json":
                    yield f"the pointer to {version} leads to {pointer['content_path']} and {pointer['manifest']}"
            except (ValueError, KeyError) as error:
                yield f"current.json cannot be read: {error}"
        if version < claimed:
            yield f"{claimed} is said to be current, and '{version}' is"
        if version < self.newest:
            yield f"{self.newest} was current, and now '{version}' is"
        self.newest = max(self.newest, version)
        yield from self.wrong_link(os.readlink(link) if link.is_symlink() else "", version, said(lines, "current"))

    @staticmethod
    def wrong_link(target, version, claimed):
        """It is made behind the pointer, so it may be one step behind it, and is right once that is said."""
        linked = target.removeprefix("content/")
        if linked > version or (version in claimed and linked != version):
            yield f"the link leads to '{target}', and '{version}' is current"


class Device:
    """What a power cut could take from the folder, by the calls that were made there: bytes and names that no fsync
    or syncfs has seen yet. A failed one may have given bytes up for good (Linux marks such pages as clean), so these
    count as written only when they are read from the device again."""

    def __init__(self, versions):
        self.versions = versions
        self.bytes, self.names = set(), set()  # paths whose bytes, whose entry in their folder
        self.given_up, self.dropped = set(), set()  # of the bytes; whose pages are not in memory

    def follow(self, lines):
        """Yields what is wrong at each line."""
        for line in lines:
            words = line.split()
            if words[0] == "call":
                yield from self.call(words[2], words[3] == "0", *words[4:])
            elif words[0] == "staged":
                yield from self.loose(self.of_version(words[1]), f"when {words[1]} is said to be staged")
            elif words[0] == "current":
                yield from self.loose([f"{PACKAGE}/current.json", f"{PACKAGE}/current"], f"when {words[1]} is said to be current")

    def of_version(self, version, with_seal=True):
        content = f"{PACKAGE}/content/{version}/"
        return [content + file.path for file in self.versions[version]] + [f"{PACKAGE}/manifests/{version}.json"] * with_seal

    def loose(self, paths, words):
        """Of these files and all folders above them."""
        for path in paths:
            if path in self.bytes:
                yield f"a power cut could take bytes of {path} {words}"
        above = set(paths)
        for path in paths:
            while path := posixpath.dirname(path):
                above.add(path)
        yield from (f"a power cut could take the name {path} {words}" for path in sorted(above & self.names))

    def call(self, name, is_done, path, other=None):
        if not is_done:
            if name == "syncfs":
                self.given_up |= self.bytes
            elif name == "fsync":
                self.given_up |= self.bytes & {path}
            return
        if name in ("create", "mkdirat", "symlinkat"):
            self.names.add(path)  # one that is there already gets loose so too, which is stricter than it need be
        elif name in ("pwrite", "copy_file_range", "ftruncate", "ioctl"):
            self.bytes.add(path)
            self.given_up.discard(path)
            self.dropped.discard(path)
        elif name == "drop":
            self.dropped.add(path)
        elif name == "pread" and path in self.dropped & self.given_up:
            self.given_up.discard(path)
            self.bytes.discard(path)
        elif name == "fsync":
            self.bytes -= {path} - self.given_up
            self.names = {entry for entry in self.names if (posixpath.dirname(entry) or ".") != path}
        elif name == "syncfs":
            self.bytes &= self.given_up
            self.names.clear()
        elif name in ("unlinkat", "unlink"):
            self.forget(path)
        elif name in ("renameat", "renameat2", "linkat"):
            self.move(path, other)
            yield from self.wrong_place(other)

    def forget(self, path):
        for paths in (self.bytes, self.names, self.given_up, self.dropped):
            paths -= {entry for entry in paths if entry == path or entry.startswith(path + "/")}

    def move(self, path, to):
        for paths in (self.bytes, self.names, self.given_up, self.dropped):
            inside = {entry for entry in paths if entry == path or entry.startswith(path + "/")}
            paths -= inside | {entry for entry in paths if entry == to or entry.startswith(to + "/")}
            paths |= {to + entry.removeprefix(path) for entry in inside}
        self.names.add(to)

    def wrong_place(self, path):
        """What gets its place must be whole on the device; a seal only over content that is."""
        words = f"when {path} gets its place"
        if path.startswith(f"{PACKAGE}/manifests/"):
            version = posixpath.basename(path).removesuffix(".json")
            yield from self.loose(self.of_version(version, with_seal=False), words)
        if path.startswith(f"{PACKAGE}/manifests/") or path == f"{PACKAGE}/current.json":
            if path in self.bytes:
                yield f"a power cut could take bytes of {path} {words}"
