#include "target/pg_arrays.h"

#include "target/pg_copy.h"
#include "target/pg_query.h"

const struct column *pg_arrays_column(const struct pg_conn *conn, const struct block *block, size_t i)
{
    const struct table *table = &conn->target->pipeline->tables[block->table];
    return &table->columns[block->deletes ? table->key[i] : i];
}

bool pg_arrays_is_text(const struct column *column)
{
    return column->type == SQL_BIGINTS;
}

static bool make(struct pg_conn *conn, const struct block *block, struct error *error)
{
    struct pg_arrays *arrays = &conn->arrays;
    arrays->of = NULL;
    buf_reset(&arrays->data);
    for (size_t i = 0; i < block->columns; i++) {
        arrays->starts[i] = arrays->data.len;
        if (!pg_copy_array(&arrays->data, pg_arrays_column(conn, block, i), block, i, error))
            return false;
    }
    arrays->starts[block->columns] = arrays->data.len;
    arrays->of = block;
    return true;
}

void pg_arrays_send(struct pg_conn *conn, pg_step next)
{
    struct error error;
    const struct pg_arrays *arrays = &conn->arrays;
    const char *values[PIPELINE_COLUMNS_MAX];
    int lengths[PIPELINE_COLUMNS_MAX], formats[PIPELINE_COLUMNS_MAX];
    size_t columns = conn->block->columns;
    if (arrays->of != conn->block && !make(conn, conn->block, &error)) {
        pg_conn_fail(conn, &error);
        return;
    }
    for (size_t i = 0; i < columns; i++) {
        values[i] = arrays->data.data + arrays->starts[i];
        lengths[i] = (int)(arrays->starts[i + 1] - arrays->starts[i]);
        formats[i] = 1;
    }
    pg_query_params(conn, (int)columns, values, lengths, formats, next);
}

void pg_arrays_prepare(struct pg_conn *conn, const struct block *block)
{
    struct error told_when_sent;
    (void)make(conn, block, &told_when_sent);
}

void pg_arrays_forget(struct pg_conn *conn, const struct block *block)
{
    if (conn->arrays.of == block)
        conn->arrays.of = NULL;
}
