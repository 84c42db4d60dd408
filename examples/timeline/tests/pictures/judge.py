"""Posts a collection with planted facts, and lets others look at what was posted.

    python3 examples/timeline/tests/pictures/judge.py CLIENT [--require] [--keep FOLDER]

CLIENT is the built program `timeline`. Everything of collect.py is posted with it and fetched again; then the bytes are
searched, unpacked ones too, and exiftool, ffprobe and mat2 say what they see, those of them that are there. With
--require all three have to be. Ends with 1 and a list if anything planted is found, if something is refused that should
be posted, or the other way round.
"""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zlib

import collect

PLANTED = [b"PLANTED", b"PLAN\0", b"Banana", b"Kitchen", b"+52.52", b"2024:05:06"]

# What tells of a place, a person, a device or a time, by the names that exiftool gives; with values that tell nothing.
TELLING = re.compile(
    r"GPS|Latitude|Longitude|Serial|^Make$|^Model$|CameraModel|Artist|Author|Owner|Copyright|Date|HostComputer|Lens"
    r"|Software|ImageDescription|ProfileDescription|Comment|ImageUniqueID|Location|City|DeviceM|ProfileCreator|MakerNote"
    r"|Thumbnail|XMP|Title|ReelName|Encoder"
)
NOTHING = re.compile(r"^(|Colours|None stated|0000:00:00 00:00:00.*)$")
OWN_GROUPS = {"System", "ExifTool", "File"}


def in_bytes(data):
    """The planted facts in the bytes, in texts of 16 bits, and in whatever can be unpacked."""
    found = set()
    stack = [data]
    for at in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data):
        try:
            stack.append(zlib.decompressobj().decompress(data[at.start() :], 1 << 22))
        except zlib.error:
            pass
    for part in stack:
        for fact in PLANTED:
            text = fact.decode()
            for form in [fact, text.encode("utf-16-le"), text.encode("utf-16-be")]:
                if form in part:
                    found.add("bytes: " + part[part.index(form) :][:48].decode("latin-1"))
    return found


def in_text(tool, text):
    facts = [fact.decode().strip("\0") for fact in PLANTED]
    return {f"{tool}: {line.strip()}" for line in text.splitlines() if any(fact in line for fact in facts)}


def exiftool(file):
    run = subprocess.run(["exiftool", "-a", "-u", "-U", "-ee3", "-G1", "-s", "-j", file], capture_output=True)
    found = in_text("exiftool", run.stdout.decode("utf-8", "replace"))
    for key, value in json.loads(run.stdout or b"[{}]")[0].items():
        group, _, name = key.rpartition(":")
        if group not in OWN_GROUPS and TELLING.search(name) and not NOTHING.match(str(value)):
            found.add(f"exiftool: {key} = {value}")
    return found


def ffprobe(file):
    wanted = ["-show_format", "-show_streams", "-show_chapters", "-show_programs"]
    run = subprocess.run(["ffprobe", "-v", "quiet", *wanted, "-of", "json", file], capture_output=True, cwd=file.parent)
    return in_text("ffprobe", run.stdout.decode("utf-8", "replace"))


def mat2(file):
    run = subprocess.run(["mat2", "--show", file], capture_output=True)
    return in_text("mat2", run.stdout.decode("utf-8", "replace"))


class Client:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.run("init", "--name", "Judge")

    def run(self, *args):
        command = [self.program, "--dir", self.folder / "node", "--local", "--json", *args]
        return subprocess.run(command, capture_output=True, text=True)

    def posted(self, name, data):
        """What is fetched of a file that was posted, or why it was refused."""
        file = self.folder / "given" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(data)
        sent = self.run("post", name, "--attach", file)
        if sent.returncode != 0:
            return None, sent.stderr.strip()
        post = json.loads(sent.stdout.splitlines()[-1])["id"]
        out = self.folder / "posted" / name
        fetched = self.run("fetch", post, "--out", out)
        files = [path for path in out.rglob("*") if path.is_file()]
        return files, fetched.stderr.strip()


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("client", type=pathlib.Path)
    args.add_argument("--require", action="store_true")
    args.add_argument("--keep", type=pathlib.Path)
    args = args.parse_args()
    folder = args.keep or pathlib.Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    tools = [tool for tool in [exiftool, ffprobe, mat2] if shutil.which(tool.__name__)]
    missing = {"exiftool", "ffprobe", "mat2"} - {tool.__name__ for tool in tools}
    if missing and args.require:
        sys.exit(f"not installed: {', '.join(sorted(missing))}")
    client = Client(args.client.resolve(), folder.resolve())
    wrong, told, count = [], 0, 0
    for name, data, expected in collect.collection():
        count += 1
        files, why = client.posted(name, data)
        if expected == "posted" and not files:
            wrong.append(f"{name} is refused: {why}")
        if expected == "refused" and files:
            wrong.append(f"{name} is posted")
        told += bool(in_bytes(data))
        for file in files or []:
            found = in_bytes(file.read_bytes())
            for tool in tools:
                found |= tool(file)
            wrong += [f"{name}: {what}" for what in sorted(found)]
    if told < count:
        wrong.append(f"nothing is planted in {count - told} of {count} files")
    if not args.keep:
        shutil.rmtree(folder)
    seen = ", ".join(["the bytes", *(tool.__name__ for tool in tools)])
    print("\n".join(wrong))
    print(f"{count} files, looked at by {seen}: {len(wrong)} faults" + (f"; not here: {', '.join(sorted(missing))}" if missing else ""))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
