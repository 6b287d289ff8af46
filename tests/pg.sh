#!/bin/sh
# A private PostgreSQL for tests, from the installed packages: no network, its own folder, never as root.
#
#   tests/pg.sh start FOLDER             makes FOLDER and a cluster in it when missing, starts it, prints its conninfo
#   tests/pg.sh stop FOLDER [MODE]       MODE as of pg_ctl: fast (default), immediate, smart
#   tests/pg.sh remove FOLDER            stops it at once and removes FOLDER
#   tests/pg.sh bin                      prints where the server's programs are; Debian's /usr/bin/psql is a script in
#                                        Perl before the one there, and takes five times as long to start
#
# Exits with 77 when PostgreSQL is not installed. The superuser is dropfold and needs no password; the role scram does.
# FOLDER is absolute; sockets have short names, so it should be at most 80 bytes long.
set -eu

usage() {
    echo "usage: $0 start|stop|remove FOLDER [MODE], or bin" >&2
    exit 64
}

[ $# -ge 2 ] || [ "${1-}" = bin ] || usage
action=$1 folder=${2-} mode=${3:-fast}

bin=
for candidate in /usr/lib/postgresql/*/bin /usr/local/pgsql/bin; do
    if [ -x "$candidate/initdb" ]; then bin=$candidate; fi
done
if [ -z "$bin" ]; then
    echo "$0: PostgreSQL is not installed" >&2
    exit 77
fi

# initdb and postgres refuse to run as root.
unprivileged() {
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && runuser -u postgres -- "$@")
    else
        (cd / && "$@")
    fi
}

make_cluster() {
    mkdir -p "$folder"
    if [ "$(id -u)" -eq 0 ]; then chown postgres "$folder"; fi
    chmod 755 "$folder"
    unprivileged "$bin/initdb" --no-sync -D "$folder/data" -U dropfold -A trust -E UTF8 --locale=C >"$folder/initdb.log" 2>&1 ||
        { cat "$folder/initdb.log" >&2; exit 1; }
    # A stop at once loses nothing that the kernel has, so tests need no fsync.
    unprivileged tee -a "$folder/data/postgresql.conf" >/dev/null <<END
listen_addresses = ''
unix_socket_directories = '$folder'
fsync = off
max_connections = 30
log_min_messages = warning
END
    unprivileged tee "$folder/data/pg_hba.conf" >/dev/null <<END
local all scram scram-sha-256
local all all trust
END
}

case $action in
bin)
    echo "$bin"
    ;;
start)
    if [ ! -d "$folder/data" ]; then make_cluster; fi
    unprivileged "$bin/pg_ctl" -D "$folder/data" -w -t 60 -l "$folder/data/server.log" start >/dev/null ||
        { cat "$folder/data/server.log" >&2; exit 1; }
    echo "host=$folder user=dropfold dbname=postgres"
    ;;
stop)
    unprivileged "$bin/pg_ctl" -D "$folder/data" -w -t 60 -m "$mode" stop >/dev/null
    ;;
remove)
    unprivileged "$bin/pg_ctl" -D "$folder/data" -w -t 60 -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$folder"
    ;;
*)
    usage
    ;;
esac
