#!/usr/bin/env bash
# The service "prepare" of compose.yaml: before anything else starts it makes the passwords, each once, and hands each
# service what it needs, in a volume that only this service sees. Passwords are written to files and nowhere else.
set -euo pipefail
umask 077

# As pgAdmin's image has it.
pgadmin=5050:0
uid=$DROPFOLD_UID gid=$DROPFOLD_GID
user=$uid:$gid
if ! [[ $user =~ ^[0-9]+:[0-9]+$ ]]; then
    echo "prepare: DROPFOLD_UID and DROPFOLD_GID are numbers, not \"$uid\" and \"$gid\"" >&2
    exit 1
fi

# may UID GID TEST PATH: whether that user, without any capability, passes that test.
may() {
    setpriv --reuid "$1" --regid "$2" --clear-groups --inh-caps=-all --bounding-set=-all test "$3" "$4"
}

# Wrong rights are told now, by name, and not later by a service that cannot start.
for folder in /data /data/*/; do
    if ! may "$uid" "$gid" -w "$folder"; then
        IFS=: read -r owner group < <(stat -c %u:%g "$folder")
        echo "prepare: user $uid may not write .${folder%/}, which belongs to user $owner. Start as its owner:" >&2
        echo "    DROPFOLD_UID=$owner DROPFOLD_GID=$group docker compose up --build" >&2
        exit 1
    fi
done
if ! { may "$uid" "$gid" -r /schemas && may "$(id -u postgres)" "$(id -g postgres)" -r /compose/roles.sh &&
    may "${pgadmin%:*}" "${pgadmin#*:}" -r /compose/servers.json; }; then
    echo "prepare: schemas/ and scripts/compose/ must be readable for the containers' users:" >&2
    echo "    chmod -R go+rX schemas scripts" >&2
    exit 1
fi

# install_file OWNER PATH: standard input becomes that file, whole or not at all.
install_file() {
    cat >"$2.new"
    chown "$1" "$2.new"
    chmod 600 "$2.new"
    mv "$2.new" "$2"
}
make_password() {
    if [ ! -s "/secrets/db/$1" ]; then
        od -An -v -tx1 -N24 /dev/urandom | tr -d ' \n' | install_file postgres:postgres "/secrets/db/$1"
    fi
}
# Lines of a passfile for these roles.
passfile() {
    local role
    for role in "$@"; do
        printf 'db:5432:*:%s:%s\n' "$role" "$(<"/secrets/db/$role")"
    done
}

for role in postgres dropfold_owner dropfold reader; do
    make_password "$role"
done
passfile dropfold_owner | install_file "$user" /secrets/init/passfile
passfile dropfold | install_file "$user" /secrets/dropfold/passfile
passfile dropfold_owner reader | install_file "$pgadmin" /secrets/pgadmin/passfile
# pgAdmin insists on a password for its account, even where nobody is asked for it.
od -An -v -tx1 -N24 /dev/urandom | tr -d ' \n' | install_file "$pgadmin" /secrets/pgadmin/account

chown postgres:postgres /secrets/db
chown "$user" /secrets/init /secrets/dropfold
chown "$pgadmin" /secrets/pgadmin
chown -R "$user" /checkpoints
chmod 700 /secrets/*
