#include "target/drift.h"

#include <stdlib.h>

struct drift_page *drift_page_new(size_t columns)
{
    struct drift_page *page = calloc(1, sizeof *page);
    if (!page)
        return NULL;
    page->columns = columns;
    page->values = calloc(DRIFT_PAGE_ROWS * columns + 1, sizeof *page->values);
    if (!page->values) {
        free(page);
        return NULL;
    }
    arena_init(&page->arena, DRIFT_PAGE_BYTES_MAX);
    return page;
}

void drift_page_free(struct drift_page *page)
{
    if (!page)
        return;
    arena_close(&page->arena);
    free(page->values);
    free(page);
}

struct drift_value *drift_page_add(struct drift_page *page, enum drift_kind kind)
{
    if (page->rows == DRIFT_PAGE_ROWS)
        return NULL;
    page->kinds[page->rows] = kind;
    return page->values + page->rows++ * page->columns;
}

bool drift_page_text(struct drift_page *page, struct slice text, struct slice *copy)
{
    *copy = arena_copy(&page->arena, text);
    return copy->data;
}
