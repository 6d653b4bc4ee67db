"""What Python's csv and json modules read from damaged CSV and JSON lines: tests/fixtures/mutated_tables.json.

    python scripts/reference_damaged_tables.py

An entry is the name of a file, what it holds, and the texts that Python reads from it: `csv.DictReader` with `strict=True`, so that a quote
within a field is an error, and rows of too few or too many fields are errors too; or `json.loads` of every line that is not blank, each an
object with a string `text`. null where Python finds an error. Files whose header has other names than `text` and `label` are left out.
"""

import csv
import io
import json
import random

from reference_common import FIXTURES

SEED = 11
COUNT = 400
PIECES = ['"', '""', ",", "\n", "\r\n", "\r", " ", "'", "\t", ";", "\\", "x", "é", "\ufeff", '",', ',"', '"\n', "a,b", '"a"b', "\n\n", "\u2028", "\x0b", "\x85"]
CSV = 'text,label\nfirst text,good\n"second, of two","bad"\n"with ""quotes""",good\n"over\ntwo lines",bad\nlast,good\n'
JSON_PIECES = ['"', "\\", "\\n", "\\u00e9", "\\ud83d", "{", "}", ",", "\n", " ", "1", "null", "NaN", '"text": "again", ', "[]", "é", "\\u0000", "//", "'", "\u2028"]
JSON_LINES = "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in [("first", "good"), ("zwölf \\ \"q\"", "bad"), ("last", "good")])


def mutated(text, pieces, draws):
    for _ in range(draws.choice([1, 1, 1, 2, 3])):
        at = draws.randrange(len(text) + 1)
        kind = draws.randrange(3)
        if kind == 0:
            text = text[:at] + draws.choice(pieces) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + draws.choice([1, 1, 2, 5]) :]
        else:
            text = text[:at] + draws.choice(pieces) + text[at + 1 :]
    return text


def read_csv(text):
    try:
        rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True, restkey="more", restval=None))
    except csv.Error:
        return None
    whole = all(set(row) == {"text", "label"} and None not in row.values() for row in rows)
    return [row["text"] for row in rows] if rows and whole else None


def has_header(text):
    try:
        return next(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)) == ["text", "label"]
    except (csv.Error, StopIteration):
        return False


def read_json(text):
    try:
        # Lines end at "\n" alone: str.splitlines would cut at U+2028 as well.
        rows = [json.loads(line) for line in text.removeprefix("\ufeff").split("\n") if line.strip()]
        texts = [row["text"] for row in rows]
        "".join(texts).encode()
    except (ValueError, KeyError, TypeError):
        return None
    return texts or None


def main():
    draws = random.Random(SEED)
    entries = []
    while len(entries) < COUNT:
        if len(entries) % 4:
            text = mutated(CSV, PIECES, draws)
            if has_header(text):
                entries.append({"file": "texts.csv", "holds": text, "texts": read_csv(text)})
        else:
            text = mutated(JSON_LINES, JSON_PIECES, draws)
            entries.append({"file": "texts.jsonl", "holds": text, "texts": read_json(text)})
    path = FIXTURES / "mutated_tables.json"
    lines = ",\n".join(json.dumps(entry, ensure_ascii=True) for entry in entries)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    refused = sum(entry["texts"] is None for entry in entries)
    print(f"{path}  {len(entries)} files, {refused} with an error, {path.stat().st_size / 1024:.1f} KiB")


if __name__ == "__main__":
    main()
