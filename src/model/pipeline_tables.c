/* Tables: how the facts are grouped, and the primary key that follows from it. */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "model/pipeline_build.h"
#include "model/zone_member.h"
#include "model/timestamp.h"

enum {
    WINDOW_YEARS_MAX = 100, /* so that windows stay few against the years 1 to 9999 */
    WINDOW_DAYS_MAX = 36525,
    WINDOW_MONTHS_MAX = 12 * WINDOW_YEARS_MAX,
    ZONE_DAYS = 3 /* by more than a clock and UTC differ, at both sides of a window */
};

static const char *const table_words[] = {"doc", "group_by", "window", "uniform", "columns"};
static const char *const window_words[] = {"on", "size", "slide", "origin", "zone"};
static const char *const reserved_prefixes[] = {"dropfold_", "sqlite_", "pg_"};

/* --- group_by and uniform ----------------------------------------------------------------------------------------- */

/* With a grain, a group holds whole units, so what decides about it must be the same for all lines of a unit. */
static bool check_grain(const struct build *build, struct place place, struct field_ref ref, const char *what)
{
    if (ref.feed != 0 || !build->pipeline->has_grain || build_in_grain(build, ref.field))
        return true;
    return build_problem(build, place, "\"%s\" is neither a grain key nor an attribute, so it cannot be %s",
                         build_feed_field(build, ref)->name, what);
}

/* A field of a joined feed may group when there is exactly one record to take it from. */
static bool check_joined_group(const struct build *build, struct place place, struct field_ref ref)
{
    if (ref.feed == 0)
        return true;
    const struct join *join = &build->pipeline->joins[ref.feed - 1];
    const char *feed = build->pipeline->feeds[ref.feed].name;
    if (!join->lookup)
        return build_problem(
            build, place, "group_by over %s needs one record at most to join: give %s a key and join \"on\" all of it",
            feed, feed);
    return join->required ||
           build_problem(build, place, "group_by over %s, whose join is not required: it can be null", feed);
}

static bool load_group(struct build *build, const struct doc_node *node, struct field_ref *ref)
{
    struct place place = place_of(node);
    if (node->kind != DOC_STRING)
        return doc_problem(build->doc, node, "\"group_by\" lists %s, expected the name of a field",
                           doc_kind_name(node->kind));
    if (!build_reference(build, place, node->text, ref) || !check_grain(build, place, *ref, "in group_by") ||
        !check_joined_group(build, place, *ref))
        return false;
    const struct feed_field *field = build_feed_field(build, *ref);
    if (field->type.kind == VALUE_DOUBLE)
        return build_problem(build, place, "group_by over \"%s\", which is double: declare a decimal", field->name);
    return build_check_field(build, place, *ref, true, "a group_by field");
}

static bool load_uniform(struct build *build, const struct doc_node *node, struct field_ref *ref)
{
    struct place place = place_of(node);
    if (node->kind != DOC_STRING)
        return doc_problem(build->doc, node, "\"uniform\" lists %s, expected the name of a field",
                           doc_kind_name(node->kind));
    if (!build_reference(build, place, node->text, ref))
        return false;
    if (ref->feed != 0)
        return build_problem(build, place, "\"uniform\" over %s, expected a field of the facts", doc_text(node));
    return check_grain(build, place, *ref, "in uniform");
}

/* Reads a list of references by `load`. False when one of them did not load. */
static bool load_refs(struct build *build, const struct doc_node *table, const char *name,
                      bool (*load)(struct build *, const struct doc_node *, struct field_ref *), struct field_ref *refs,
                      size_t *count)
{
    const struct doc_node *node = doc_member(table, name);
    if (!node)
        return true;
    if (node->kind != DOC_STRING && node->kind != DOC_ARRAY)
        return doc_problem(build->doc, node, "\"%s\" is %s, expected a list of fields", name,
                           doc_kind_name(node->kind));
    if (node->count > PIPELINE_GROUP_MAX)
        return doc_problem(build->doc, node, "\"%s\" has %zu fields, expected at most %d", name, node->count,
                           PIPELINE_GROUP_MAX);
    bool ok = true;
    const struct doc_node *item = node->kind == DOC_ARRAY ? node->child : node;
    for (; item; item = node->kind == DOC_ARRAY ? item->next : NULL) {
        struct field_ref ref;
        bool seen = false;
        if (!load(build, item, &ref)) {
            ok = false;
            continue;
        }
        for (size_t i = 0; i < *count; i++)
            seen = seen || (refs[i].feed == ref.feed && refs[i].field == ref.field);
        if (seen)
            ok = doc_problem(build->doc, item, "\"%s\" stands twice in \"%s\"", doc_text(item), name);
        else
            refs[(*count)++] = ref;
    }
    return ok;
}

/* --- window ------------------------------------------------------------------------------------------------------- */

static bool load_window_field(struct build *build, const struct doc_node *window, struct field_ref *ref)
{
    if (!build_member_reference(build, window, "on", ref))
        return false;
    struct place place = place_of(doc_member(window, "on"));
    const struct feed_field *field = build_feed_field(build, *ref);
    char type[VALUE_TYPE_TEXT_SIZE];
    if (ref->feed != 0)
        return build_problem(build, place, "a window is on a field of the facts, \"%s\" is of %s", field->name,
                             build->pipeline->feeds[ref->feed].name);
    if (field->type.kind != VALUE_TIMESTAMP && field->type.kind != VALUE_DATE)
        return build_problem(build, place, "a window is on a timestamp or a date, \"%s\" is %s", field->name,
                             value_type_text(field->type, type));
    return check_grain(build, place, *ref, "a window's field") &&
           build_check_field(build, place, *ref, true, "a window's field");
}

static bool whole_days(const struct window *window)
{
    return window->months || window->size % TIMESTAMP_DAY == 0;
}

/* Reads the member `name`, "size" or "slide", into the window's size. */
static bool load_window_length(struct build *build, const struct doc_node *object, const char *name, bool date,
                               struct window *window)
{
    const struct build_interval member = {name, "\"10 days\", \"1 hour\" or \"3 months\"", WINDOW_DAYS_MAX};
    const struct doc_node *node = doc_member(object, name);
    window->months = node && node->kind == DOC_STRING && timestamp_parse_months(node->text, &window->size);
    if (!window->months && !build_interval(object, member, true, &window->size))
        return false;
    if (window->months && window->size > WINDOW_MONTHS_MAX)
        return doc_problem(build->doc, node, "\"%s\" is \"%s\", expected at most %d years", name, doc_text(node),
                           WINDOW_YEARS_MAX);
    return !date || whole_days(window) ||
           doc_problem(build->doc, node, "\"%s\" is \"%s\", expected whole days for a date", name, doc_text(node));
}

/* Windows that begin more often than they are long: a moment lies in several. */
static bool load_window_slide(struct build *build, const struct doc_node *object, bool date, struct window *window)
{
    const struct doc_node *node = doc_member(object, "slide");
    struct window slide = {0};
    if (!load_window_length(build, object, "slide", date, &slide))
        return false;
    int64_t span = window->size / slide.size;
    if (window->months != slide.months || window->size % slide.size != 0)
        return doc_problem(build->doc, node, "\"slide\" is \"%s\", of which \"size\", \"%s\", is no multiple",
                           doc_text(node), doc_text(doc_member(object, "size")));
    if (span > WINDOW_SPAN_MAX)
        return doc_problem(build->doc, node,
                           "\"slide\" is \"%s\", so that a moment lies in %" PRId64 " windows, expected at most %d",
                           doc_text(node), span, WINDOW_SPAN_MAX);
    window->size = slide.size;
    window->span = (uint32_t)span;
    return true;
}

static bool load_window_size(struct build *build, const struct doc_node *object, bool date, struct window *window)
{
    window->span = 1;
    return load_window_length(build, object, "size", date, window) &&
           (!doc_member(object, "slide") || load_window_slide(build, object, date, window));
}

/* Days begin at midnight there. A date has no time that could be another day's. */
static bool load_window_zone(struct build *build, const struct doc_node *object, bool date, struct window *window)
{
    struct zone *zone;
    if (!zone_member_load(object, &zone))
        return false;
    window->zone = zone ? zone : window->months ? &window_utc : NULL;
    if (!zone)
        return true;
    const struct doc_node *node = doc_member(object, "zone");
    window->zone_name = doc_text(node);
    if (date)
        return doc_problem(build->doc, node,
                           "\"zone\" is for windows on a timestamp only, a date is the same everywhere");
    const char *name = doc_member(object, "slide") ? "slide" : "size";
    return whole_days(window) ||
           doc_problem(build->doc, doc_member(object, name), "\"%s\" is \"%s\", expected whole days in a zone", name,
                       doc_text(doc_member(object, name)));
}

/* What clocks show, and so nothing with a zone of its own. */
static bool parse_origin(struct slice text, int64_t *local, const char **expected)
{
    static const char words[] = "a day such as 1970-01-05, or a time as clocks show it, such as 1970-01-05T06:00";
    bool zone = false;
    for (size_t i = 0; i < text.len; i++)
        zone = zone || (i > 10 && strchr("Zz+-", text.data[i]));
    bool good = timestamp_parse_iso(text, local, expected);
    if (zone || (!good && strcmp(*expected, TIMESTAMP_ISO_WORDS) == 0))
        *expected = words;
    return good && !zone;
}

static bool load_window_origin(struct build *build, const struct doc_node *object, bool date, struct window *window)
{
    const char *text = NULL, *expected = NULL;
    int64_t local;
    if (!doc_string(object, "origin", false, &text))
        return false;
    if (!text)
        return true;
    const struct doc_node *node = doc_member(object, "origin");
    if (parse_origin(node->text, &local, &expected)) {
        if (date && local % TIMESTAMP_DAY != 0)
            expected = "a day for windows on a date";
        else if (window->size > 0 && !window_align(window, local))
            expected = "the first day of a month for windows of months";
        else
            return true;
    }
    return doc_problem(build->doc, node, "\"origin\" is \"%s\", expected %s", doc_text(node), expected);
}

/* Times whose window would begin before the year 1 or end after 9999 have no row to be in. */
static void narrow_window(struct build *build, const struct table *table, struct field_ref ref)
{
    const struct window utc = window_in_utc(&table->window);
    int64_t first = window_number(&utc, TIMESTAMP_MIN), last = window_number(&utc, TIMESTAMP_MAX);
    int64_t far = utc.zone_name ? ZONE_DAYS * TIMESTAMP_DAY : 0;
    int64_t unit = build_feed_field(build, ref)->type.kind == VALUE_DATE ? TIMESTAMP_DAY : 1;
    first += window_start(&utc, first) < TIMESTAMP_MIN;
    if (utc.zone_name) {
        first++;
        last--;
    }
    first += utc.span - 1;
    last -= utc.span - 1;
    build_narrow(build, ref, (window_start(&utc, first) + far) / unit, (window_start(&utc, last) - far) / unit - 1,
                 build_printf(build, "windows of %s end by the year 9999", table->name));
}

static bool load_window(struct build *build, const struct doc_node *member, struct table *table)
{
    const struct doc_node *window = NULL;
    if (!doc_object(member, "window", false, &window))
        return false;
    if (!window)
        return true;
    bool ok = doc_only(window, window_words, COUNT_OF(window_words));
    struct field_ref ref = {0, 0};
    bool field = load_window_field(build, window, &ref);
    bool days = field && build_feed_field(build, ref)->type.kind == VALUE_DATE;
    bool size = load_window_size(build, window, days, &table->window);
    bool origin = load_window_origin(build, window, days, &table->window);
    bool zone = load_window_zone(build, window, days, &table->window);
    if (!ok || !field || !size || !origin || !zone)
        return false;
    table->windowed = true;
    table->window_field = ref.field;
    narrow_window(build, table, ref);
    return true;
}

/* --- columns and key ---------------------------------------------------------------------------------------------- */

static void check_column_names(const struct build *build, const struct doc_node *columns)
{
    for (const struct doc_node *a = columns->child; a; a = a->next)
        for (const struct doc_node *b = columns->child; b != a; b = b->next)
            if (build_same_name(a->name.data, b->name.data)) {
                build_problem(build, place_of_name(a), "column \"%s\" and \"%s\" on line %u differ in case only",
                              a->name.data, b->name.data, b->name_line);
                break;
            }
}

static void load_column(struct build *build, const struct doc_node *member, struct table *table)
{
    size_t before = build->doc->problems->count, index = table->column_count++;
    build_column(build, table, member, &table->columns[index]);
    if (build->doc->problems->count != before)
        build->broken_columns[table - build->pipeline->tables] |= UINT64_C(1) << index;
}

static bool load_columns(struct build *build, const struct doc_node *member, struct table *table)
{
    const struct doc_node *columns = NULL;
    if (!doc_object(member, "columns", true, &columns))
        return false;
    if (columns->count == 0 || columns->count > PIPELINE_COLUMNS_MAX)
        return doc_problem(build->doc, columns, "\"columns\" has %zu columns, expected 1 to %d", columns->count,
                           PIPELINE_COLUMNS_MAX);
    table->columns = build_alloc(build, columns->count, sizeof *table->columns);
    if (!table->columns)
        return false;
    size_t before = build->doc->problems->count;
    for (const struct doc_node *c = columns->child; c; c = c->next)
        load_column(build, c, table);
    size_t i = 0;
    for (const struct doc_node *c = columns->child; c; c = c->next, i++)
        if (table->columns[i].kind == COLUMN_RATIO && !build_is_broken(build, table, i))
            build_ratio(build, table, c, &table->columns[i]);
    check_column_names(build, columns);
    return build->doc->problems->count == before;
}

static bool add_key(struct table *table, enum column_kind kind, struct field_ref ref)
{
    for (size_t i = 0; i < table->column_count; i++) {
        struct column *column = &table->columns[i];
        bool same = kind == COLUMN_WINDOW_START || (column->field.feed == ref.feed && column->field.field == ref.field);
        if (column->kind == kind && same) {
            column->not_null = true;
            table->key[table->key_count++] = i;
            return true;
        }
    }
    return false;
}

/* Every group is one row only if the row shows all that makes the group. */
static void load_key(struct build *build, const struct doc_node *member, struct table *table)
{
    struct place place = place_of_name(member);
    for (size_t i = 0; i < table->group_count; i++) {
        char text[BUILD_SHOWN_MAX];
        build_ref_text(build, table->group_by[i], text);
        if (!add_key(table, COLUMN_GROUP, table->group_by[i]))
            build_problem(build, place, "table \"%s\" is grouped by \"%s\" but has no column {\"group\": \"%s\"}",
                          table->name, text, text);
    }
    if (table->windowed && !add_key(table, COLUMN_WINDOW_START, (struct field_ref){0, 0}))
        build_problem(build, place, "table \"%s\" has windows but no column {\"window\": \"start\"}", table->name);
}

/* --- tables ------------------------------------------------------------------------------------------------------- */

static void check_table_name(const struct build *build, const struct doc_node *member)
{
    const struct pipeline *p = build->pipeline;
    if (!build_check_name(build, member, "a table"))
        return;
    for (size_t i = 0; i < COUNT_OF(reserved_prefixes); i++)
        if (strncasecmp(member->name.data, reserved_prefixes[i], strlen(reserved_prefixes[i])) == 0)
            build_problem(build, place_of_name(member), "a table's name must not begin with \"%s\"",
                          reserved_prefixes[i]);
    for (size_t i = 0; i < p->table_count; i++)
        if (build_same_name(p->tables[i].name, member->name.data))
            build_problem(build, place_of_name(member), "table \"%s\" and \"%s\" differ in case only",
                          member->name.data, p->tables[i].name);
}

static void load_table(struct build *build, const struct doc_node *member, struct table *table)
{
    if (member->kind != DOC_OBJECT) {
        doc_problem(build->doc, member, "table \"%s\" is %s, expected an object", member->name.data,
                    doc_kind_name(member->kind));
        return;
    }
    doc_only(member, table_words, COUNT_OF(table_words));
    (void)!doc_string(member, "doc", false, &table->doc);
    bool grouped = load_refs(build, member, "group_by", load_group, table->group_by, &table->group_count);
    grouped = load_window(build, member, table) && grouped;
    build->group_broken = !grouped;
    (void)!load_refs(build, member, "uniform", load_uniform, table->uniform, &table->uniform_count);
    if (grouped && table->group_count == 0 && !table->windowed)
        build_problem(build, place_of_name(member), "table \"%s\" needs a \"group_by\" or a \"window\"", table->name);
    if (load_columns(build, member, table) && grouped)
        load_key(build, member, table);
}

void build_tables(struct build *build, const struct doc_node *root)
{
    struct pipeline *p = build->pipeline;
    const struct doc_node *tables = NULL;
    if (!doc_object(root, "tables", true, &tables))
        return;
    if (tables->count == 0 || tables->count > PIPELINE_TABLES_MAX) {
        doc_problem(build->doc, tables, "\"tables\" has %zu tables, expected 1 to %d", tables->count,
                    PIPELINE_TABLES_MAX);
        return;
    }
    p->tables = build_alloc(build, tables->count + PIPELINE_LEDGER_TABLES, sizeof *p->tables);
    if (!p->tables)
        return;
    size_t slots = 0;
    for (const struct doc_node *member = tables->child; member; member = member->next) {
        struct table *table = &p->tables[p->table_count];
        check_table_name(build, member);
        table->name = member->name.data;
        p->table_count++;
        load_table(build, member, table);
        slots += table->windowed ? table->window.span : 1;
        if (slots > PIPELINE_SLOTS_MAX) {
            build_problem(build, place_of_name(member),
                          "with the windows of table \"%s\" a fact lies in %zu groups, expected at most %d",
                          table->name, slots, PIPELINE_SLOTS_MAX);
            return;
        }
    }
}
