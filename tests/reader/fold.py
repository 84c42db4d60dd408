"""Holds two foldings to each other: reads a JSON object of code point to folded text, for all that fold to something else."""

import json
import pathlib
import sys
import unicodedata

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "docs/reader"))
import tidings_reader as reader

folded = {int(code): text for code, text in json.load(sys.stdin).items()}
is_newer = int(unicodedata.unidata_version.split(".")[0]) > 16
wrong, compared = [], 0
for code in range(sys.maxunicode + 1):
    character = chr(code)
    if unicodedata.category(character) in ("Cn", "Cs"):
        continue  # of no version yet that this Python knows, or no text
    compared += 1
    mine = reader.fold(f"a{character}b")
    theirs = folded.get(code, f"a{character}b")
    if mine != theirs and not (is_newer and code not in folded):
        wrong.append(f"U+{code:04X}: {mine!r} and not {theirs!r}")
print(compared)
sys.exit("\n".join(wrong[:20]) or 0)
