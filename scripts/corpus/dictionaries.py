"""Dictionaries: entries as documents of glosses and example sentences, and as texts with the class that the dictionary itself gives them.

Every reader of documents takes (path, bytes) of files and yields lists of paragraphs; every reader of labelled texts yields (label, text). A label may
have a group before a slash: classes of one group stand against each other."""

import re
from collections import Counter, defaultdict

# Lexicographer files of WordNet by number (lexnames(5WN)): part of speech and class.
LEXICOGRAPHER = """adj/all adj/pert adv/all noun/Tops noun/act noun/animal noun/artifact noun/attribute noun/body noun/cognition noun/communication
noun/event noun/feeling noun/food noun/group noun/location noun/motive noun/object noun/person noun/phenomenon noun/plant noun/possession noun/process
noun/quantity noun/relation noun/shape noun/state noun/substance noun/time verb/body verb/change verb/cognition verb/communication verb/competition
verb/consumption verb/contact verb/creation verb/emotion verb/motion verb/perception verb/possession verb/social verb/stative verb/weather
adj/ppl""".split()
# Entries a document: so many that packing into sequences loses little, so few that every hundredth document is a fair sample.
ENTRIES = 100


def in_documents(paragraphs):
    document = []
    for paragraph in paragraphs:
        document.append(paragraph)
        if len(document) == ENTRIES:
            yield document
            document = []
    yield document


class Synset:
    """One meaning: its words, its class, its pointers to others, its gloss and the sentences that show it."""

    def __init__(self, part, row):
        data, _, gloss = row.partition(" | ")
        fields = data.split()
        self.part = part
        self.offset = fields[0]
        self.lexicographer = LEXICOGRAPHER[int(fields[1])]
        self.head = fields[2] != "s"
        count = int(fields[3], 16)
        self.words = [re.sub(r"\(\w+\)$", "", word).replace("_", " ") for word in fields[4 : 4 + 2 * count : 2]]
        pointers = fields[5 + 2 * count :]
        self.pointers = [(pointers[at], pointers[at + 2], pointers[at + 1]) for at in range(0, 4 * int(fields[4 + 2 * count]), 4)]
        pieces = re.split(r';\s*(?=")|(?<=")\s*;?\s*(?=")', gloss.strip())
        self.gloss = pieces[0].strip().rstrip(";")
        self.examples = [piece.strip(' ";') for piece in pieces[1:] if piece.strip(' ";')]

    def pointed(self, symbol):
        """Synsets that a pointer leads to, as (part of speech, offset)."""
        return [(part, offset) for found, part, offset in self.pointers if found == symbol]


def synsets(files):
    """Every synset of WordNet by (part of speech, offset)."""
    found = {}
    for path, data in files:
        part = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}[path.rsplit(".", 1)[1]]
        for row in data.decode("latin-1").split("\n"):
            if row[:1].isdigit():
                synset = Synset(part, row)
                found[part, synset.offset] = synset
    return found


def sentence(text):
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."


def wordnet(files):
    """Words with their gloss, and the examples, class by class."""
    by_class = defaultdict(list)
    for synset in synsets(files).values():
        by_class[synset.lexicographer].append(sentence(f"{', '.join(synset.words[:4])}: {synset.gloss}"))
        by_class[synset.lexicographer].extend(sentence(example) for example in synset.examples if len(example.split()) > 3)
    for paragraphs in by_class.values():
        yield from in_documents(paragraphs)


def wordnet_classes(files):
    """Glosses and examples by lexicographer file: noun/food, verb/possession."""
    for synset in synsets(files).values():
        group, label = synset.lexicographer.split("/")
        if group in ("noun", "verb") and label != "Tops":
            yield f"{group}/{label}", synset.gloss
            for example in synset.examples:
                yield f"{group}/{label}", example


def wordnet_kinds(files):
    """Glosses and examples by what they are a kind of, two steps down, beside the other kinds of the same thing."""
    found = synsets(files)
    below = defaultdict(list)
    for key, synset in found.items():
        for above in synset.pointed("@"):
            below[above].append(key)
    for key, synset in found.items():
        above = synset.pointed("@")
        group = found[above[0]].words[0] if above and above[0] in found else "all"
        own = [kind for child in below[key] for kind in [child, *below[child]]]
        texts = [text for kind in own for text in [found[kind].gloss, *found[kind].examples]]
        if len(texts) >= 16:
            for text in texts[:200]:
                yield f"{group}/{synset.words[0]}", text


def wordnet_opposites(files):
    """Glosses and examples of adjectives near `good` against those near `bad`: each pair of opposites is a group of two classes."""
    found = synsets(files)
    for key, synset in found.items():
        if key[0] != "a" or not synset.head:
            continue
        for opposite in synset.pointed("!")[:1]:
            if opposite not in found or opposite < key:
                continue
            group = f"{synset.words[0]} and {found[opposite].words[0]}"
            for side in (synset, found[opposite]):
                near = [side, *(found[like] for like in side.pointed("&") if like in found)]
                texts = [text for like in near for text in [*like.examples, like.gloss]]
                for text in texts if len(texts) >= 4 else []:
                    yield f"{group}/{side.words[0]}", text


def dictd_entries(files):
    """Entries of a dictionary in dictd's format, in the order of the text."""
    contents = dict(files)
    (index,) = (data for path, data in contents.items() if path.endswith(".index"))
    (text,) = (data for path, data in contents.items() if not path.endswith(".index"))
    digits = {c: at for at, c in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")}

    def number(word):
        value = 0
        for c in word:
            value = 64 * value + digits[c]
        return value

    places = set()
    for row in index.decode("utf-8", "replace").split("\n"):
        fields = row.split("\t")
        if len(fields) == 3 and not fields[0].startswith("00-database"):
            places.add((number(fields[1]), number(fields[2])))
    for at, length in sorted(places):
        yield text[at : at + length].decode("utf-8", "replace")


CROSS_REFERENCE = re.compile(r"\{+\(?([^{}]*?)\)?\}+")


def dictd(files):
    """Whole entries: FOLDOC, the Jargon File."""
    def paragraphs():
        for entry in dictd_entries(files):
            headword, _, body = entry.partition("\n")
            body = CROSS_REFERENCE.sub(r"\1", body)
            body = re.sub(r"<[^<>]*>", "", body)
            blocks = re.split(r"\n\s*\n", body)
            for at, block in enumerate(blocks):
                block = re.sub(r"^\s*(?:/[^/]*/\s*)?(?:\d\.\s*)?(?:(?:n|v|vi|vt|adj|adv|interj|excl)\.\s*)*", "", block.strip())
                yield f"{headword.strip()}: {block}" if at == 0 or (at == 1 and not blocks[0].strip()) else block

    yield from in_documents(paragraphs())


def foldoc_subjects(files):
    """Definitions by FOLDOC's subject: <networking>, <programming>."""
    for entry in dictd_entries(files):
        found = re.search(r"^\s+<([a-z][a-z ]+)(?:,[^<>]*)?>\s(.+?)(?:\n\s*\n|\Z)", entry, re.S | re.M)
        if found:
            yield found[1], re.sub(r"^\s*\([^()]*\)\s*", "", CROSS_REFERENCE.sub(r"\1", found[2]))


SOURCE_NOTE = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]|--[A-Z][\w. ]*(?:\([^)]*\)\.?)?(?=\s|$)")
SENSE = re.compile(r"\n\s+(?:\d+\.|\([a-z]\)|Note:|Syn:|[a-z]\.)\s|\n\s*\n")


def gcide_senses(files):
    """Headword, subject or None, and definition of every sense of the dictionary."""
    for entry in dictd_entries(files):
        headword = re.split(r"\s*\\", entry, maxsplit=1)[0].strip()
        _, _, body = entry.partition("\n")
        for sense in SENSE.split(SOURCE_NOTE.sub("", "\n" + body)):
            text = re.sub(r"\s+", " ", CROSS_REFERENCE.sub(r"\1", sense)).strip()
            subject = re.match(r"\(([A-Z][A-Za-z. &]+)\)\s*", text)
            text = text[subject.end() :] if subject else text
            yield headword, subject and subject[1].strip(". "), text


def gcide(files):
    """Headword and definition, and the quotations below it."""
    def paragraphs():
        for headword, _, text in gcide_senses(files):
            if text:
                yield text if text[0] == '"' or len(text.split()) > 40 else f"{headword}: {text}"

    yield from in_documents(paragraphs())


def gcide_subjects(files):
    """Definitions by subject: Mus., Law, Bot."""
    yield from ((subject, text) for _, subject, text in gcide_senses(files) if subject)


def english_sides(files):
    """German-English pairs of the dictionary Ding: the German side and the English phrase of each."""
    for _, data in files:
        for row in data.decode("utf-8").split("\n"):
            german, bar, english = row.partition(" :: ")
            if bar and not row.startswith("#"):
                yield from zip(german.split(" | "), english.split(" | "))


def plain_phrase(text):
    return re.sub(r"\s+", " ", re.sub(r"\[[^\]]*\]|\{[^}]*\}|<[^>]*>|\([^)]*\)", "", text)).strip()


def ding(files):
    """The English sentences and longer phrases."""
    phrases = (plain_phrase(phrase) for _, english in english_sides(files) for phrase in english.split(";"))
    usable = (p for p in phrases if len(p.split()) >= 4 and not re.search(r"\bs[bt]h?\.", p) and p.count("/") == 0)
    yield from in_documents(sentence(phrase) for phrase in usable)


SUBJECTS = {
    "med": "medicine", "cook": "cooking", "techn": "engineering", "econ": "economy", "fin": "finance", "jur": "law", "adm": "administration",
    "comp": "computing", "electr": "electricity", "constr": "building", "mil": "military", "mus": "music", "sport": "sports", "textil": "textiles",
    "agr": "farming", "auto": "cars", "school": "school", "relig": "religion", "pol": "politics", "bot": "plants", "zool": "animals", "ornith": "birds",
    "phys": "physics", "math": "mathematics", "aviat": "aviation", "naut": "shipping", "photo": "photography", "telco": "telephones", "art": "art",
    "anat": "body", "geogr": "geography", "chem": "chemistry", "psych": "psychology", "transp": "transport", "print": "printing", "rail": "railways",
}


def ding_subjects(files):
    """English phrases by the subject in brackets behind them: [econ.], [comp.]."""
    for german, english in english_sides(files):
        tags = Counter(tag for tag in re.findall(r"\[(\w+)\.?\]", german + english) if tag in SUBJECTS)
        if tags:
            yield SUBJECTS[tags.most_common(1)[0][0]], plain_phrase(english.split(";")[0])
