/* Cells stand apart from the arena, so that a block of many columns leaves the texts their whole limit. */
#include "model/delivery.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/timestamp.h"
#include "model/value.h"

_Static_assert(CELL_NULL == 0, "cells set to zero are null");

static void print_integer(enum sql_type type, int64_t value, struct buf *out)
{
    if (type == SQL_BOOLEAN)
        buf_put_text(out, value ? "true" : "false");
    else if (type == SQL_DATE)
        timestamp_print_date(value, out);
    else if (type == SQL_TIMESTAMP || type == SQL_TIMESTAMPTZ)
        timestamp_print_sql(value, out);
    else
        buf_printf(out, "%" PRId64, value);
    if (type == SQL_TIMESTAMPTZ)
        buf_put_text(out, "+00");
}

void cell_print_list(const struct cell *list, char open, char close, struct buf *out)
{
    buf_put_byte(out, (uint8_t)open);
    for (size_t i = 0; i < cell_numbers(list); i++)
        buf_printf(out, "%s%" PRId64, i > 0 ? "," : "", cell_number(list, i));
    buf_put_byte(out, (uint8_t)close);
}

void cell_print(const struct column *column, const struct cell *cell, struct buf *out)
{
    char number[VALUE_DOUBLE_TEXT_SIZE];
    switch (cell->kind) {
    case CELL_NULL:
        break;
    case CELL_INT:
        print_integer(column->type, cell->i, out);
        break;
    case CELL_FLOAT:
        buf_put_text(out, value_double_text(cell->d, column->type == SQL_REAL, number));
        break;
    case CELL_NUMERIC:
        wide_print(cell->n, column->scale, out);
        break;
    case CELL_TEXT:
        buf_put_slice(out, cell->text);
        break;
    case CELL_LIST:
        cell_print_list(cell, '[', ']', out);
        break;
    }
}

struct block *block_new(size_t table, bool deletes, size_t rows, size_t columns)
{
    size_t cells;
    if (__builtin_mul_overflow(rows, columns, &cells))
        return NULL;
    struct block *block = calloc(1, sizeof *block);
    if (!block)
        return NULL;
    block->cells = calloc(cells > 0 ? cells : 1, sizeof *block->cells);
    if (!block->cells) {
        free(block);
        return NULL;
    }
    block->table = table;
    block->deletes = deletes;
    block->columns = columns;
    arena_init(&block->arena, BLOCK_BYTES_MAX);
    return block;
}

void block_free(struct block *block)
{
    if (!block)
        return;
    arena_close(&block->arena);
    free(block->cells);
    free(block);
}

bool progress_equal(const struct progress *a, const struct progress *b)
{
    if (!a->present || !b->present)
        return a->present == b->present;
    return strncmp(a->epoch, b->epoch, EPOCH_SIZE) == 0 && a->sequence == b->sequence &&
           digest_equal(&a->digest, &b->digest) && memcmp(a->rows, b->rows, sizeof a->rows) == 0;
}
