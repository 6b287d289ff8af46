/* PostgreSQL as a target: the address, and at most one connection that is wanted. */
#include <stdlib.h>
#include <string.h>

#include "target/pg_address.h"
#include "target/pg_compare.h"
#include "target/pg_conn.h"
#include "target/pg_delivery.h"
#include "target/pg_open.h"

struct settings {
    char *address;
    struct pg_conn *conn; /* NULL while closed */
    unsigned workers;     /* threads that connect, or still do for a connection that was dropped */
};

static bool init(struct target *target, const char *address, struct error *error)
{
    if (!pg_address_check(address, target->name, sizeof target->name, error))
        return false;
    struct settings *settings = calloc(1, sizeof *settings);
    char *copy = strdup(address);
    if (!settings || !copy) {
        free(settings);
        free(copy);
        return error_memory(error);
    }
    settings->address = copy;
    target->data = settings;
    return true;
}

static void open_pg(struct target *target)
{
    struct settings *settings = target->data;
    pg_conn_start(&settings->conn, target, settings->address, &settings->workers, pg_open_start);
}

static struct pg_conn *connection(const struct target *target)
{
    const struct settings *settings = target->data;
    return settings->conn;
}

static void begin(struct target *target)
{
    (target->delivery->compare ? pg_compare_begin : pg_delivery_begin)(connection(target));
}

static void write_block(struct target *target, struct block *block)
{
    (target->delivery->compare ? pg_compare_write : pg_delivery_write)(connection(target), block);
}

static void prepare(struct target *target, const struct block *block)
{
    if (!target->delivery->compare)
        pg_delivery_prepare(connection(target), block);
}

static void commit(struct target *target)
{
    pg_delivery_commit(connection(target));
}

static void compare(struct target *target)
{
    pg_compare_table(connection(target));
}

static void read_drift(struct target *target, uint64_t after)
{
    pg_compare_read(connection(target), after);
}

static void mend(struct target *target)
{
    pg_compare_mend(connection(target));
}

static void drop(struct target *target)
{
    struct settings *settings = target->data;
    struct pg_conn *conn = settings->conn;
    settings->conn = NULL;
    if (conn)
        pg_conn_drop(conn);
}

static void free_settings(struct target *target)
{
    struct settings *settings = target->data;
    free(settings->address);
    free(settings);
}

const struct target_backend target_pg = {
    .init = init,
    .open = open_pg,
    .begin = begin,
    .write = write_block,
    .prepare = prepare,
    .commit = commit,
    .compare = compare,
    .read_drift = read_drift,
    .mend = mend,
    .drop = drop,
    .close = free_settings,
};
