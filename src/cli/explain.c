#include "app/explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/common.h"

enum { WANTED_MAX = PIPELINE_GROUP_MAX + 1, TERMS_SHOWN = 40, SHOWN_TEXT = 400 };

/* --- which rows --------------------------------------------------------------------------------------------------- */

struct wanted {
    const struct table *table;
    size_t table_index;
    size_t key[WANTED_MAX]; /* its place in the primary key */
    struct slice text[WANTED_MAX];
    size_t count;
};

/* The place of a key column by its name; "window" is the one that shows the window's start. */
static bool find_key(const struct table *table, struct slice name, size_t *place)
{
    for (*place = 0; *place < table->key_count; ++*place) {
        const struct column *column = &table->columns[table->key[*place]];
        if (slice_equal(name, slice_of(column->name)) ||
            (column->kind == COLUMN_WINDOW_START && slice_equal(name, SLICE("window"))))
            return true;
    }
    return false;
}

static bool fits(const struct invocation *invocation, const struct table *table, struct wanted *wanted)
{
    wanted->table = table;
    wanted->count = 0;
    for (size_t i = 0; i < invocation->operand_count; i++) {
        const char *word = invocation->operands[i], *equals = strchr(word, '=');
        if (!equals || !find_key(table, (struct slice){word, (size_t)(equals - word)}, &wanted->key[wanted->count]))
            return false;
        wanted->text[wanted->count++] = slice_of(equals + 1);
    }
    return true;
}

static void list_keys(const struct pipeline *pipeline, struct buf *out)
{
    for (size_t t = 0; t < pipeline->table_count; t++) {
        const struct table *table = &pipeline->tables[t];
        buf_printf(out, "%s%s (", t > 0 ? "; " : "", table->name);
        for (size_t k = 0; k < table->key_count; k++)
            buf_printf(out, "%s%s", k > 0 ? ", " : "", table->columns[table->key[k]].name);
        buf_put_text(out, ")");
    }
    buf_put_byte(out, '\0');
}

static bool no_table(const struct pipeline *pipeline, const char *unknown, struct error *error)
{
    struct buf keys;
    buf_init(&keys, COMMON_OUTPUT_MAX);
    list_keys(pipeline, &keys);
    if (unknown)
        error_set(error, ERROR_USAGE, "there is no table \"%s\"; expected one of: %s", unknown,
                  keys.failed ? "" : keys.data);
    else
        error_set(error, ERROR_USAGE, "no table has a key of these columns; expected COLUMN=VALUE of one of: %s",
                  keys.failed ? "" : keys.data);
    buf_close(&keys);
    return false;
}

/* The table that was named, else the first whose key has all the columns that were. */
static bool find_table(const struct invocation *invocation, const struct pipeline *pipeline, struct wanted *wanted,
                       struct error *error)
{
    const char *name = invocation->settings.table;
    bool known = !name;
    for (size_t i = 0; i < invocation->operand_count; i++)
        if (!strchr(invocation->operands[i], '='))
            return error_set(error, ERROR_USAGE, "explain: found \"%s\", expected COLUMN=VALUE",
                             invocation->operands[i]);
    for (size_t t = 0; t < pipeline->table_count; t++) {
        if (name && strcmp(name, pipeline->tables[t].name) != 0)
            continue;
        known = true;
        wanted->table_index = t;
        if (fits(invocation, &pipeline->tables[t], wanted))
            return true;
    }
    return no_table(pipeline, known ? NULL : name, error);
}

/* A time may be cut short, and written as ISO 8601 has it: "2022-01-08" and "2022-01-08T00:00:00Z" for
   "2022-01-08 00:00:00+00". Windows are shown in UTC. */
static bool begins_time(struct slice time, struct slice text)
{
    if (text.len > 0 && text.data[text.len - 1] == 'Z')
        text.len--;
    bool same = text.len > 0 && text.len <= time.len;
    for (size_t i = 0; same && i < text.len; i++)
        same = text.data[i] == time.data[i] || (text.data[i] == 'T' && time.data[i] == ' ');
    return same;
}

static bool is_wanted(const struct wanted *wanted, const struct cell *key, struct buf *text)
{
    for (size_t i = 0; i < wanted->count; i++) {
        const struct column *column = &wanted->table->columns[wanted->table->key[wanted->key[i]]];
        bool time = column->kind == COLUMN_WINDOW_START;
        buf_reset(text);
        cell_print(column, &key[wanted->key[i]], text);
        struct slice value = buf_slice(text);
        if (!slice_equal(value, wanted->text[i]) && !(time && begins_time(value, wanted->text[i])))
            return false;
    }
    return true;
}

/* --- printing ----------------------------------------------------------------------------------------------------- */

struct printing {
    const struct explanation *explanation;
    const struct column *column;
    struct buf out, value;
    struct json json;
    uint64_t terms;
};

static struct slice cell_text(struct printing *p, const struct column *column, const struct cell *cell)
{
    buf_reset(&p->value);
    cell_print(column, cell, &p->value);
    return buf_slice(&p->value);
}

static struct slice value_text(struct printing *p, struct value_type type, struct value value)
{
    buf_reset(&p->value);
    value_print(type, value, &p->value);
    return buf_slice(&p->value);
}

static void put_shown(struct buf *out, struct slice text)
{
    char shown[SHOWN_TEXT];
    buf_put_text(out, text_escape(text, shown, sizeof shown));
}

static void put_result(struct printing *p, size_t column)
{
    const struct cell *cell = &p->explanation->row[column];
    if (cell->kind == CELL_NULL)
        buf_put_text(&p->out, "null");
    else
        put_shown(&p->out, cell_text(p, &p->explanation->table->columns[column], cell));
}

static void put_key(struct printing *p)
{
    const struct table *table = p->explanation->table;
    buf_put_text(&p->out, table->name);
    for (size_t k = 0; k < table->key_count; k++) {
        buf_printf(&p->out, " %s=", table->columns[table->key[k]].name);
        put_result(p, table->key[k]);
    }
    buf_put_byte(&p->out, '\n');
}

static void put_record(struct printing *p, const struct explained_record *record)
{
    const struct feed *feed = &p->explanation->pipeline->feeds[record->feed];
    buf_printf(&p->out, "  %s%s/", record->feed == 0 ? "" : "  with ", feed->name);
    put_shown(&p->out, record->file->name);
    buf_printf(&p->out, ":%" PRIu64 " v%" PRIu32 " seq=%" PRIu64, record->line, record->version, record->sequence);
    if (record->retried)
        buf_printf(&p->out, " (rejected, and retried in seq %" PRIu64 ")", record->retried);
    for (size_t i = 0; i < feed->field_count; i++) {
        if (record->values[i].null)
            continue;
        buf_printf(&p->out, " %s=", feed->fields[i].name);
        put_shown(&p->out, value_text(p, feed->fields[i].type, record->values[i]));
    }
    buf_put_byte(&p->out, '\n');
}

static void put_term(void *context, const struct explained_term *term)
{
    struct printing *p = context;
    const char *between = p->column->kind == COLUMN_SUM || p->column->kind == COLUMN_AVG ? " + " : ", ";
    if (p->terms++ >= TERMS_SHOWN)
        return;
    if (p->terms > 1)
        buf_put_text(&p->out, between);
    put_shown(&p->out, value_text(p, p->column->field_type, term->value));
    if (term->times > 1)
        buf_printf(&p->out, " x %" PRId64, term->times);
}

static const char *kind_word(enum column_kind kind)
{
    switch (kind) {
    case COLUMN_COUNT:
        return "count of ";
    case COLUMN_COUNT_DISTINCT:
        return "count of the different among ";
    case COLUMN_AVG:
        return "average of ";
    case COLUMN_MIN:
        return "least of ";
    case COLUMN_MAX:
        return "greatest of ";
    case COLUMN_SUM:
    case COLUMN_GROUP:
    case COLUMN_WINDOW_START:
    case COLUMN_WINDOW_END:
    case COLUMN_RATIO:
    case COLUMN_FILES:
        break;
    }
    return "";
}

static bool has_terms(const struct column *column)
{
    return column->kind != COLUMN_GROUP && column->kind != COLUMN_WINDOW_START && column->kind != COLUMN_WINDOW_END &&
           column->kind != COLUMN_RATIO && column->kind != COLUMN_FILES;
}

static void put_arithmetic(struct printing *p, size_t index)
{
    const struct table *table = p->explanation->table;
    const struct column *column = &table->columns[index];
    if (column->kind != COLUMN_RATIO && !has_terms(column))
        return;
    buf_printf(&p->out, "  %s = ", column->name);
    if (column->kind == COLUMN_RATIO) {
        put_result(p, column->numerator);
        buf_put_text(&p->out, " / ");
        put_result(p, column->denominator);
    } else {
        p->column = column;
        p->terms = 0;
        buf_put_text(&p->out, kind_word(column->kind));
        explain_terms(p->explanation, column, put_term, p);
        if (p->terms > TERMS_SHOWN)
            buf_printf(&p->out, " and %" PRIu64 " more", p->terms - TERMS_SHOWN);
        if (p->terms == 0)
            buf_put_text(&p->out, "nothing");
    }
    buf_put_text(&p->out, " = ");
    put_result(p, index);
    buf_put_byte(&p->out, '\n');
}

/* Of a closed row nothing is known but its values. */
static void put_closed(struct printing *p)
{
    buf_printf(&p->out, "  closed in seq=%" PRIu64 ": what it was made of was freed, and these are its final values\n",
               p->explanation->closed);
    for (size_t c = 0; c < p->explanation->table->column_count; c++) {
        const struct column *column = &p->explanation->table->columns[c];
        if (column->kind != COLUMN_RATIO && !has_terms(column))
            continue;
        buf_printf(&p->out, "  %s = ", column->name);
        put_result(p, c);
        buf_put_byte(&p->out, '\n');
    }
}

static void put_text(struct printing *p)
{
    put_key(p);
    if (p->explanation->closed > 0) {
        put_closed(p);
        return;
    }
    for (size_t i = 0; i < p->explanation->count; i++)
        put_record(p, &p->explanation->records[i]);
    for (size_t c = 0; c < p->explanation->table->column_count; c++)
        put_arithmetic(p, c);
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void json_record(struct printing *p, const struct explained_record *record)
{
    struct json *json = &p->json;
    const struct feed *feed = &p->explanation->pipeline->feeds[record->feed];
    json_open(json, NULL, '{');
    json_text(json, "feed", slice_of(feed->name));
    json_text(json, "file", record->file->name);
    json_count(json, "seq", record->sequence);
    json_count(json, "line", record->line);
    json_count(json, "row", record->row);
    json_count(json, "version", record->version);
    if (record->retried)
        json_count(json, "retried", record->retried);
    json_open(json, "values", '{');
    for (size_t i = 0; i < feed->field_count; i++) {
        if (record->values[i].null)
            json_null(json, feed->fields[i].name);
        else
            json_text(json, feed->fields[i].name, value_text(p, feed->fields[i].type, record->values[i]));
    }
    json_close(json, '}');
    json_close(json, '}');
}

static void json_term(void *context, const struct explained_term *term)
{
    struct printing *p = context;
    json_open(&p->json, NULL, '{');
    json_text(&p->json, "value", value_text(p, p->column->field_type, term->value));
    json_count(&p->json, "times", (uint64_t)term->times);
    json_close(&p->json, '}');
}

static void json_column(struct printing *p, size_t index)
{
    const struct cell *cell = &p->explanation->row[index];
    p->column = &p->explanation->table->columns[index];
    json_open(&p->json, p->column->name, '{');
    if (cell->kind == CELL_NULL)
        json_null(&p->json, "value");
    else
        json_text(&p->json, "value", cell_text(p, p->column, cell));
    if (has_terms(p->column) && p->explanation->closed == 0) {
        json_open(&p->json, "of", '[');
        explain_terms(p->explanation, p->column, json_term, p);
        json_close(&p->json, ']');
    }
    json_close(&p->json, '}');
}

static void put_json(struct printing *p)
{
    const struct explanation *e = p->explanation;
    struct json *json = &p->json;
    json_init(json, &p->out);
    json_open(json, NULL, '{');
    json_text(json, "table", slice_of(e->table->name));
    if (e->closed > 0)
        json_count(json, "closed", e->closed);
    json_open(json, "columns", '{');
    for (size_t c = 0; c < e->table->column_count; c++)
        json_column(p, c);
    json_close(json, '}');
    json_open(json, "units", '[');
    for (size_t first = 0; first < e->count; first += explain_unit(e, first)) {
        json_open(json, NULL, '[');
        for (size_t i = first; i < first + explain_unit(e, first); i++)
            json_record(p, &e->records[i]);
        json_close(json, ']');
    }
    json_close(json, ']');
    json_close(json, '}');
    buf_put_byte(&p->out, '\n');
}

/* --- the command -------------------------------------------------------------------------------------------------- */

struct explaining {
    const struct invocation *invocation;
    struct core core;
    struct wanted wanted;
    struct buf text;
    uint64_t until, found;
    struct error error;
    bool failed;
};

static bool explain_one(void *context, uint32_t group, const struct cell *key)
{
    struct explaining *x = context;
    struct explanation explanation;
    if (!is_wanted(&x->wanted, key, &x->text))
        return true;
    x->found++;
    struct printing printing = {.explanation = &explanation};
    buf_init(&printing.out, COMMON_OUTPUT_MAX);
    buf_init(&printing.value, COMMON_OUTPUT_MAX);
    x->failed = !explain_group(&explanation, &x->core, x->wanted.table_index, group, x->until, &x->error);
    if (!x->failed) {
        if (x->invocation->settings.json)
            put_json(&printing);
        else
            put_text(&printing);
        x->failed = printing.out.failed && !error_memory(&x->error);
        if (!x->failed)
            fwrite(printing.out.data, 1, printing.out.len, stdout);
    }
    explain_close(&explanation);
    buf_close(&printing.value);
    buf_close(&printing.out);
    return !x->failed;
}

static int explain_rows(struct explaining *x)
{
    x->until = store_progress(x->core.store)->sequence;
    buf_init(&x->text, COMMON_OUTPUT_MAX);
    engine_each_group(x->core.engine, x->wanted.table_index, explain_one, x);
    buf_close(&x->text);
    if (x->failed)
        return common_failed(x->invocation, &x->error);
    if (x->found == 0)
        fprintf(stderr, "no such row in %s\n", x->wanted.table->name);
    return x->found > 0 ? 0 : 1;
}

static int explain(const struct invocation *invocation, const struct pipeline *pipeline)
{
    struct explaining x = {.invocation = invocation};
    if (!find_table(invocation, pipeline, &x.wanted, &x.error) ||
        !core_open(&x.core, pipeline, invocation->settings.checkpoints, STORE_READ, 0, &x.error))
        return common_failed(invocation, &x.error);
    int code = explain_rows(&x);
    core_close(&x.core);
    return code;
}

static int execute(const struct invocation *invocation)
{
    return common_with_pipeline(invocation, explain);
}

const struct command command_explain = {
    .name = "explain",
    .operands = "COLUMN=VALUE...",
    .operands_min = 1,
    .operands_max = WANTED_MAX,
    .summary = "Show which records of which files a row of a table is made of, and the arithmetic.",
    .help =
        "COLUMN is one of the table's primary key; `window` is the start of the window, and may be cut short\n"
        "(2022-01-08). All rows that fit are explained: each record that counts with its file, line and descriptor\n"
        "version, those it joins to below it, and for each column the values that went into it. Without --table the\n"
        "first table whose key has these columns is meant. Of a row whose window is closed (\"retention\" in the\n"
        "pipeline) the values are all that is left. Reads the checkpoint store, also beside a running dropfold.\n"
        "\n"
        "  dropfold explain COLUMN=12 window=2022-01-08\n"
        "  dropfold explain --table TABLE COLUMN=12 --json | jq -c '.units[][] | [.file, .line]'\n"
        "\n"
        "Exit codes: 0 shown; 1 no such row, or no store yet; 64 no such table or column; 78 configuration.\n",
    .options = OPTION_JSON | OPTION_TABLE,
    .execute = execute,
};
