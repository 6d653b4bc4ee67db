"""The table of sources: which packages, under which licence, which of their files, and the reader for them."""

from collections.abc import Callable
from dataclasses import dataclass

import dictionaries as d
import listings as l
import markup as m
import messages as s


@dataclass(frozen=True)
class Source:
    """One text file of the corpus. Its reader takes the matching files of all packages, or the store of packages where there are none."""

    name: str
    packages: tuple[str, ...]
    licence: str
    reader: Callable
    files: tuple[str, ...] = ()
    # Glosses and messages are shorter than paragraphs of a manual.
    least_words: int = 4


@dataclass(frozen=True)
class Labelled:
    """One labelled file: lines of `label<TAB>text`."""

    name: str
    source: str
    reader: Callable
    # Another choice of the source's files, where labels need one.
    files: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    least_words: int = 4


WORDNET = ("usr/share/wordnet/data.*",)
DICTD = ("usr/share/dictd/*",)
HELP = ("usr/share/help/C/*.page", "usr/share/help/C/*.docbook", "usr/share/doc/HTML/en/*.docbook")
TRYTON = tuple(
    f"tryton-modules-{name}"
    for name in """account account-asset account-credit-limit account-deposit account-dunning account-dunning-email account-dunning-fee account-dunning-letter
    account-invoice account-invoice-correction account-invoice-defer account-invoice-stock account-payment account-payment-braintree account-payment-clearing
    account-payment-sepa account-payment-stripe account-product account-statement account-statement-rule account-tax-cash attendance bank carrier
    carrier-percentage carrier-weight commission company company-work-time country currency customs marketing marketing-automation
    marketing-email notification-email party party-avatar party-relationship party-siret product product-attribute product-classification product-cost-fifo
    product-kit product-measurements product-price-list production production-outsourcing project project-invoice project-plan project-revenue purchase
    purchase-history purchase-invoice-line-standalone purchase-price-list purchase-request purchase-request-quotation purchase-requisition sale
    sale-advance-payment sale-amendment sale-complaint sale-credit-limit sale-discount sale-extra sale-gift-card sale-history sale-invoice-grouping
    sale-opportunity sale-payment sale-price-list sale-product-customer sale-promotion sale-promotion-coupon sale-shipment-cost sale-shipment-grouping
    sale-shipment-tolerance sale-stock-quantity sale-subscription sale-subscription-asset sale-supply sale-supply-drop-shipment stock stock-assign-manual
    stock-consignment stock-forecast stock-inventory-location stock-location-move stock-location-sequence stock-lot stock-lot-sled stock-lot-unit
    stock-package stock-package-shipping stock-package-shipping-dpd stock-package-shipping-ups stock-product-location stock-quantity-issue
    stock-shipment-cost stock-shipment-measurements stock-split stock-supply stock-supply-day stock-supply-forecast timesheet user-role web-shop web-user""".split()
)
# Applications whose manual stands in the package itself, and their messages.
APPLICATIONS = tuple(
    """akregator brasero-common cheese-common dolphin eog epiphany-browser-data evince-common file-roller gedit-common gnome-boxes gnome-calculator
    gnome-dictionary gnome-mahjongg gnome-system-monitor gnome-terminal-data gwenview juk kaddressbook kaffeine kbibtex-data kbruch kcalc kdenlive-data
    kdiff3-doc kexi-data kgeography-data kgpg khangman kig kleopatra kmail kmouth kmplot knights kompare konsole kontact konversation-data korganizer kpat
    ksudoku ktouch-data kturtle kwalletmanager kwave kwordquiz labplot-data lokalize okular orca parley-data plasma-desktop-data rhythmbox-data seahorse
    shotwell-common simple-scan totem-common""".split()
)

SOURCES = (
    Source("wordnet", ("wordnet-base",), "WordNet 3.0 licence", d.wordnet, WORDNET),
    Source("gcide", ("dict-gcide",), "GPL-2+ (Webster 1913: public domain)", d.gcide, DICTD),
    Source("foldoc", ("dict-foldoc",), "GFDL-1.1+", d.dictd, DICTD),
    Source("jargon", ("dict-jargon", ), "public domain", d.dictd, DICTD),
    Source("ding", ("trans-de-en",), "GPL-2+", d.ding, ("usr/share/trans/de-en",)),
    Source("descriptions", (), "each package's own, all DFSG-free", l.descriptions),
    Source(
        "desktop",
        ("gnome-user-docs", "evolution-common", "khelpcenter", "kmymoney-common", "mate-user-guide", *APPLICATIONS),
        "CC-BY-SA-3.0, GFDL-1.1+, GPL-2+",
        m.tagged,
        HELP,
    ),
    Source(
        "money",
        ("gnucash-docs", "homebank-data", "grisbi-common"),
        "GFDL-1.1+, GPL-2+",
        m.tagged,
        ("usr/share/doc/gnucash-docs/gnucash-*-en/*.html", "usr/share/doc/homebank-data/help/*.html", "usr/share/doc/grisbi/C/*.html"),
    ),
    Source(
        "office",
        ("libreoffice-help-en-us", "gimp-help-en", "claws-mail-doc", "hplip-doc", "freedombox-doc-en", "mutt"),
        "MPL-2.0, GFDL-1.2+, GPL-3+, BSD-3-Clause, CC-BY-SA-3.0, GPL-2+",
        m.tagged,
        (
            "usr/share/libreoffice/help/en-US/text/s[cwid]*.html",
            "usr/share/libreoffice/help/en-US/text/shared/*.html",
            "usr/share/gimp/2.0/help/en/*.html",
            "usr/share/doc/claws-mail/manual/en/*.html",
            "usr/share/doc/hplip-doc/*.html",
            "usr/share/freedombox/manual/en/*.html",
            "usr/share/doc/mutt/html/*.html",
        ),
    ),
    Source(
        "debian",
        (
            "debian-handbook", "debian-reference-en", "harden-doc", "installation-guide-amd64", "aptitude-doc-en", "debian-faq", "maint-guide",
            "developers-reference", "debian-policy", "debian-history",
        ),
        "GPL-2+, CC-BY-SA-3.0",
        m.tagged,
        (
            "usr/share/doc/debian-handbook/html/en-US/*.html", "usr/share/debian-reference/*.en.html", "usr/share/doc/harden-doc/html/en-US/*.html",
            "usr/share/doc/installation-guide-amd64/en/*.html", "usr/share/doc/aptitude/html/en/*.html", "usr/share/doc/debian/FAQ/*.en.html",
            "usr/share/doc/maint-guide/html/*.en.html", "usr/share/developers-reference/*.html", "usr/share/doc/debian-policy/*.html",
            "usr/share/doc/debian-history/docs/*.en.html",
        ),
    ),
    Source(
        "servers",
        ("postgresql-doc-15", "git-doc", "wireshark-doc", "bash-doc", "python-django-doc", "apache2-doc", "sqlite3-doc"),
        "PostgreSQL, GPL-2, GPL-2+, GFDL-1.3+, BSD-3-Clause, Apache-2.0, public domain",
        m.tagged,
        (
            "usr/share/doc/postgresql-doc-15/html/*.html", "usr/share/doc/git-doc/*.html", "usr/share/doc/wireshark/wsug_html_chunked/Ch*.html",
            "usr/share/doc/bash/*.html", "usr/share/doc/python-django-doc/html/[a-z]*.html", "usr/share/doc/apache2-doc/manual/en/*.html",
            "usr/share/doc/sqlite3/*.html",
        ),
    ),
    Source("python", ("python3.11-doc",), "PSF-2.0", m.restructured, ("usr/share/doc/python3.11/html/_sources/*.rst.txt",)),
    Source(
        "linux",
        ("linux-doc-6.1",),
        "GPL-2",
        m.restructured,
        tuple(f"usr/share/doc/linux-doc-6.1/Documentation/{part}/*.rst.gz" for part in ("admin-guide", "process", "doc-guide", "driver-api", "filesystems",
        "core-api", "networking", "maintainer", "scheduler", "mm", "sound", "usb", "security", "userspace-api", "input", "kernel-hacking", "power")),
    ),
    Source("perl", ("perl-doc",), "GPL-1+ or Artistic", m.pod, ("usr/share/perl/5.*/pod/perl*.pod",)),
    Source("man", ("manpages", "manpages-dev"), "GPL-2+, Linux-man-pages-copyleft", m.manual_pages, ("usr/share/man/man*/*.gz",)),
    Source("tryton", TRYTON, "GPL-3+", s.po, ("*/trytond/modules/*/locale/fr.po",)),
    Source("tickets", ("pypi:pretix",), "Apache-2.0 (the folder of translations)", s.po, ("pretix/locale/de/LC_MESSAGES/django*.po",)),
    Source("shop", ("pypi:django-oscar",), "BSD-3-Clause", s.po, ("oscar/locale/de/LC_MESSAGES/django*.po",)),
    Source(
        "helpdesk",
        ("pypi:django-helpdesk", "request-tracker5"),
        "BSD-3-Clause, GPL-2",
        s.po,
        ("helpdesk/locale/de/LC_MESSAGES/django.po", "usr/share/request-tracker5/po/de.po"),
    ),
    Source(
        "programs",
        (
            "gnucash-common", "homebank-data", "grisbi-common", "skrooge-common", "kmymoney-common", "evolution-common", "pidgin-data", "python3-django-allauth",
            "gpodder", "phpmyadmin", "wordpress-l10n", *APPLICATIONS,
        ),
        "GPL-2+, GPL-3+, MIT, LGPL",
        s.mo,
        ("usr/share/locale/de/LC_MESSAGES/*.mo", "usr/lib/python3/dist-packages/allauth/locale/de/LC_MESSAGES/*.mo", "usr/share/phpmyadmin/locale/de/*/*.mo",
         "usr/share/wordpress/wp-content/languages/*de_DE.mo"),
    ),
    Source("wiki", ("mediawiki",), "GPL-2+", s.json_values, ("usr/share/mediawiki/*/i18n/*en.json", "var/lib/mediawiki/*/i18n/*en.json", "usr/share/mediawiki/languages/i18n/en.json")),
    Source("webmail", ("roundcube-core",), "GPL-3+", s.php_arrays, ("*/localization/en_US/labels.inc", "*/localization/en_US/messages.inc")),
    Source("browser", ("firefox-esr-l10n-en-gb", "thunderbird-l10n-en-gb"), "MPL-2.0", s.language_pack, ("*.xpi",)),
    Source("objects", ("cataclysm-dda-data",), "CC-BY-SA-3.0", l.objects, ("usr/share/games/cataclysm-dda/json/*.json",)),
    Source("space", ("endless-sky-data",), "GPL-3+, CC-BY-SA-4.0", l.conversations, ("usr/share/games/endless-sky/data/*.txt",)),
    Source("talk", ("pypi:chatterbot-corpus",), "BSD-3-Clause", l.exchanges, ("chatterbot_corpus/data/english/*.yml",)),
)

LABELLED = (
    Labelled("wordnet-classes", "wordnet", d.wordnet_classes),
    Labelled("wordnet-kinds", "wordnet", d.wordnet_kinds),
    Labelled("wordnet-opposites", "wordnet", d.wordnet_opposites),
    Labelled("foldoc-subjects", "foldoc", d.foldoc_subjects),
    Labelled("gcide-subjects", "gcide", d.gcide_subjects),
    Labelled("ding-subjects", "ding", d.ding_subjects, least_words=2),
    Labelled("package-sections", "descriptions", l.package_sections),
    Labelled("tryton-modules", "tryton", s.tryton),
    Labelled("ticket-messages", "tickets", s.by_source),
    Labelled("shop-messages", "shop", s.by_source),
    Labelled("helpdesk-messages", "helpdesk", s.by_source),
    Labelled("browser-messages", "browser", s.language_pack_files),
    Labelled("object-kinds", "objects", l.object_kinds, files=("usr/share/games/cataclysm-dda/json/items/*.json", "usr/share/games/cataclysm-dda/json/mon*/*.json")),
    Labelled("talk-topics", "talk", l.exchange_topics),
)
