#!/usr/bin/env bash
# Shows the main job from nothing: installs what is missing, builds, makes a sample of three feeds, drops its files,
# runs, and prints what came out. Everything it writes is below build/demo, made anew each time.
#
#   scripts/demo.sh                into the embedded SQLite
#   scripts/demo.sh --postgres     into a private PostgreSQL, stopped again at the end
#   scripts/demo.sh --crash        kills it half way, starts it again, and compares with a run nobody disturbed
set -euo pipefail

usage() {
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
}

postgres=false crash=false
for option in "$@"; do
    case $option in
    --postgres) postgres=true ;;
    --crash) crash=true ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 64
        ;;
    esac
done

cd "$(dirname "$0")/.."
bold='' dim='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then
    bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
fi
title() {
    printf '\n%s%s%s\n' "$bold" "$1" "$plain"
}
# Shows a command, then runs it.
try() {
    printf '%s$ %s%s\n' "$dim" "$*" "$plain"
    "$@"
}

# Settings of the user's shell belong to their own pipeline, not to the demo.
for name in $(compgen -e); do
    case $name in DROPFOLD_* | PG*) unset "$name" ;; esac
done

title 'Set-up'
words=(demo)
if $postgres; then words+=(postgres); fi
scripts/setup.sh "${words[@]}"
echo 'demo.sh: builds build/dropfold'
scripts/build.sh release
try build/dropfold --version

demo=build/demo
rm -rf "$demo"
mkdir -p "$demo"
server='' victim=''
cleanup() {
    if [ -n "$victim" ]; then kill -9 "$victim" 2>/dev/null || true; fi
    if [ -n "$server" ]; then tests/pg.sh remove "$server"; fi
}
trap cleanup EXIT
if $postgres; then
    server=$(mktemp -d /tmp/dropfold-demo.XXXXXX)
    tests/pg.sh start "$server" >/dev/null
    export PGHOST=$server PGUSER=dropfold
fi

# A place is a set of landing folders with a checkpoint store and a target of its own; `use NAME` makes and chooses one.
use() {
    place=$demo/$1
    mkdir -p "$place"/data/{Customers,Deliveries,Orders} "$place/checkpoints"
    export DROPFOLD_DATA=$place/data DROPFOLD_CHECKPOINTS=$place/checkpoints
    if $postgres; then
        export PGDATABASE=$1
        PGDATABASE=postgres psql -X -q -c "CREATE DATABASE \"$1\""
    fi
}
query() {
    if $postgres; then
        psql -X -q -c "$1"
    else
        sqlite3 -header -column "$place/data/results/ecommerce.db" "$1"
    fi
}
# The whole table as text, to be compared; but for its lists of files, which name changes: those came in another order.
all_rows() {
    local select='SELECT customer_id, currency, window_start, order_count, completed_count, cancelled_count, total_amount,
        completed_amount, cancelled_amount, open_amount, average_amount, highest_amount, lowest_amount, total_quantity,
        average_quantity, total_distance_m, average_distance_m, distinct_products
        FROM customer_windows ORDER BY customer_id, currency, window_start'
    if $postgres; then
        psql -X -q -At -c "$select"
    else
        sqlite3 "$place/data/results/ecommerce.db" "$select"
    fi
}
# As a careful producer does it: copy under a name that is not looked at, then rename.
drop() {
    local feed file
    for feed in Customers Deliveries Orders; do
        for file in "$1/$feed"/*; do
            cp -p "$file" "$place/data/$feed/.${file##*/}.part"
            mv "$place/data/$feed/.${file##*/}.part" "$place/data/$feed/${file##*/}"
        done
    done
}
waiting() {
    find "$place"/data/{Customers,Deliveries,Orders} -name '[!.]*' -type f 2>/dev/null | wc -l
}

reported() {
    grep -c '^applied ' "$demo/killed.txt" || true
}

show_main_job() {
    title 'A sample: two markets, two versions of each descriptor, a few bad rows'
    try scripts/sample.py --out "$demo/incoming" --orders 600 --files 4
    use shop
    drop "$demo/incoming"

    title 'One run over what was dropped'
    try build/dropfold run --once

    title 'The table "ecommerce", its first rows'
    query 'SELECT "Customer_ID", "Order_Count" AS orders, "Total_Order_Amount" AS amount,
           "Total_Quantity_Ordered" AS pieces, "Total_Delivery_Distance" AS metres, "Distict_Products" AS products,
           start_timestamp AS "window" FROM ecommerce ORDER BY "Customer_ID", start_timestamp LIMIT 8'

    title 'What customers ordered over all windows, per currency'
    query 'SELECT currency, count(*) AS customers, sum(order_count) AS orders, sum(total_amount) AS amount
           FROM customer_lifetime GROUP BY currency ORDER BY currency'

    title 'The ledger of files and rows'
    try build/dropfold status

    title 'The rows that were rejected'
    try build/dropfold rejects
}

show_crash() {
    title 'A load of 180 files'
    try scripts/sample.py --out "$demo/load" --orders 9000 --files 60

    title 'Undisturbed'
    use undisturbed
    drop "$demo/load"
    build/dropfold run --once | tail -n 3
    all_rows >"$demo/undisturbed.txt"

    title 'Killed half way (kill -9) while files come, then started again'
    use shop
    build/dropfold run >"$demo/killed.txt" 2>&1 &
    victim=$!
    drop "$demo/load" &
    producer=$!
    while kill -0 "$victim" 2>/dev/null && [ "$(reported)" -lt 90 ]; do sleep 0.01; done
    kill -9 "$victim" 2>/dev/null || true
    wait "$victim" 2>/dev/null || true
    victim=
    echo "killed when $(reported) of 180 files were reported; the others go on coming"
    wait "$producer"
    echo "$(waiting) lie there when it is started again"
    build/dropfold run --once | tail -n 3
    all_rows >"$demo/killed-rows.txt"

    title 'Totals of both'
    for place in "$demo/undisturbed" "$demo/shop"; do
        if $postgres; then export PGDATABASE=${place##*/}; fi
        echo "${place##*/}:"
        query 'SELECT currency, count(*) AS groups, sum(order_count) AS orders, sum(total_amount) AS amount
               FROM customer_windows GROUP BY currency ORDER BY currency'
    done
    if cmp "$demo/undisturbed.txt" "$demo/killed-rows.txt"; then
        echo "Equal, to the last digit of all $(wc -l <"$demo/undisturbed.txt") rows."
    else
        echo 'The two differ: that is a bug.' >&2
        exit 1
    fi
}

if $crash; then show_crash; else show_main_job; fi

title 'What to try next'
cat <<END
  export DROPFOLD_DATA=$demo/shop/data DROPFOLD_CHECKPOINTS=$demo/shop/checkpoints
  build/dropfold run                                 # watches; drop a file into $demo/shop/data/Orders and look
  build/dropfold unmatched                           # orders that wait for a delivery or a customer
  build/dropfold check FILE Orders                   # what would become of a file of yours
  build/dropfold -t 'host=localhost dbname=mine' run # your own PostgreSQL; PGPASSWORD or ~/.pgpass for a password
  scripts/demo.sh --postgres, scripts/demo.sh --crash
  docs/descriptors.md                                # how to describe feeds and tables of your own
END
