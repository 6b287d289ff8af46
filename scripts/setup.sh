#!/usr/bin/env bash
# Installs what is missing of the Debian packages that building needs; with further words also what they need:
#
#   scripts/setup.sh                to build
#   scripts/setup.sh demo           and to run the demo
#   scripts/setup.sh postgres       and to start private PostgreSQL servers
#   scripts/setup.sh fuzz           and to fuzz
#   scripts/setup.sh tests          and to run every test (demo, postgres and fuzz included)
#
# Says what it installs; does nothing, at once, when all is there. Asks no questions.
set -euo pipefail

packages=(cmake ninja-build gcc libc6-dev pkg-config libuv1-dev libcsv-dev libcjson-dev libpq-dev libsqlite3-dev
    libssl-dev libpcre2-dev libxxhash-dev zlib1g-dev libzstd-dev)
# clang with its fuzzer and sanitizers, llvm for names in their reports, dpkg-dev to unpack sources: 46 MB to fetch.
fuzz=(python3 clang libclang-rt-dev llvm dpkg-dev)
for word in "$@"; do
    case $word in
    demo) packages+=(python3 sqlite3) ;;
    postgres) packages+=(postgresql) ;;
    fuzz) packages+=("${fuzz[@]}") ;;
    tests) packages+=(python3 sqlite3 postgresql libcmocka-dev strace tzdata valgrind xfsprogs e2fsprogs "${fuzz[@]}") ;;
    *)
        echo "setup.sh: unknown word \"$word\", expected demo, postgres, fuzz or tests" >&2
        exit 64
        ;;
    esac
done

installed() {
    dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

missing=()
if ! command -v dpkg-query >/dev/null; then
    echo "setup.sh: no Debian packages here; these must be there by other means: ${packages[*]}" >&2
    exit 0
fi
for package in "${packages[@]}"; do
    installed "$package" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "setup.sh: needs root or sudo to install: ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

# The server's package makes and starts a cluster of its own on first installation; the tests start private ones and want
# none on the machine. A drop-in says so while packages are installed. Clusters that exist are not touched.
drop_in=/etc/postgresql-common/createcluster.d/dropfold-setup.conf
guard() {
    case " ${missing[*]} " in
    *" postgresql "*)
        "${as_root[@]}" mkdir -p "${drop_in%/*}"
        echo 'create_main_cluster = false' | "${as_root[@]}" tee "$drop_in" >/dev/null
        ;;
    esac
}
unguard() {
    if [ -e "$drop_in" ]; then
        "${as_root[@]}" rm -f "$drop_in"
    fi
}

apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 \
        "$@" </dev/null
}

echo "setup.sh: installs ${missing[*]}" >&2
trap unguard EXIT
guard
log=$(mktemp)
if ! { apt update && apt install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    echo "setup.sh: apt-get could not install ${missing[*]}" >&2
    exit 1
fi
rm -f "$log"
