/*
 * Rows of a table that are not what they should be, as a comparison inside the database finds them. Whether two values
 * are the same the database has decided; what stands here of them is text for people.
 */
#ifndef DROPFOLD_TARGET_DRIFT_H
#define DROPFOLD_TARGET_DRIFT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/slice.h"

enum {
    DRIFT_PAGE_ROWS = 64,
    DRIFT_TEXT_MAX = 256,                   /* characters of a value's text; a longer one is cut */
    DRIFT_PAGE_BYTES_MAX = 16 * 1024 * 1024 /* of all texts: more than pages of the most columns have */
};

enum drift_kind {
    DRIFT_MISSING,    /* expected and not there */
    DRIFT_UNEXPECTED, /* there and not expected */
    DRIFT_DIFFERENT,  /* there with other values */
    DRIFT_KINDS
};

/* A column of such a row. Texts are as the database prints them; data is NULL for null and where there is no row. */
struct drift_value {
    struct slice expected, found;
    bool differs;
};

struct drift_page {
    size_t rows, columns;
    enum drift_kind kinds[DRIFT_PAGE_ROWS];
    struct drift_value *values; /* row by row, all columns of the table */
    struct arena arena;
};

/* An empty page of rows of `columns` columns; NULL when out of memory. */
struct drift_page *drift_page_new(size_t columns) MUST_USE;
void drift_page_free(struct drift_page *page);

/* Adds a row whose values are to be filled; NULL when the page is full. */
struct drift_value *drift_page_add(struct drift_page *page, enum drift_kind kind) MUST_USE;

/* A copy of a value's text in the page. False when out of memory. */
bool drift_page_text(struct drift_page *page, struct slice text, struct slice *copy) MUST_USE;

#endif
