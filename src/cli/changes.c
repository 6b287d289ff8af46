#include "cli/changes.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/common.h"

enum { SHOWN_TEXT = 1000 };

void changes_init(struct changes *changes, bool json)
{
    *changes = (struct changes){.json = json};
    buf_init(&changes->out, COMMON_OUTPUT_MAX);
}

void changes_close(struct changes *changes)
{
    buf_close(&changes->out);
}

static bool same(struct slice a, struct slice b)
{
    return (a.data == NULL) == (b.data == NULL) && slice_equal(a, b);
}

/* --- text --------------------------------------------------------------------------------------------------------- */

static void put_value(struct buf *out, struct slice value)
{
    char shown[SHOWN_TEXT];
    buf_put_text(out, value.data ? text_escape(value, shown, sizeof shown) : "null");
}

static void put_column(struct buf *out, const struct row_change *change, size_t column, const char **between)
{
    struct slice before = change->before[column], after = change->after[column];
    if (change->kind == ROW_CHANGED && same(before, after))
        return;
    buf_printf(out, "%s%s ", *between, change->table->columns[column].name);
    *between = ", ";
    if (change->kind != ROW_ADDED)
        put_value(out, before);
    if (change->kind == ROW_CHANGED)
        buf_put_text(out, " -> ");
    if (change->kind != ROW_DELETED)
        put_value(out, after);
}

static void put_files(struct buf *out, const struct changes_file *files, size_t count)
{
    char shown[SHOWN_TEXT];
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%s%s", i == 0 ? "; by " : ", ",
                   files[i].forgot    ? "forgetting "
                   : files[i].retried ? "retrying "
                                      : "");
        if (files[i].name.len > 0)
            buf_printf(out, "%.*s/%s ", (int)files[i].feed.len, files[i].feed.data,
                       text_escape(files[i].name, shown, sizeof shown));
        buf_printf(out, "seq=%" PRIu64, files[i].sequence);
        if (files[i].replaced > 0)
            buf_printf(out, " replacing seq=%" PRIu64, files[i].replaced);
    }
}

static void put_text(struct buf *out, const struct row_change *change, const struct changes_file *files, size_t count)
{
    static const char signs[] = {'+', '~', '-'};
    const struct table *table = change->table;
    const struct slice *row = change->kind == ROW_DELETED ? change->before : change->after;
    const char *between = ": ";
    buf_printf(out, "%c %s", signs[change->kind], table->name);
    for (size_t k = 0; k < table->key_count; k++) {
        buf_printf(out, " %s=", table->columns[table->key[k]].name);
        put_value(out, row[table->key[k]]);
    }
    for (size_t c = 0; c < table->column_count; c++)
        if (!table_is_key(table, c))
            put_column(out, change, c, &between);
    put_files(out, files, count);
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void json_cells(struct json *json, const char *name, const struct table *table, const struct slice *cells)
{
    json_open(json, name, '{');
    for (size_t c = 0; c < table->column_count; c++) {
        if (cells[c].data)
            json_text(json, table->columns[c].name, cells[c]);
        else
            json_null(json, table->columns[c].name);
    }
    json_close(json, '}');
}

static void json_files(struct json *json, const struct changes_file *files, size_t count)
{
    json_open(json, "by", '[');
    for (size_t i = 0; i < count; i++) {
        json_open(json, NULL, '{');
        json_count(json, "seq", files[i].sequence);
        if (files[i].name.len > 0) {
            json_text(json, "feed", files[i].feed);
            json_text(json, "file", files[i].name);
        }
        json_bool(json, "forgotten", files[i].forgot);
        json_bool(json, "retried", files[i].retried);
        if (files[i].replaced > 0)
            json_count(json, "replaced", files[i].replaced);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void put_json(struct buf *out, const struct row_change *change, const struct changes_file *files, size_t count)
{
    static const char *const kinds[] = {"added", "changed", "deleted"};
    struct json json;
    json_init(&json, out);
    json_open(&json, NULL, '{');
    json_text(&json, "table", slice_of(change->table->name));
    json_text(&json, "change", slice_of(kinds[change->kind]));
    if (change->kind != ROW_ADDED)
        json_cells(&json, "before", change->table, change->before);
    if (change->kind != ROW_DELETED)
        json_cells(&json, "after", change->table, change->after);
    if (count > 0)
        json_files(&json, files, count);
    json_close(&json, '}');
}

/* --- both --------------------------------------------------------------------------------------------------------- */

bool changes_print(struct changes *changes, const struct row_change *change, const struct changes_file *files,
                   size_t file_count, struct error *error)
{
    changes->counts[change->kind]++;
    if (changes->json)
        put_json(&changes->out, change, files, file_count);
    else
        put_text(&changes->out, change, files, file_count);
    return common_print(&changes->out) || error_memory(error);
}

bool changes_visit(void *changes, const struct row_change *change, struct error *error)
{
    return changes_print(changes, change, NULL, 0, error);
}

void changes_sum(const struct changes *changes)
{
    fprintf(stderr, "%s row%s added, %s changed, %s deleted\n", TEXT_COUNT(changes->counts[ROW_ADDED]),
            text_plural(changes->counts[ROW_ADDED]), TEXT_COUNT(changes->counts[ROW_CHANGED]),
            TEXT_COUNT(changes->counts[ROW_DELETED]));
}
