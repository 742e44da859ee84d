"""The C codecs and the JSON Schemas judge the same vectors alike.

schemas/vectors/RECORD/ has
  accept/FACT.json                     both accept
  reject/FACT.CODE[.FIELD].json        both reject; the codec with this code, its message beginning with the field
  reject-codec-only/…                  the same, where the schema language cannot say it
  reject-schema-only/FACT.json         what the codec lets pass on purpose: it only watches (status)
What does not fit a file is made here: depth, size, keys, tombstones.

Usage: test_vectors.py SCHEMA_JUDGE SCHEMAS_FOLDER
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from jsonschema import Draft202012Validator, RefResolver

JUDGE, SCHEMAS = sys.argv[1], pathlib.Path(sys.argv[2])
VECTORS = SCHEMAS / "vectors"
RECORDS = ["job", "manifest", "staged", "updated", "status", "progress", "current", "dp", "catalogue"]
WITHOUT_CODEC = {"dp"}  # read by the distribution room, with no judge of its own
STRICT = ["job", "manifest", "catalogue"]
SIZE_MAX = 900_000


def load_schemas():
    found = {path.name: json.loads(path.read_text()) for path in SCHEMAS.glob("*.schema.json")}
    for schema in found.values():
        Draft202012Validator.check_schema(schema)
    store = {schema["$id"]: schema for schema in found.values()}
    return {
        name.removesuffix(".schema.json"): Draft202012Validator(
            schema, resolver=RefResolver(schema["$id"], schema, store=store))
        for name, schema in found.items()
    }


VALIDATORS = load_schemas()


def refuse_constant(name):
    raise ValueError(name + " is not JSON")


def schema_accepts(record, data):
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=refuse_constant)
    except ValueError:
        return False
    return VALIDATORS[record].is_valid(value)


def codec_says(record, paths, *options):
    done = subprocess.run([JUDGE, record, *options, *map(str, paths)], capture_output=True, timeout=30,
                          env={**os.environ, "LC_ALL": "C.UTF-8"})
    if done.returncode != 0:
        raise AssertionError(f"{record}: exit code {done.returncode}: {done.stderr.decode(errors='replace')}")
    lines = done.stdout.decode("utf-8").splitlines()
    if len(lines) != len(paths):
        raise AssertionError(f"{record}: {len(lines)} verdicts for {len(paths)} files")
    return lines


def cases(record, folder):
    return sorted((VECTORS / record / folder).glob("*.json"))


def expectation(path):
    fact, code, *field = path.name.removesuffix(".json").split(".")
    return code, ".".join(field)


class Vectors(unittest.TestCase):
    def assert_refused(self, verdict, code, field, what):
        self.assertTrue(verdict.startswith(f"reject {code} "), f"{what}: wanted {code}, got: {verdict}")
        message = verdict.removeprefix(f"reject {code} ")
        self.assertTrue(message.startswith(f"{field}: ") if field else message,
                        f"{what}: should begin with the field {field!r}: {message}")
        self.assertTrue(message.isprintable(), f"{what}: not fit to print: {message!r}")

    def check_refusals(self, record, folder):
        paths = cases(record, folder)
        if record not in WITHOUT_CODEC and paths:
            for path, verdict in zip(paths, codec_says(record, paths)):
                with self.subTest(path.name):
                    self.assert_refused(verdict, *expectation(path), path)
        return paths

    def test_all_records_have_cases(self):
        self.assertEqual(sorted(RECORDS), sorted(path.name for path in VECTORS.iterdir()))
        self.assertEqual(sorted(RECORDS + ["common"]), sorted(VALIDATORS))
        for record in RECORDS:
            for folder in ["accept", "reject"]:
                self.assertTrue(cases(record, folder), f"{record}/{folder} has no cases")
        for record in STRICT:
            self.assertTrue(cases(record, "reject-codec-only"), f"{record}/reject-codec-only has no cases")

    def test_each_file_is_a_case(self):
        folders = {"accept", "reject", "reject-codec-only", "reject-schema-only"}
        for path in VECTORS.rglob("*"):
            if path.is_file():
                parts = path.relative_to(VECTORS).parts
                self.assertTrue(len(parts) == 3 and parts[1] in folders and path.suffix == ".json", path)

    def test_accepted_by_both(self):
        for record in RECORDS:
            paths = cases(record, "accept")
            verdicts = ["accept"] * len(paths) if record in WITHOUT_CODEC else codec_says(record, paths)
            for path, verdict in zip(paths, verdicts):
                with self.subTest(path):
                    self.assertEqual(verdict, "accept")
                    self.assertTrue(schema_accepts(record, path.read_bytes()), "the schema refuses it")

    def test_refused_by_both(self):
        for record in RECORDS:
            for path in self.check_refusals(record, "reject"):
                with self.subTest(path):
                    self.assertFalse(schema_accepts(record, path.read_bytes()), "the schema accepts it")

    def test_refused_by_the_codec_only(self):
        for record in RECORDS:
            for path in self.check_refusals(record, "reject-codec-only"):
                with self.subTest(path):
                    self.assertTrue(schema_accepts(record, path.read_bytes()), "belongs to reject/")

    def test_refused_by_the_schema_only(self):
        for record in RECORDS:
            paths = cases(record, "reject-schema-only")
            for path, verdict in zip(paths, codec_says(record, paths) if paths else []):
                with self.subTest(path):
                    self.assertEqual(verdict, "accept")
                    self.assertFalse(schema_accepts(record, path.read_bytes()))

    def test_each_field_of_a_strict_record_is_in_a_case(self):
        """A field that no accepted case has is a field that nothing tests."""
        for record in STRICT + ["staged", "updated", "current"]:
            named = set(VALIDATORS[record].schema["properties"])
            seen = set()
            for path in cases(record, "accept"):
                seen |= json.loads(path.read_text()).keys()
            self.assertFalse(named - seen, record)

    def test_what_is_written_keeps_to_the_schemas(self):
        done = subprocess.run([JUDGE, "--samples"], capture_output=True, timeout=30, check=True)
        seen = set()
        for line in done.stdout.decode("utf-8").splitlines():
            record, text = line.split("\t", 1)
            seen.add(record)
            with self.subTest(line):
                self.assertTrue(text.isprintable(), "a raw control character")
                errors = [error.message for error in VALIDATORS[record].iter_errors(json.loads(text))]
                self.assertEqual(errors, [])
                with tempfile.NamedTemporaryFile() as file:
                    file.write(text.encode())
                    file.flush()
                    self.assertEqual(codec_says(record, [file.name]), ["accept"])
        self.assertEqual(seen, set(RECORDS) - {"dp", "catalogue"})


class Made(unittest.TestCase):
    """Cases that do not fit a file."""

    def verdicts(self, record, texts, *options):
        with tempfile.TemporaryDirectory() as folder:
            paths = [pathlib.Path(folder, str(number)) for number in range(len(texts))]
            for path, text in zip(paths, texts):
                path.write_bytes(text)
            return codec_says(record, paths, *options)

    def verdict(self, record, text, *options):
        return self.verdicts(record, [text], *options)[0]

    def job(self, **changes):
        job = {"type": "update", "package_id": "PKG00042", "version": "1.0"}
        return json.dumps({**job, **changes}).encode()

    def test_ten_thousand_levels_are_too_deep(self):
        for record in set(RECORDS) - WITHOUT_CODEC:
            depth = 2_000 if record == "current" else 10_000  # a pointer has at most 16,384 bytes
            texts = [b"[" * depth + b"]" * depth, b"[" * depth, b'{"a":' * depth + b"1" + b"}" * depth]
            for verdict in self.verdicts(record, texts):
                self.assertIn("reject too_deep ", verdict)
        depth = 10_000
        in_a_field = self.job(annotations=0).replace(b"0}", b"[" * depth + b"]" * depth + b"}")
        self.assertIn("reject too_deep ", self.verdict("job", in_a_field))

    def test_brackets_in_a_string_are_not_depth(self):
        self.assertEqual(self.verdict("job", self.job(requested_by='"[{' * 60)), "accept")

    def test_a_job_may_have_900000_bytes_and_no_more(self):
        job = self.job()
        self.assertEqual(self.verdict("job", job + b" " * (SIZE_MAX - len(job))), "accept")
        self.assertIn("reject too_large ", self.verdict("job", job + b" " * (SIZE_MAX + 1 - len(job))))

    def test_the_key_is_the_package(self):
        self.assertEqual(self.verdict("job", self.job(), "--key", "PKG00042"), "accept")
        for key in ["PKG00043", "", "pkg00042", "PKG00042 "]:
            self.assertIn("reject key_mismatch package_id: ", self.verdict("job", self.job(), "--key", key))
        self.assertIn("reject missing_key ", self.verdict("job", self.job(), "--no-key"))
        staged = (cases("staged", "accept")[0]).read_bytes()
        self.assertIn("reject key_mismatch package_id: ", self.verdict("staged", staged, "--key", "OTHER"))
        self.assertEqual(self.verdict("staged", staged, "--no-key"), "accept")

    def test_a_tombstone_is_refused(self):
        self.assertIn("reject tombstone ", self.verdict("job", b"", "--no-value"))

    def test_a_job_truncated_anywhere_is_refused(self):
        job = self.job(job_id="u-18", gate="all", requested_by="caf\u00e9")
        for verdict in self.verdicts("job", [job[:length] for length in range(len(job))]):
            self.assertIn("reject invalid_json ", verdict)

    def test_names_as_long_as_allowed_and_no_longer(self):
        for field, longest in [("package_id", 128), ("version", 64), ("job_id", 64)]:
            self.assertEqual(self.verdict("job", self.job(**{field: "a" * longest})), "accept")
            self.assertIn(f"reject invalid_field {field}: ",
                          self.verdict("job", self.job(**{field: "a" * (longest + 1)})))

    def test_a_thousand_targets_and_no_more(self):
        names = [f"dp{n}" for n in range(1001)]
        self.assertEqual(self.verdict("job", self.job(distribution_points=names[:1000])), "accept")
        self.assertIn("reject invalid_field distribution_points: ",
                      self.verdict("job", self.job(distribution_points=names)))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
