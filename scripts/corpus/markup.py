"""Paragraphs of documents in the markup languages that manuals are written in. Every reader takes (path, bytes) of files and yields for each file its
paragraphs, code, tables and legal notes left out as far as the markup tells them."""

import html
import re

DROPPED = re.compile(
    r"<!--.*?-->|<(script|style|pre|head|nav|footer|svg|math|programlisting|screen|synopsis|literallayout|info|bookinfo|articleinfo|legalnotice"
    r"|revhistory|authorgroup|code-block)\b[^>]*>.*?</\1\s*>",
    re.S | re.I,
)
BLOCK = re.compile(
    r"</?(?:p|li|td|th|tr|div|h[1-6]|title|para|simpara|listitem|term|item|dd|dt|dl|note|section|sect[1-4]|chapter|blockquote|ul|ol|steps|list|table|entry"
    r"|row|caption|article|body|varlistentry|itemizedlist|warning|tip|subtitle|hr|tbody|figure|desc)\b[^>]*>",
    re.I,
)
TAG = re.compile(r"<[^>]+>")
ENTITY = re.compile(r"&(\w+);")
DOCTYPE = re.compile(r"<!DOCTYPE.*?(?:\]\s*>|>)", re.S)


def tagged(files):
    """HTML, DocBook and Mallard: what stands between tags that begin or end a block."""
    for _, data in files:
        text = DOCTYPE.sub(" ", data.decode("utf-8", "replace"), count=1)
        text = DROPPED.sub("\n", text)
        text = re.sub(r"\s+", " ", text)
        text = TAG.sub("", BLOCK.sub("\n", text))
        yield ENTITY.sub(r"\1", html.unescape(text)).split("\n")


ROLE = re.compile(r":[\w:+.-]+:`~?([^`<]+?)(?:\s*<[^`>]*>)?`")
LINK = re.compile(r"`([^`<]+?)\s*<[^`>]*>`_+")
MARKS = re.compile(r"\*\*?([^*\n]+)\*\*?|``?([^`\n]+)``?_?|\|([^|\n]+)\|")
UNDERLINE = re.compile(r"^[=\-~^\"'#*+.:<>_]{3,}$")


def restructured(files):
    """reStructuredText; literal blocks, directives and tables are left out."""
    for _, data in files:
        yield list(restructured_paragraphs(data.decode("utf-8", "replace")))


def restructured_paragraphs(text):
    text = LINK.sub(r"\1", ROLE.sub(r"\1", text))
    skipped = None  # Blocks indented deeper than this belong to a directive or are literal.
    for block in re.split(r"\n\s*\n", text):
        rows = block.split("\n")
        indent = min((len(row) - len(row.lstrip()) for row in rows if row.strip()), default=0)
        if skipped is not None and indent > skipped:
            continue
        skipped = None
        first = block.strip()
        if first.startswith(".. ") or first == "..":
            skipped = indent
            continue
        if first.endswith("::"):
            skipped = indent
        if any(UNDERLINE.match(row.strip()) for row in rows) or first.startswith((":", "+-", "|", ">>>")):
            continue
        for part in re.split(r"\n\s*(?=[-*•] |\d+\. |#\. )", block):
            part = MARKS.sub(lambda found: next(group for group in found.groups() if group), part)
            yield part.replace("::", ":")


ESCAPE = re.compile(r"\\f(?:\[\w*\]|\(\w\w|.)|\\s[-+]?\d|\\[&|^/,)]|\\c$")
SPECIAL = {r"\-": "-", r"\(aq": "'", r"\(dq": '"', r"\(lq": '"', r"\(rq": '"', r"\e": "\\", r"\ ": " ", r"\(bu": "", r"\(em": " - ", r"\~": " ", r"\(co": "", r"\'": "'"}
BREAKING = (".SH", ".SS", ".TP", ".PP", ".P", ".LP", ".IP", ".HP", ".RS", ".RE", ".sp", ".br", ".TQ", ".TH")


def manual_pages(files):
    """man(7) source."""
    for _, data in files:
        paragraphs, current, verbatim = [], [], False
        for row in data.decode("utf-8", "replace").split("\n"):
            macro = row.split(" ", 1)[0]
            if macro in (".nf", ".EX"):
                verbatim = True
            elif macro in (".fi", ".EE"):
                verbatim = False
            elif verbatim or row.startswith((".\\\"", "'\\\"")):
                continue
            elif macro in BREAKING or not row.strip():
                paragraphs.append(" ".join(current))
                current = []
            elif macro in (".B", ".I", ".SM", ".SB"):
                current.append(plain_row(row.removeprefix(macro)).replace('"', ""))
            elif macro in (".BR", ".IR", ".RB", ".RI", ".BI", ".IB"):
                parts = re.findall(r'"([^"]*)"|(\S+)', plain_row(row.removeprefix(macro)))
                current.append("".join(quoted or word for quoted, word in parts))
            elif not row.startswith((".", "'")):
                current.append(plain_row(row))
        yield [*paragraphs, " ".join(current)]


def plain_row(row):
    row = ESCAPE.sub("", row)
    for escape, plain in SPECIAL.items():
        row = row.replace(escape, plain)
    return row


POD_CODE = re.compile(r"[A-Z]<+\s?([^<>]*?)\s?>+")


def pod(files):
    """Perl's documentation: indented paragraphs are code, those behind `=` commands."""
    for _, data in files:
        paragraphs = re.split(r"\n\s*\n", data.decode("utf-8", "replace"))
        kept = [paragraph for paragraph in paragraphs if paragraph[:1] not in (" ", "\t", "=", "")]
        yield [POD_CODE.sub(lambda found: found[1].split("|")[0], POD_CODE.sub(r"\1", paragraph)) for paragraph in kept]


def plain(files):
    """Text with empty lines between paragraphs."""
    for _, data in files:
        yield re.split(r"\n\s*\n", data.decode("utf-8", "replace"))
