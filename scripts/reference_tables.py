"""What Python's csv, json, pandas and pyarrow read from small tables, as fixtures for crates/task: crates/task/tests/fixtures/tables.json,
and Parquet files beside it, in tables/.

    pip install pandas pyarrow && python scripts/reference_tables.py

Every text is made up here. A reading that fails is null.
"""

import csv
import decimal
import io
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

OUT = Path(__file__).parent.parent / "crates/task/tests/fixtures/tables.json"

CSV = {
    "plain": "text,label\na film,good\na book,bad\n",
    "quoted": 'text,label\n"a, b",good\n"he said ""no""",bad\n',
    "quoted line break": 'text,label\n"two\nlines",good\nb,bad\n',
    "crlf": 'text,label\r\n"two\r\nlines",good\r\nb,bad\r\n',
    "no last line end": "text,label\na,good\nb,bad",
    "empty fields": 'text,label\n,good\n"",bad\n',
    "bare quote": 'text,label\na 5" disk,good\nb,bad\n',
    "quotes in the middle": 'text,label\nsay "no" now,good\nb,bad\n',
    "after the quote": 'text,label\n"Great" said he,good\nb,bad\n',
    "after the quote, space": 'text,label\n"Great" ,good\nb,bad\n',
    "quote meets a later row": 'text,label\n"Great,good\nb,bad\n"c" d,good\n',
    "unclosed": 'text,label\na,good\n"b,bad\nc,good\n',
    "unclosed at the end": 'text,label\na,good\nb,"bad\n',
    "doubled and unclosed": 'text,label\na,good\n"b"",bad\n',
    "single quotes": "text,label\n'a, b',good\nc,bad\n",
    "blank lines": "text,label\n\na,good\n\nb,bad\n\n",
    "only quotes": 'text,label\n"""",good\n"""""",bad\n',
    "spaces": "text,label\n a , good \nb,bad\n",
}

# Written by pandas: (texts, settings of to_csv).
WRITTEN = {
    "csv of pandas": (["plain", 'he said "no"', "a, b", "tab\there", "two\nlines", ""], {}),
    "tsv of pandas": (["plain", 'he said "no"', "a, b", '"whole"', '"'], {"sep": "\t"}),
    "tsv of pandas with tabs": (["plain", "tab\there", 'a "b" c'], {"sep": "\t"}),
    "tsv of pandas with lines": (["plain", "two\nlines", "c"], {"sep": "\t"}),
    "tsv of pandas, all quoted": (["plain", "a, b", "c"], {"sep": "\t", "quoting": csv.QUOTE_ALL}),
    "tsv of pandas, never quoted": (
        ["plain", '"open', 'he said "no"', '"whole"'],
        {"sep": "\t", "quoting": csv.QUOTE_NONE},
    ),
}

JSON_LINES = {
    "plain": '{"text": "a", "label": "x"}\n{"text": "b", "label": "y"}\n',
    "escapes": '{"text": "\\u00e4\\n\\"\\ud83d\\ude00", "label": "x"}\n{"text": "b", "label": "y"}\n',
    "spellings of one": "".join(
        json.dumps({"text": "t" + str(i), "label": label}) + "\n" for i, label in enumerate(["01", "1", "001", "1.0", "+1", "2"])
    ),
    "numbers": '{"text": "a", "label": 1}\n{"text": "b", "label": 1.0}\n{"text": "c", "label": 0}\n{"text": "d", "label": -0.0}\n',
    "truth values": '{"text": "a", "label": true}\n{"text": "b", "label": false}\n',
    "nan": '{"text": "a", "label": NaN}\n{"text": "b", "label": 1}\n',
    "array": '[{"text": "a", "label": 1}, {"text": "b", "label": 0}]\n',
    "cut": '{"text": "a", "label": 1}\n{"text": "b", "lab\n',
    "depth": '{"text": "a", "label": 1, "x": ' + "[" * 200 + "]" * 200 + "}\n",
}


NAN = float("nan")
DECIMALS = [decimal.Decimal("1.00"), decimal.Decimal("0.00"), decimal.Decimal("-2.50"), None]
# Labels of four rows, and how the file is written.
PARQUET = {
    "floats": (pa.array([1.0, 0.0, NAN, -0.0], pa.float64()), {}),
    "floats32": (pa.array([0.1, 1.0, None, -2.5], pa.float32()), {"compression": "gzip"}),
    "booleans": (pa.array([True, False, None, True]), {}),
    "int8": (pa.array([-1, 0, 1, None], pa.int8()), {"compression": "zstd"}),
    "uint8": (pa.array([255, 0, 1, None], pa.uint8()), {}),
    "uint32": (pa.array([2**32 - 1, 0, 1, None], pa.uint32()), {}),
    "uint64": (pa.array([2**64 - 1, 0, 1, None], pa.uint64()), {"data_page_version": "2.0"}),
    "decimals": (pa.array(DECIMALS, pa.decimal128(30, 2)), {}),
    "small_decimals": (pa.array(DECIMALS, pa.decimal128(5, 2)), {"store_decimal_as_integer": True}),
    "strings": (pa.array(["01", "1", "1.0", "+1"], pa.large_string()), {}),
    "categories": (pa.array(["x", "y", None, "x"]).dictionary_encode(), {}),
    "nothing": (pa.array([None] * 4, pa.null()), {}),
    "delta": (pa.array([3, 1, 2, 3], pa.int64()), {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY", "label": "DELTA_BINARY_PACKED"}}),
    "delta_lengths": (pa.array(["a", "b", "a", "c"]), {"use_dictionary": False, "column_encoding": "DELTA_LENGTH_BYTE_ARRAY"}),
    "delta_v2": (pa.array(["ab", "ab", "abc", None]), {"use_dictionary": False, "column_encoding": "DELTA_BYTE_ARRAY", "data_page_version": "2.0"}),
}
# Labels that are none, or that are not one value a row.
NO_LABELS = {
    "infinite": pa.array([1.0, 0.0, float("inf"), 1.0]),
    "lists": pa.array([[1], [0], [], None], pa.list_(pa.int64())),
    "structures": pa.array([{"a": 1}, {"a": 0}, {"a": 1}, None]),
    "times": pa.array([0, 1, 2, 3], pa.timestamp("ns")),
    "dates": pa.array([0, 1, 2, 3], pa.date32()),
}
TEXTS = ["a fine film", "a fine book", "", "zwölf"]


def as_label(value: object) -> str | None:
    """The class that crates/task gives a value: whole numbers without a fraction, missing ones none."""
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | decimal.Decimal) and value == int(value):
        return str(int(value))
    return str(value.normalize() if isinstance(value, decimal.Decimal) else value)


def write_parquet() -> list:
    directory = OUT.parent / "tables"
    directory.mkdir(exist_ok=True)
    cases = []
    for name, (labels, settings) in PARQUET.items():
        table = pa.table({"text": pa.array(TEXTS), "label": labels})
        pq.write_table(table, directory / f"{name}.parquet", store_schema=False, **settings)
        read = pq.read_table(directory / f"{name}.parquet").column("label").to_pylist()
        if name == "floats32":
            read = [None if value is None else float(f"{value:.7g}") for value in read]
        cases.append({"name": name, "labels": [as_label(value) for value in read]})
    for name, labels in NO_LABELS.items():
        table = pa.table({"text": pa.array(TEXTS), "label": labels})
        pq.write_table(table, directory / f"{name}.parquet", store_schema=False)
        cases.append({"name": name, "labels": None})
    return cases


def rows_of_csv(text: str, separator: str = ",") -> list | None:
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True) if row]
    except csv.Error:
        return None
    return rows[1:]


def rows_of_pandas(text: str, **settings) -> list | None:
    try:
        frame = pd.read_csv(io.StringIO(text, newline=""), dtype=str, keep_default_na=False, **settings)
    except (pd.errors.ParserError, ValueError):
        return None
    return frame.values.tolist()


def distinct_labels(text: str) -> int | None:
    """Labels that Python tells apart on the lines, which all are objects; a boolean is no number here."""
    try:
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        labels = [row["label"] for row in rows]
    except (ValueError, TypeError, RecursionError):
        return None
    return len({(isinstance(label, str), isinstance(label, bool), label) for label in labels})


def main() -> None:
    cases = []
    for name, text in CSV.items():
        cases.append({"name": name, "file": "x.csv", "content": text, "strict": rows_of_csv(text), "pandas": rows_of_pandas(text)})
    for name, (texts, settings) in WRITTEN.items():
        labels = ["good" if i % 2 else "bad" for i in range(len(texts))]
        ending = "tsv" if settings.get("sep") == "\t" else "csv"
        content = pd.DataFrame({"text": texts, "label": labels}).to_csv(index=False, **settings)
        rows = [list(row) for row in zip(texts, labels, strict=True)]
        cases.append({"name": name, "file": f"x.{ending}", "content": content, "strict": rows, "pandas": rows})
    for name, text in JSON_LINES.items():
        cases.append({"name": name, "file": "x.jsonl", "content": text, "distinct_labels": distinct_labels(text)})
    lines = ",\n".join(json.dumps(case) for case in cases)
    files = ",\n".join(json.dumps(case) for case in write_parquet())
    versions = f'"pandas": "{pd.__version__}", "pyarrow": "{pa.__version__}"'
    OUT.write_text(f'{{{versions}, "cases": [\n{lines}\n], "parquet": [\n{files}\n]}}\n')
    print(f"{len(cases)} cases in {OUT}")


if __name__ == "__main__":
    main()
