#include "target/target_owner.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"

uint64_t target_owner_mark(const char *schema, const char *table)
{
    return TARGET_OWNER_LEAST | hash_bytes(slice_of(table), hash_bytes(slice_of(schema), 0)) >> 2;
}

/* The next mark of a row's numbers, or 0. */
static uint64_t next_mark(const char **rows)
{
    while (**rows) {
        char *end;
        uint64_t number = strtoull(*rows, &end, 10);
        *rows = end > *rows ? end : end + 1; /* the brace, the commas */
        if (number >= TARGET_OWNER_LEAST)
            return number;
    }
    return 0;
}

static bool is_marked(const struct target_owner *owner, const struct pipeline *pipeline, const char *rows)
{
    for (size_t i = 0; i < pipeline->table_count; i++)
        if (next_mark(&rows) != owner->marks[i])
            return false;
    return next_mark(&rows) == 0;
}

/* The table that has this mark; or NULL. */
static const char *marked_table(const struct target_owner *owner, const struct pipeline *pipeline, uint64_t mark)
{
    for (size_t i = 0; i < pipeline->table_count; i++)
        if (owner->marks[i] == mark)
            return pipeline->tables[i].name;
    return NULL;
}

bool target_owner_read(struct target_owner *owner, const struct pipeline *pipeline, const char *name, const char *rows)
{
    if (strcmp(name, pipeline->name) == 0) {
        owner->marked = is_marked(owner, pipeline, rows);
        return false;
    }
    const char *table = NULL;
    for (uint64_t mark; !table && (mark = next_mark(&rows)) != 0;)
        table = marked_table(owner, pipeline, mark);
    if (table && !owner->table) {
        owner->table = table;
        text_escape(slice_of(name), owner->by, sizeof owner->by);
    }
    return table != NULL;
}
