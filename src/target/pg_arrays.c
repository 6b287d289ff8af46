#include "target/pg_arrays.h"

#include "target/pg_copy.h"
#include "target/pg_query.h"

static const struct table *table_of(const struct pg_conn *conn, const struct block *block)
{
    return &conn->target->pipeline->tables[block->table];
}

const struct column *pg_arrays_column(const struct pg_conn *conn, const struct block *block, size_t i)
{
    const struct table *table = table_of(conn, block);
    return &table->columns[block->deletes ? table->key[i] : i];
}

/* Else by column. */
static bool goes_by_row(const struct pg_conn *conn, const struct block *block)
{
    return !block->deletes && conn->row_types[block->table] != 0;
}

/* --- SQL ---------------------------------------------------------------------------------------------------------- */

static bool is_text(const struct column *column)
{
    return column->type == SQL_BIGINTS;
}

static void put_array(struct pg_conn *conn, size_t i)
{
    const struct column *column = pg_arrays_column(conn, conn->block, i);
    buf_printf(&conn->sql, "$%zu::%s[]", i + 1, sql_type_name(is_text(column) ? SQL_TEXT : column->type));
}

/* In FROM each array is first written to a store of its own; of one array that costs little. Several at once take a
   name without a schema. */
void pg_arrays_put_unnest(struct pg_conn *conn)
{
    const struct block *block = conn->block;
    if (goes_by_row(conn, block)) {
        target_sql_name(&conn->sql, "pg_catalog.unnest($1::", table_of(conn, block)->name);
        buf_put_text(&conn->sql, "[]");
    }
    for (size_t i = 0; !goes_by_row(conn, block) && i < block->columns; i++) {
        buf_put_text(&conn->sql, i > 0 ? ", " : "unnest(");
        put_array(conn, i);
    }
    buf_put_text(&conn->sql, ") AS new (");
    for (size_t i = 0; i < block->columns; i++)
        target_sql_name(&conn->sql, i > 0 ? ", " : "", pg_arrays_column(conn, block, i)->name);
    buf_put_text(&conn->sql, ")");
}

/* In the list of what is selected arrays are taken apart as the rows are asked for. */
void pg_arrays_put_select(struct pg_conn *conn)
{
    if (goes_by_row(conn, conn->block)) {
        target_sql_columns(&conn->sql, table_of(conn, conn->block));
        buf_put_text(&conn->sql, " FROM ");
        pg_arrays_put_unnest(conn);
        return;
    }
    for (size_t i = 0; i < conn->block->columns; i++) {
        buf_put_text(&conn->sql, i > 0 ? ", pg_catalog.unnest(" : "pg_catalog.unnest(");
        put_array(conn, i);
        buf_printf(&conn->sql, ")%s", pg_arrays_cast(conn, i));
    }
}

const char *pg_arrays_cast(const struct pg_conn *conn, size_t i)
{
    bool casts = is_text(pg_arrays_column(conn, conn->block, i)) && !goes_by_row(conn, conn->block);
    return casts ? "::bigint[]" : "";
}

/* --- parameters --------------------------------------------------------------------------------------------------- */

/* One parameter of the block, from where the last one ended. */
static bool put_parameter(struct pg_conn *conn, const struct block *block, size_t i, struct error *error)
{
    struct pg_arrays *arrays = &conn->arrays;
    arrays->starts[i] = arrays->data.len;
    if (goes_by_row(conn, block))
        return pg_copy_row_array(&arrays->data, table_of(conn, block), block, conn->row_types[block->table], error);
    return pg_copy_array(&arrays->data, pg_arrays_column(conn, block, i), block, i, error);
}

static bool make(struct pg_conn *conn, const struct block *block, struct error *error)
{
    struct pg_arrays *arrays = &conn->arrays;
    arrays->of = NULL;
    buf_reset(&arrays->data);
    arrays->count = goes_by_row(conn, block) ? 1 : block->columns;
    for (size_t i = 0; i < arrays->count; i++)
        if (!put_parameter(conn, block, i, error))
            return false;
    arrays->starts[arrays->count] = arrays->data.len;
    arrays->of = block;
    return true;
}

void pg_arrays_send(struct pg_conn *conn, pg_step next)
{
    struct error error;
    const struct pg_arrays *arrays = &conn->arrays;
    const char *values[PIPELINE_COLUMNS_MAX];
    int lengths[PIPELINE_COLUMNS_MAX], formats[PIPELINE_COLUMNS_MAX];
    if (arrays->of != conn->block && !make(conn, conn->block, &error)) {
        pg_conn_fail(conn, &error);
        return;
    }
    for (size_t i = 0; i < arrays->count; i++) {
        values[i] = arrays->data.data + arrays->starts[i];
        lengths[i] = (int)(arrays->starts[i + 1] - arrays->starts[i]);
        formats[i] = 1;
    }
    pg_query_params(conn, (int)arrays->count, values, lengths, formats, next);
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
