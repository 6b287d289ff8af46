/*
 * The binary formats, big-endian: what COPY BINARY and binary parameters share is a value as length and bytes, null as
 * length -1.
 *
 * numeric is base 10000: digits d0 d1 ... mean d0 * 10000^weight + d1 * 10000^(weight - 1) + ..., with the number of
 * places to show beside them. Dates and times count from 2000-01-01.
 */
#include "target/pg_copy.h"

#include <endian.h>
#include <string.h>

enum {
    OFFSET_DAYS = 10957, /* from 1970-01-01 to 2000-01-01 */
    NUMERIC_BASE = 10000,
    NUMERIC_PLACES = 4,      /* decimal places in a digit */
    NUMERIC_DIGITS_MAX = 12, /* 39 decimal digits of 128 bits, cut anywhere */
    NUMERIC_NEGATIVE = 0x4000,
    LIST_HEAD = 4 + 5 * 4,                      /* bytes of an array's length and head, */
    LIST_NUMBER = 4 + 8,                        /* and of each number with its length */
    SCALAR_MAX = 4 + 8 + 2 * NUMERIC_DIGITS_MAX /* bytes of any value but a text, its length included */
};

#define OFFSET_MICROS (INT64_C(86400000000) * OFFSET_DAYS)

static char *put16(char *at, uint16_t value)
{
    uint16_t big = htobe16(value);
    memcpy(at, &big, sizeof big);
    return at + sizeof big;
}

static char *put32(char *at, uint32_t value)
{
    uint32_t big = htobe32(value);
    memcpy(at, &big, sizeof big);
    return at + sizeof big;
}

static char *put64(char *at, uint64_t value)
{
    uint64_t big = htobe64(value);
    memcpy(at, &big, sizeof big);
    return at + sizeof big;
}

static char *put_int32(char *at, int64_t value)
{
    return put32(put32(at, 4), (uint32_t)(int32_t)value);
}

static char *put_int64(char *at, int64_t value)
{
    return put64(put32(at, 8), (uint64_t)value);
}

static char *put_float(char *at, double value)
{
    float narrow = (float)value;
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    return put32(put32(at, 4), bits);
}

static char *put_double(char *at, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return put64(put32(at, 8), bits);
}

/* The places that do not fill a digit: 1.23 is 1 and 2300. */
static unsigned cut_fraction(unsigned __int128 *value, unsigned places, uint16_t *digit)
{
    static const uint16_t powers[] = {1, 10, 100, 1000, 10000};
    if (places == 0)
        return 0;
    *digit = (uint16_t)((unsigned)(*value % powers[places]) * powers[NUMERIC_PLACES - places]);
    *value /= powers[places];
    return 1;
}

/* The digits, the least first. 128-bit division is slow, and few numbers need it. */
static unsigned cut_digits(unsigned __int128 value, unsigned scale, uint16_t digits[NUMERIC_DIGITS_MAX])
{
    unsigned count = cut_fraction(&value, scale % NUMERIC_PLACES, digits);
    for (; value >> 64; value /= NUMERIC_BASE)
        digits[count++] = (uint16_t)(value % NUMERIC_BASE);
    for (uint64_t low = (uint64_t)value; low > 0; low /= NUMERIC_BASE)
        digits[count++] = (uint16_t)(low % NUMERIC_BASE);
    return count;
}

static char *put_numeric(char *at, wide value, unsigned scale)
{
    uint16_t digits[NUMERIC_DIGITS_MAX];
    unsigned __int128 size = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    unsigned count = cut_digits(size, scale, digits);
    int weight = (int)count - 1 - (int)((scale + NUMERIC_PLACES - 1) / NUMERIC_PLACES);
    at = put32(at, 8 + 2 * count);
    at = put16(at, (uint16_t)count);
    at = put16(at, (uint16_t)(int16_t)weight);
    at = put16(at, value < 0 ? NUMERIC_NEGATIVE : 0);
    at = put16(at, (uint16_t)scale);
    while (count > 0)
        at = put16(at, digits[--count]);
    return at;
}

static char *put_integer(char *at, enum sql_type type, int64_t value)
{
    switch (type) {
    case SQL_INTEGER:
        return put_int32(at, value);
    case SQL_DATE:
        return put_int32(at, value - OFFSET_DAYS);
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ:
        return put_int64(at, value - OFFSET_MICROS);
    case SQL_BOOLEAN:
        at = put32(at, 1);
        *at = (char)(value != 0);
        return at + 1;
    case SQL_BIGINT:
    case SQL_REAL:
    case SQL_DOUBLE:
    case SQL_NUMERIC:
    case SQL_TEXT:
    case SQL_BIGINTS:
        break;
    }
    return put_int64(at, value);
}

/* OIDs of the types, which arrays and rows name; they never change. */
static uint32_t type_oid(enum sql_type type)
{
    static const uint16_t oids[] = {
        [SQL_INTEGER] = 23,     [SQL_BIGINT] = 20,        [SQL_REAL] = 700,     [SQL_DOUBLE] = 701,
        [SQL_NUMERIC] = 1700,   [SQL_TEXT] = 25,          [SQL_BOOLEAN] = 16,   [SQL_DATE] = 1082,
        [SQL_TIMESTAMP] = 1114, [SQL_TIMESTAMPTZ] = 1184, [SQL_BIGINTS] = 1016,
    };
    return oids[type];
}

/* Which cells a type can take: binary formats are not converted, a wrong one would be wrong bytes. */
static bool fits(enum sql_type type, const struct cell *cell)
{
    switch (type) {
    case SQL_REAL:
    case SQL_DOUBLE:
        return cell->kind == CELL_FLOAT;
    case SQL_NUMERIC:
        return cell->kind == CELL_NUMERIC;
    case SQL_TEXT:
        return cell->kind == CELL_TEXT && cell->text.len <= INT32_MAX;
    case SQL_BIGINTS:
        return cell->kind == CELL_LIST;
    case SQL_INTEGER:
        return cell->kind == CELL_INT && cell->i == (int32_t)cell->i;
    case SQL_BIGINT:
    case SQL_BOOLEAN:
    case SQL_DATE:
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ:
        break;
    }
    return cell->kind == CELL_INT;
}

/* One dimension of bigint, no nulls. */
static char *put_list(char *at, const struct cell *list)
{
    size_t count = cell_numbers(list);
    at = put32(at, (uint32_t)(LIST_HEAD - 4 + count * LIST_NUMBER));
    at = put32(at, 1);
    at = put32(at, 0);
    at = put32(at, type_oid(SQL_BIGINT));
    at = put32(at, (uint32_t)count);
    at = put32(at, 1);
    for (size_t i = 0; i < count; i++)
        at = put_int64(at, cell_number(list, i));
    return at;
}

static size_t room_for(const struct cell *cell)
{
    if (cell->kind == CELL_LIST)
        return LIST_HEAD + cell_numbers(cell) * LIST_NUMBER;
    return SCALAR_MAX + (cell->kind == CELL_TEXT ? cell->text.len : 0);
}

static void put_cell(struct buf *out, const struct column *column, const struct cell *cell)
{
    char *start = buf_reserve(out, room_for(cell)), *at = start;
    if (!start)
        return;
    switch (cell->kind) {
    case CELL_NULL:
        at = put32(at, UINT32_MAX);
        break;
    case CELL_INT:
        at = put_integer(at, column->type, cell->i);
        break;
    case CELL_FLOAT:
        at = column->type == SQL_REAL ? put_float(at, cell->d) : put_double(at, cell->d);
        break;
    case CELL_NUMERIC:
        at = put_numeric(at, cell->n, column->scale);
        break;
    case CELL_TEXT:
        at = put32(at, (uint32_t)cell->text.len);
        if (cell->text.len > 0)
            memcpy(at, cell->text.data, cell->text.len);
        at += cell->text.len;
        break;
    case CELL_LIST:
        at = put_list(at, cell);
        break;
    }
    out->len += (size_t)(at - start);
}

static bool put_checked(struct buf *out, const struct column *column, const struct cell *cell, struct error *error)
{
    if (cell->kind != CELL_NULL && !fits(column->type, cell))
        return error_set(error, ERROR_BUG, "column \"%s\" got a cell of kind %d", column->name, (int)cell->kind);
    put_cell(out, column, cell);
    return true;
}

static void put_number(struct buf *out, uint32_t value)
{
    char *at = buf_reserve(out, sizeof value);
    if (at)
        out->len += (size_t)(put32(at, value) - at);
}

static void put_short(struct buf *out, uint16_t value)
{
    char *at = buf_reserve(out, sizeof value);
    if (at)
        out->len += (size_t)(put16(at, value) - at);
}

static void put_head(struct buf *out)
{
    static const char signature[11] = "PGCOPY\n\377\r\n";
    buf_put(out, signature, sizeof signature);
    put_number(out, 0); /* flags */
    put_number(out, 0); /* no extension */
}

static bool put_row(struct buf *out, const struct table *table, const struct block *block, size_t row,
                    struct error *error)
{
    const struct cell *cells = block->cells + row * block->columns;
    put_short(out, (uint16_t)block->columns);
    for (size_t i = 0; i < block->columns; i++)
        if (!put_checked(out, &table->columns[i], &cells[i], error))
            return false;
    return true;
}

bool pg_copy_rows(struct buf *out, const struct table *table, const struct block *block, size_t *row, size_t enough,
                  struct error *error)
{
    if (*row == 0)
        put_head(out);
    for (bool first = true; *row < block->rows && (first || out->len < enough); first = false)
        if (!put_row(out, table, block, (*row)++, error))
            return false;
    if (*row >= block->rows) {
        put_short(out, UINT16_MAX); /* the end */
        *row = PG_COPY_ENDED;
    }
    return !out->failed || error_memory(error);
}

/* A list as its text. */
static void put_list_text(struct buf *out, const struct cell *list)
{
    size_t start = out->len;
    put_number(out, 0);
    cell_print_list(list, '{', '}', out);
    if (!out->failed)
        put32(out->data + start, (uint32_t)(out->len - start - sizeof(uint32_t)));
}

static void put_array_head(struct buf *out, uint32_t element_oid, size_t count)
{
    put_number(out, 1); /* dimension */
    put_number(out, 1); /* nulls may occur */
    put_number(out, element_oid);
    put_number(out, (uint32_t)count);
    put_number(out, 1); /* the first index */
}

/* A list goes as its text: an array of arrays could not be unnested. */
bool pg_copy_array(struct buf *out, const struct column *column, const struct block *block, size_t at,
                   struct error *error)
{
    put_array_head(out, type_oid(column->type == SQL_BIGINTS ? SQL_TEXT : column->type), block->rows);
    for (size_t row = 0; row < block->rows; row++) {
        const struct cell *cell = &block->cells[row * block->columns + at];
        if (column->type == SQL_BIGINTS && cell->kind == CELL_LIST)
            put_list_text(out, cell);
        else if (!put_checked(out, column, cell, error))
            return false;
    }
    return !out->failed || error_memory(error);
}

/* A row is the count of its columns, and of each its type and value. */
static bool put_record(struct buf *out, const struct table *table, const struct cell *cells, struct error *error)
{
    size_t start = out->len;
    put_number(out, 0); /* the length, once it is known */
    put_number(out, (uint32_t)table->column_count);
    for (size_t i = 0; i < table->column_count; i++) {
        put_number(out, type_oid(table->columns[i].type));
        if (!put_checked(out, &table->columns[i], &cells[i], error))
            return false;
    }
    if (!out->failed)
        put32(out->data + start, (uint32_t)(out->len - start - sizeof(uint32_t)));
    return true;
}

bool pg_copy_row_array(struct buf *out, const struct table *table, const struct block *block, uint32_t row_type,
                       struct error *error)
{
    put_array_head(out, row_type, block->rows);
    for (size_t row = 0; row < block->rows; row++)
        if (!put_record(out, table, block->cells + row * block->columns, error))
            return false;
    return !out->failed || error_memory(error);
}
