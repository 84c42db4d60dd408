"""Holds the second reader to the vectors: python tests/reader/vectors.py, with what docs/reader/requirements.txt lists."""

import base64
import json
import pathlib
import re
import sys

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs/reader"))
import tidings_reader as reader
import tidings_views as views

failures = []


def long_numbers(value):
    """Whole numbers from 2^53 on stand as text."""
    if isinstance(value, dict):
        return {name: long_numbers(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [long_numbers(inner) for inner in value]
    is_long = isinstance(value, str) and re.fullmatch("-?[1-9][0-9]{15,19}", value) and abs(int(value)) >= 2**53
    return int(value) if is_long and -(2**63) <= int(value) < 2**64 else value


def vectors(structure):
    file = long_numbers(json.loads((ROOT / f"tests/data/v1/{structure}.json").read_text()))
    for good in (True, False):
        for vector in file["good" if good else "bad"]:
            yield f"{structure}: {vector['name']}", vector, good


def raw(text):
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))


def expect(name, holds):
    if not holds:
        failures.append(name)


def attempt(read, *arguments):
    try:
        return read(*arguments)
    except reader.WRONG:
        return None


def statement(data):
    r = reader.Reader(data)
    found = reader.Statement(r)
    r.end()
    return found


def run(data, log):
    return reader.read_run(reader.Reader(data), log)


for name, vector, good in vectors("statement"):
    found = attempt(statement, bytes.fromhex(vector["bytes"]))
    expect(name, (found is not None) == good and (not good or reader.base32(found.id) == vector["fields"]["id"]))
for name, vector, good in vectors("fork"):
    found = attempt(reader.read_fork, reader.Reader(bytes.fromhex(vector["bytes"])))
    expect(name, (found is not None) == good and (not good or found[1] == vector["fields"]["at"]))
for name, vector, good in vectors("run"):
    given = vector["given"]
    if good and given["next"]:
        continue  # in an archive all runs are signed
    found = attempt(run, bytes.fromhex(vector["bytes"]), (raw(given["feed"]), raw(given["device"]), given["lane"]))
    ids = [entry["id"] for entry in vector["fields"]["entries"]] if good else []
    expect(name, (found is not None) == good and [reader.base32(e.id) for e in (found or (0, []))[1]] == ids)
for name, vector, good in vectors("body"):
    expect(name, (attempt(reader.Envelope, bytes.fromhex(vector["bytes"])) is not None) == good)
CONTENT = {
    "post/1": lambda data: reader.content(data, "str", *["str?"] * 4, "i64?"),
    "profile/1": lambda data: attempt(reader.profile_field, data),
    "edit/1": lambda data: reader.content(data, "bytes"),
}
for name, vector, good in vectors("content"):
    read = CONTENT.get(vector["given"]["kind"])
    expect(name, read is None or (read(bytes.fromhex(vector["bytes"])) is not None) == good)


def shown(vector):
    archives, feeds = [vector["bytes"], *vector["given"]["more"]], {}
    for archive in archives:
        assert reader.read_archive(memoryview(bytes.fromhex(archive)), feeds) is None
    view = views.View(feeds, vector["given"]["now"])
    timeline = []
    for entry, state, last, said, post in view.posts():
        one = view.object(entry, last, said, post)
        one = {key: one[key] for key in ("id", "text", "tags", "reactions", "replies")}
        timeline.append(one | {"state": state, "edited": last.time if last is not entry else None})
    gone = sorted(text(e.ref) for e in view.counting.values() if e.gone == "deleted")
    profiles = {feed: view.profile(raw(feed)) for feed in vector["fields"]["profiles"]}
    follows = {feed: view.follows(raw(feed)) for feed in vector["fields"]["follows"]}
    return {"timeline": timeline, "deleted": gone, "profiles": profiles, "follows": follows}


def text(to):
    return ":".join((reader.base32(to[0]), reader.base32(to[1]), to[2], str(to[3]), reader.base32(to[4])))


for name, vector, _ in vectors("view"):
    said = shown(vector)
    expect(f"{name}: {said} and not {vector['fields']}", said == vector["fields"])
for name, vector, _ in vectors("tag"):
    expect(name, reader.fold(vector["text"]) == vector["fields"])
for name, vector, _ in vectors("standing"):
    given, feed = vector["given"], reader.Feed()
    feed.statements = [statement(bytes.fromhex(text)) for text in given["statements"]]
    feed.judge(raw(given["feed"]))
    counts = [feed.counts(raw(a["device"]), a["lane"], a["seq"], raw(a["id"]), a["end_held"]) for a in given["asks"]]
    kept = b"".join(s.id for s in reader.capped(raw(given["feed"]), feed.statements))
    expect(name, counts == vector["fields"]["counts"])
    expect(f"{name}, digest", reader.digest("statement set", kept)[:16].hex() == vector["bytes"])
for name, vector, good in vectors("archive"):
    damage = reader.read_archive(memoryview(bytes.fromhex(vector["bytes"])), {})
    expect(name, damage is None if good else damage and damage[0] == vector["given"]["offset"])
sys.exit("\n".join(failures) or 0)
