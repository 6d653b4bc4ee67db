"""What counts as plain English prose, and which text was there before."""

import hashlib
import re

# The words that make a line English: a line of eight words without them is a table, a list of names, or another language.
COMMON = frozenset(
    """a about after all also an and any are as at be because been but by can could did do does for from had has have he her his how i if in into is
    it its may more most must my no not of on once one only or other our out over same she should so some such than that the their them then there
    these they this those to under until up use used very was we were what when where which while who will with without would you your""".split()
)
# Longer paragraphs are lists or whole pages without markup.
MOST_WORDS = 300

SPACES = re.compile(r"\s+")
# Code, paths, options, addresses, formulas.
ODD = re.compile(r"[_/\\<>=|{}~^$#@*+\[\]%`]|\w\(|::|^-+\w|[a-z][A-Z]|\w\.\w\w|\d[a-z]|[^\x00-\u024f\u2013-\u201d\u2026\u20ac]")
SENTENCE_END = re.compile(r"(?<=[a-z)\"’”'][.!?])[\"”’']?\s+(?=[\"“‘']?[A-Z])")
WORD = re.compile(r"[a-z]+")
BULLET = re.compile(r"^(?:[-*•·–+o#]|\(?\d{1,2}[.)]|\(?[a-z]\))\s+")
NOT_WORDS = re.compile(r"[^a-z0-9]+")


def tidy(text):
    """One line, plain quotation marks, no bullet in front."""
    text = text.replace("\u00ad", "").replace("\u200b", "").replace("\ufeff", "")
    text = text.replace("’", "'").replace("‘", "'").replace("“", '"').replace("”", '"').replace("…", "...")
    text = BULLET.sub("", SPACES.sub(" ", text).strip())
    return re.sub(r"\s+([,.;:!?)])", r"\1", text).strip()


def is_prose(text, least_words=4):
    """Whether a line is mostly words of English."""
    words = text.split()
    if not least_words <= len(words) <= MOST_WORDS:
        return False
    if not (text[0].isalnum() or text[0] in "\"'("):
        return False
    letters = sum(c.isalpha() or c == " " for c in text)
    if letters < 0.88 * len(text):
        return False
    odd = sum(1 for word in words if ODD.search(word))
    if odd > 0.08 * len(words):
        return False
    if len(words) < 8:
        return odd == 0
    common = sum(1 for word in words if word.strip(".,;:!?\"'()").lower() in COMMON)
    return common >= 0.2 * len(words)


def lines(paragraph, least_words=4):
    """The paragraph as one line where all of it is prose, otherwise the sentences of it that are."""
    text = tidy(paragraph)
    if not text:
        return []
    if is_prose(text, least_words):
        return [text]
    sentences = SENTENCE_END.split(text)
    if len(sentences) == 1:
        return []
    return [sentence for sentence in sentences if is_prose(sentence, 5)]


def first_sentences(text, most_words=32):
    """The beginning of a text, to the last sentence end within so many words."""
    kept, count = [], 0
    for sentence in SENTENCE_END.split(text):
        count += len(sentence.split())
        if kept and count > most_words:
            break
        kept.append(sentence)
    return " ".join(kept)


class Distinct:
    """Remembers texts by their letters and digits."""

    def __init__(self):
        self.seen = set()

    def is_new(self, text):
        normal = NOT_WORDS.sub(" ", text.lower()).strip()
        digest = hashlib.blake2b(normal.encode(), digest_size=8).digest()
        if digest in self.seen:
            return False
        self.seen.add(digest)
        return True
