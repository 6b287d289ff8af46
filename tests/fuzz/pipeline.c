/*
 * Pipelines: any text is one, or is told why not; and in one that loads every reference leads somewhere.
 *
 * An input is the text of a pipeline, then optionally NUL and those of A/1.json, A/2.json and B/1.json, the descriptors
 * it finds; for what is missing the ones below stand.
 */
#include "model/pipeline.h"
#include "problems.h"

enum { FIRST_NUMBER = 900, FILES = 4 };

static const char *const standard[FILES] = {
    "",
    "{\"feed\":\"A\",\"version\":1,\"format\":\"csv\",\"fields\":{"
    "\"i\":{\"type\":\"int64\",\"required\":true},\"t\":{\"type\":\"text\",\"required\":true},"
    "\"m\":{\"type\":\"decimal(9,2)\"},\"d\":{\"type\":\"double\"},\"b\":{\"type\":\"bool\"},"
    "\"y\":{\"type\":\"date\",\"required\":true},\"s\":{\"type\":\"timestamp\",\"required\":true}}}",
    "{\"feed\":\"A\",\"version\":2,\"format\":\"csv\",\"fields\":{"
    "\"i\":{\"type\":\"int64\",\"required\":true},\"t\":{\"type\":\"text\",\"required\":true},"
    "\"m\":{\"type\":\"int64\"},\"y\":{\"type\":\"date\",\"required\":true},"
    "\"s\":{\"type\":\"date\",\"required\":true}}}",
    "{\"feed\":\"B\",\"version\":1,\"format\":\"json\",\"fields\":{"
    "\"i\":{\"type\":\"int64\",\"required\":true},\"t\":{\"type\":\"text\",\"required\":true},"
    "\"m\":{\"type\":\"decimal(18,4)\"}}}",
};

/* --- what must hold of a pipeline that loaded --------------------------------------------------------------------- */

static void check_feed(const struct feed *feed)
{
    check(feed->field_count <= PIPELINE_FIELDS_MAX && feed->key_count <= PIPELINE_KEY_MAX && feed->version_count > 0);
    check(feed->settle >= 0);
    check(feed->limits.percent <= 100 * FEED_PERCENT_UNIT);
    check(feed->on_change != (feed->key_count > 0 ? FEED_APPEND : FEED_UPSERT));
    check(!feed->versioned || (feed->key_count > 0 && feed->version_field < feed->field_count));
    check(!feed->deletes || feed->key_count > 0);
    for (size_t i = 0; i < feed->key_count; i++)
        check(feed->key[i] < feed->field_count);
    for (size_t i = 0; i < feed->field_count; i++) {
        check(feed->fields[i].type.kind == VALUE_DOUBLE || feed->fields[i].min <= feed->fields[i].max);
        for (size_t j = 0; j < i; j++)
            check(strcmp(feed->fields[i].name, feed->fields[j].name) != 0);
    }
    for (size_t i = 0; i < feed->version_count; i++) {
        const struct feed_version *version = &feed->versions[i];
        check(i == 0 || version->descriptor->version < feed->versions[i - 1].descriptor->version);
        for (size_t j = 0; j < version->descriptor->field_count; j++) {
            int place = version->feed_field[j];
            check(place >= -1 && place < (int)feed->field_count);
            check(place < 0 || strcmp(version->descriptor->fields[j].name, feed->fields[place].name) == 0);
            check(place < 0 || value_type_widens(version->descriptor->fields[j].type, feed->fields[place].type));
        }
    }
}

static void check_join(const struct pipeline *p, const struct join *join, size_t place)
{
    check(join->feed == place + 1 && join->on_count > 0 && join->on_count <= PIPELINE_KEY_MAX);
    for (size_t i = 0; i < join->on_count; i++) {
        check(join->fact_field[i] < p->feeds[0].field_count);
        check(join->feed_field[i] < p->feeds[join->feed].field_count);
        check(value_type_equal(p->feeds[0].fields[join->fact_field[i]].type,
                               p->feeds[join->feed].fields[join->feed_field[i]].type));
    }
}

static const struct feed_field *field_of(const struct pipeline *p, struct field_ref ref)
{
    check(ref.feed < p->feed_count && ref.field < p->feeds[ref.feed].field_count);
    return &p->feeds[ref.feed].fields[ref.field];
}

static void check_column(const struct pipeline *p, const struct table *table, const struct column *column)
{
    check(strlen(column->name) > 0 && strlen(column->name) <= PIPELINE_NAME_MAX && column->scale <= 24);
    check(strcmp(sql_type_name(column->type), "?") != 0);
    check(!column->where || column->where_feed < p->feed_count);
    if (column->kind == COLUMN_RATIO) {
        const struct column *sides[] = {&table->columns[column->numerator], &table->columns[column->denominator]};
        check(column->numerator < table->column_count && column->denominator < table->column_count);
        for (size_t i = 0; i < COUNT_OF(sides); i++)
            check(sides[i]->kind == COLUMN_SUM || sides[i]->kind == COLUMN_COUNT);
    } else if (column->kind == COLUMN_WINDOW_START || column->kind == COLUMN_WINDOW_END) {
        check(table->windowed);
    } else if (column->kind == COLUMN_FILES) {
        check(column->type == SQL_BIGINTS && column->not_null);
    } else {
        check(value_type_equal(field_of(p, column->field)->type, column->field_type));
    }
}

static void check_table(const struct pipeline *p, const struct table *table)
{
    check(table->column_count > 0 && table->column_count <= PIPELINE_COLUMNS_MAX);
    check(table->group_count <= PIPELINE_GROUP_MAX && table->uniform_count <= PIPELINE_GROUP_MAX);
    check(table->group_count > 0 || table->windowed);
    check(table->key_count == table->group_count + table->windowed);
    for (size_t i = 0; i < table->group_count; i++)
        field_of(p, table->group_by[i]);
    for (size_t i = 0; i < table->uniform_count; i++)
        field_of(p, table->uniform[i]);
    for (size_t i = 0; i < table->key_count; i++)
        check(table->key[i] < table->column_count && table->columns[table->key[i]].not_null);
    if (table->windowed) {
        enum value_kind kind = field_of(p, (struct field_ref){0, table->window_field})->type.kind;
        check(table->window.origin >= 0 && table->window.origin < table->window.size);
        check(table->window.span >= 1 && table->window.span <= (p->retention.on ? 1 : WINDOW_SPAN_MAX));
        check(table->window.size > 0 && (kind == VALUE_TIMESTAMP || kind == VALUE_DATE));
        check(!table->window.months || (table->window.size <= 1200 && table->window.zone));
    }
    for (size_t i = 0; i < table->column_count; i++) {
        check_column(p, table, &table->columns[i]);
        for (size_t j = 0; j < i; j++)
            check(strcasecmp(table->columns[i].name, table->columns[j].name) != 0);
    }
}

static void check_retention(const struct pipeline *p)
{
    if (!p->retention.on)
        return;
    check(p->retention.lateness > 0 && p->retention.max_ahead > 0);
    for (size_t i = 0; i < p->table_count; i++) {
        const struct table *table = &p->tables[i];
        check(table->windowed && table->window_field == p->tables[0].window_field &&
              table->window.size == p->tables[0].window.size && table->window.months == p->tables[0].window.months &&
              table->window.origin == p->tables[0].window.origin &&
              (table->window.zone_name != NULL) == (p->tables[0].window.zone_name != NULL));
    }
}

static void check_view(const struct pipeline *p, const struct view *view)
{
    check(view->table < p->table_count && view->by_count <= PIPELINE_GROUP_MAX);
    const struct table *table = &p->tables[view->table];
    for (size_t i = 0; i < view->by_count; i++)
        check(view->by[i] < table->column_count);
    if (view->kind == VIEW_LATEST)
        check(view->on < table->column_count);
    if (view->kind == VIEW_FILES)
        check(view->on < table->column_count && table->columns[view->on].kind == COLUMN_FILES && p->ledger_count > 0);
    for (size_t i = 0; view->kind == VIEW_TOTAL && i < view->column_count; i++) {
        const struct view_column *column = &view->columns[i];
        if (column->function == VIEW_RATIO)
            check(column->numerator < view->column_count && column->denominator < view->column_count);
        else
            check(column->column < table->column_count);
    }
}

static void check_pipeline(const struct pipeline *p)
{
    check(p->name && p->feed_count > 0 && p->feed_count <= PIPELINE_FEEDS_MAX && p->join_count == p->feed_count - 1);
    check(p->table_count > 0 && p->table_count <= PIPELINE_TABLES_MAX);
    for (size_t i = 0; i < p->feed_count; i++)
        check_feed(&p->feeds[i]);
    for (size_t i = 0; i < p->join_count; i++)
        check_join(p, &p->joins[i], i);
    for (size_t i = 0; i < p->grain_key_count; i++)
        check(p->grain_key[i] < p->feeds[0].field_count);
    for (size_t i = 0; i < p->grain_attribute_count; i++)
        check(p->grain_attributes[i] < p->feeds[0].field_count);
    for (size_t i = 0; i < p->table_count; i++)
        check_table(p, &p->tables[i]);
    check_retention(p);
    for (size_t i = 0; i < p->view_count; i++)
        check_view(p, &p->views[i]);
}

/* --- loading ------------------------------------------------------------------------------------------------------ */

static void write_files(struct slice rest)
{
    static bool open;
    for (int i = 0; !open && i < FILES; i++)
        fuzz_file_open(FIRST_NUMBER + i);
    open = true;
    for (int i = 0; i < FILES; i++) {
        struct slice text = SLICE("");
        if (!fuzz_section(&rest, &text) || (i > 0 && text.len == 0))
            text = slice_of(standard[i]);
        fuzz_file_write(FIRST_NUMBER + i, text);
    }
}

static struct pipeline *load(void)
{
    struct doc_problems problems;
    doc_problems_init(&problems);
    struct pipeline *p = pipeline_load(FUZZ_FILES "/pipeline.json", &problems);
    check_problems(&problems, p != NULL);
    doc_problems_close(&problems);
    return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    write_files((struct slice){(const char *)data, size});
    struct pipeline *p = load();
    if (!p)
        return 0;
    check_pipeline(p);
    struct pipeline *again = load();
    check(again && digest_equal(&p->fingerprint, &again->fingerprint));
    pipeline_free(p);
    pipeline_free(again);
    return 0;
}
