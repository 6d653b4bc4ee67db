"""Messages that programs show to people: "Your card was declined". From translation catalogues, whose source language is English, and from other lists of texts.

Every reader takes (path, bytes) of files and yields documents, lists of paragraphs; `by_source` yields (label, text), the label being the source file that
a message stands in."""

import gettext
import html
import io
import json
import re

from packages import zip_members

# %(name)s, {name}, {{ name }}, %{name}, <b>: a name is read as a word; what has none makes the message unusable.
NAMED = re.compile(r"%\((\w+)\)[sd]|%?\{+\s*(?:\w+\.)*(\w+)(?:[:|!][^}]*)?\s*\}+|\$\{?(\w{3,})\}?")
NUMBERS = re.compile(r"%(?:\d\$)?l?[diu]\b")
NAMELESS = re.compile(r"%\d?\$?[\w-]|\{\d*\}|\$\d|\[_\d\]|&\w+;")
MARKUP = re.compile(r"<[^<>]*>")
# A key with a mark for the keyboard: "_Open", "&Open".
MNEMONIC = re.compile(r"(?<![A-Za-z])[_&](?=[A-Za-z])|(?<=[A-Za-z])[_&](?=[a-z])")


def message(text):
    """A message as a person reads it; empty where something is missing in it."""
    text = html.unescape(MARKUP.sub(" ", text.replace("\\n", "\n")))
    text = NUMBERS.sub("3", text)
    text = NAMED.sub(lambda found: next(group for group in found.groups() if group).replace("_", " "), text)
    if NAMELESS.search(text):
        return ""
    return MNEMONIC.sub("", text)


def parts(text):
    """The paragraphs of a message."""
    return [part for part in re.split(r"\n\s*\n", message(text)) if part.strip()]


QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


def catalogue(data):
    """(source files, English text) of a .po file."""
    for entry in re.split(r"\n\s*\n", data.decode("utf-8", "replace")):
        if entry.lstrip().startswith("#~"):
            continue
        found = re.search(r'^msgid ((?:"(?:[^"\\]|\\.)*"\s*)+)', entry, re.M)
        text = "".join(QUOTED.findall(found[1])) if found else ""
        if text:
            files = re.findall(r"^#: (.+)$", entry, re.M)
            yield " ".join(files), text.replace('\\"', '"').replace("\\t", " ")


def po(files):
    """A document a catalogue; the translation is not read."""
    for _, data in files:
        yield [part for _, text in catalogue(data) for part in parts(text)]


def by_source(files):
    """Messages by the name of the source file they are from: payment, invoices, views."""
    for path, data in files:
        program = re.sub(r".*/(?:modules/(\w+)/|dist-packages/)?", r"\1", path.split("/locale")[0])
        for sources, text in catalogue(data):
            first = re.split(r"[\s:]", sources)[0]
            stem = re.sub(r"\.\w+$", "", first.rsplit("/", 1)[-1]).replace("_", " ")
            if first and stem:
                for part in parts(text):
                    yield f"{program or 'program'}/{stem}", part


def tryton(files):
    """Messages of Tryton's modules by the name of the module: sale, account invoice, stock package shipping."""
    for path, data in files:
        module = re.search(r"modules/(\w+)/", path)[1].replace("_", " ")
        for _, text in catalogue(data):
            for part in parts(text):
                yield module, part


def mo(files):
    """Compiled catalogues: the keys are the English texts."""
    for _, data in files:
        keys = gettext.GNUTranslations(io.BytesIO(data))._catalog
        texts = sorted({key if isinstance(key, str) else key[0] for key in keys} - {""})
        yield [part for text in texts for part in parts(text.rpartition("\x04")[2])]


def json_values(files):
    """Every text in JSON: MediaWiki's messages."""
    for _, data in files:
        values = [value for value in json.loads(data).values() if isinstance(value, str)]
        values = [re.sub(r"\[\[(?:[^|\]]*\|)?([^\]]*)\]\]|\{\{[^{}]*\}\}|''+", r"\1", value) for value in values]
        yield [part for value in values for part in parts(value)]


def php_arrays(files):
    """$labels['key'] = 'text';"""
    for _, data in files:
        texts = re.findall(r"=>?\s*'((?:[^'\\]|\\.)*)'[;,]", data.decode("utf-8"))
        yield [part for text in texts for part in parts(text.replace("\\'", "'"))]


def language_pack(files):
    """Mozilla's language packs: .ftl (key = text, continued indented) and .properties within an archive."""
    for _, data in files:
        for path, content in zip_members(data, ["*.ftl", "*.properties"]):
            yield [part for _, text in mozilla_texts(path, content) for part in parts(text)]


def language_pack_files(files):
    """The same by the name of the file: preferences, passwordmgr."""
    for _, data in files:
        for path, content in zip_members(data, ["*.ftl", "*.properties"]):
            for _, text in mozilla_texts(path, content):
                for part in parts(text):
                    yield path.rsplit("/", 1)[-1].rsplit(".", 1)[0], part


def mozilla_texts(path, content):
    text = content.decode("utf-8", "replace")
    if path.endswith(".properties"):
        return re.findall(r"^([\w.-]+)\s*=\s*(.+)$", text, re.M)
    text = re.sub(r"\n\s+\[\w+\]|\n\s+\*\[\w+\]|\n\s+\.\w[\w-]*\s*=", "\n\nkey =", text)
    text = re.sub(r"\{\s*-([\w-]+)\s*\}", lambda found: found[1].replace("-", " "), text)
    found = re.findall(r"^([\w-]+)\s*=\s*(.*(?:\n +[^\s.}\[*].*)*)", text, re.M)
    return [(key, re.sub(r"\n\s+", " ", value)) for key, value in found if "->" not in value]
