/*
 * One run of a prepared statement: bind in order, step, read columns, close.
 *
 *     struct query q;
 *     query_open(&q, store, STORE_SQL_KNOWN);
 *     query_u64(&q, inode);
 *     if (!query_row(&q, &found, error)) ...
 *     query_close(&q);
 *
 * A failure of open or of a bind sticks and comes out of the next step, so that callers check once. What is bound and
 * what query_slice_at returns is borrowed: until query_close, and until the next step. Statements are prepared on first
 * use and kept; the same one cannot be open twice.
 */
#ifndef DROPFOLD_STORE_QUERY_H
#define DROPFOLD_STORE_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/slice.h"
#include "store/store_sql.h"

struct store;

struct query {
    struct store *store;
    sqlite3_stmt *statement;
    int next; /* parameter to bind next, from 1 */
    int result;
};

void query_open(struct query *q, struct store *store, enum store_sql which);
void query_close(struct query *q);

void query_u64(struct query *q, uint64_t value); /* the same 64 bits, signed */
void query_i64(struct query *q, int64_t value);
void query_blob(struct query *q, struct slice bytes);
void query_text(struct query *q, const char *text);
void query_digest(struct query *q, const struct digest *digest);

/* Steps to the next row; *row is false behind the last one. */
bool query_row(struct query *q, bool *row, struct error *error) MUST_USE;

/* Runs a statement that has no rows, or whose rows nobody wants, and closes it. */
bool query_run(struct query *q, struct error *error) MUST_USE;

/* Runs one that is asked whether it has a row, and closes it. */
bool query_exists(struct query *q, bool *exists, struct error *error) MUST_USE;

int64_t query_i64_at(struct query *q, int column);
uint64_t query_u64_at(struct query *q, int column);
struct slice query_slice_at(struct query *q, int column);
/* Zeros when the column is not DIGEST_SIZE bytes. */
struct digest query_digest_at(struct query *q, int column);

#endif
