"""Compares the foreign types in the library's public API with the list in CONTRIBUTING.md.

    python3 .ci/foreign_types.py [DOC.json]

Reads rustdoc's JSON of the crate, all features on; without a path it makes that first (stable Rust, RUSTC_BOOTSTRAP=1).
A foreign type is one that a dependency defines; std, core and alloc are nobody's dependency. Signatures, fields and
trait bounds count, and so do traits that our types implement. Ends with 1 if a type is missing from the list or the
list names one that the API does not show.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
STANDARD = {"std", "core", "alloc", "proc_macro"}
# Written by derives, and never named by a caller.
PLUMBING = {"serde_core::__private"}


def build():
    env = dict(os.environ, RUSTC_BOOTSTRAP="1", RUSTDOCFLAGS="")
    command = ["cargo", "rustdoc", "-p", "tidings", "--lib", "--all-features", "--quiet"]
    command += ["--", "-Z", "unstable-options", "--output-format", "json"]
    subprocess.run(command, check=True, cwd=ROOT, env=env)
    about = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--format-version", "1"], check=True, cwd=ROOT, capture_output=True
    )
    return pathlib.Path(json.loads(about.stdout)["target_directory"]) / "doc" / "tidings.json"


def referenced(value, found):
    """The ids of all paths in a type, a signature or a list of bounds."""
    if isinstance(value, dict):
        # A path of rustdoc's JSON: what it names, and its generic arguments.
        if "id" in value and "path" in value and "args" in value:
            found.add(value["id"])
        for part in value.values():
            referenced(part, found)
    elif isinstance(value, list):
        for part in value:
            referenced(part, found)


def is_written(item):
    """Told apart from impls that the compiler or a blanket impl adds, which nobody wrote here."""
    impl = item["inner"].get("impl")
    return impl is None or not (impl.get("is_synthetic") or impl.get("blanket_impl"))


def foreign(doc):
    crates = {int(id): crate["name"] for id, crate in doc["external_crates"].items()}
    unwritten = set()
    for item in doc["index"].values():
        if not is_written(item):
            unwritten.update(item["inner"]["impl"]["items"])
    ids = set()
    for item in doc["index"].values():
        if item["crate_id"] == 0 and is_written(item) and item["id"] not in unwritten:
            referenced(item["inner"], ids)
            if "use" in item["inner"]:
                ids.add(item["inner"]["use"]["id"])
    names = set()
    for id in ids:
        path = doc["paths"].get(str(id))
        if path and path["crate_id"] != 0 and crates[path["crate_id"]] not in STANDARD:
            names.add("::".join([path["path"][0], path["path"][-1]]))
    return {name for name in names if not any(name.startswith(start) for start in PLUMBING)}


def listed():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    part = re.search(r"<!-- foreign types -->(.*?)<!-- end of foreign types -->", text, re.S)
    return set(re.findall(r"`(\w+::\w+)`", part.group(1)))


def main():
    file = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else build()
    shown, allowed = foreign(json.loads(file.read_text())), listed()
    for name in sorted(shown - allowed):
        print(f"{name} is part of the public API and not in the list of CONTRIBUTING.md")
    for name in sorted(allowed - shown):
        print(f"{name} is in the list of CONTRIBUTING.md and not part of the public API")
    print(f"{len(shown)} foreign types in the public API")
    sys.exit(shown != allowed)


if __name__ == "__main__":
    main()
