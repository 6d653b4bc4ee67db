"""Lists of things with descriptions: Debian's packages, the objects of games, conversations."""

import json
import re
from collections import defaultdict

from dictionaries import in_documents


def stanzas(text):
    """Fields of every stanza of a Debian list, a field's further lines joined by line breaks."""
    for stanza in text.split("\n\n"):
        fields, name = {}, None
        for row in stanza.split("\n"):
            if row.startswith(" ") and name:
                fields[name] += "\n" + row[1:]
            elif ":" in row:
                name, _, value = row.partition(":")
                fields[name] = value.strip()
        yield fields


def packages(store):
    """(section, name, synopsis, paragraphs) of every package, in the order of sections."""
    sections = {}
    for fields in stanzas(store.list_text("Packages")):
        if "Package" in fields:
            sections[fields["Package"]] = fields.get("Section", "misc")
    described = []
    for fields in stanzas(store.list_text("Translation-en")):
        text = fields.get("Description-en")
        if text and fields["Package"] in sections:
            synopsis, _, long = text.partition("\n")
            described.append((sections[fields["Package"]], fields["Package"], synopsis, re.split(r"\n\.\n|\n(?=\s+[*-] )", long)))
    return sorted(described, key=lambda found: found[:2])


# What says where a package belongs and not what it does.
BOILERPLATE = re.compile(r"^This (?:package|is a|is the) |transitional|dummy package|metapackage|debug(?:ging)? symbols|header files", re.I)


def descriptions(store):
    """The paragraphs of descriptions, section by section."""
    by_section = defaultdict(list)
    for section, _, _, paragraphs in packages(store):
        by_section[section].extend(paragraph for paragraph in paragraphs if not BOILERPLATE.search(paragraph))
    for paragraphs in by_section.values():
        yield from in_documents(paragraphs)


def package_sections(store):
    """Beginnings of descriptions by section, without packages that only build or translate others."""
    for section, _, synopsis, paragraphs in packages(store):
        if section not in ("libdevel", "oldlibs", "debug", "metapackages", "localization", "introspection", "kernel", "libs", "misc", "cli-mono"):
            for text in [synopsis, *paragraphs[:1]]:
                if not BOILERPLATE.search(text):
                    yield section, text


TEXT_KEYS = ("description", "text", "dynamic_line", "info", "message", "snippet", "yes", "no", "lore", "u_you_are", "responses", "topic_text")


def found_texts(value, key=None):
    """Texts for people anywhere in a JSON value."""
    if isinstance(value, str):
        if key in TEXT_KEYS:
            yield value
    elif isinstance(value, list):
        for item in value:
            yield from found_texts(item, key)
    elif isinstance(value, dict):
        for inner, item in value.items():
            yield from found_texts(item, key if inner in ("str", "str_sp", "ctxt") else inner)


def without_tags(text):
    return re.sub(r"<[^<>]*>", "", text).replace("\\n", "\n")


def objects(files):
    """A document a file of Cataclysm's data."""
    for _, data in files:
        yield [part for text in found_texts(json.loads(data)) for part in without_tags(text).split("\n")]


def object_kinds(files):
    """Descriptions of things by the file they stand in: items/comestibles/dairy."""
    for path, data in files:
        for thing in json.loads(data):
            text = thing.get("description") if isinstance(thing, dict) else None
            text = text.get("str") if isinstance(text, dict) else text
            if isinstance(text, str):
                *_, group, stem = path.removesuffix(".json").split("/")
                yield f"{group}/{stem.replace('_', ' ')}", without_tags(text)


def conversations(files):
    """Endless Sky: what is said, and what is described, in backticks; names in angle brackets are read as words."""
    for _, data in files:
        texts = re.findall(r"`([^`]+)`", data.decode("utf-8", "replace"))
        yield [re.sub(r"<([a-z ]+)>", r"\1", text) for text in texts]


def exchanges(files):
    """ChatterBot's corpus: what is asked and what is answered."""
    for _, data in files:
        yield [text for _, text in rows_of_yaml(data)]


def exchange_topics(files):
    """The same by the topic, the name of the file."""
    for path, data in files:
        topic = path.rsplit("/", 1)[-1].removesuffix(".yml")
        yield from ((topic, text) for _, text in rows_of_yaml(data))


def rows_of_yaml(data):
    """`- - question` and `  - answer`."""
    rows = re.findall(r"^(- - |  - )(.+)$", data.decode("utf-8"), re.M)
    return [(mark, text.strip().strip("'\"").replace("''", "'")) for mark, text in rows]
