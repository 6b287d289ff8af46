/* Views over tables, declared by structure: what a view may say is what every target can do. */
#include "base/list.h"
#include "model/pipeline_build.h"
#include "model/pipeline_ledger.h"

static const char *const latest_view_words[] = {"doc", "table", "latest"};
static const char *const total_view_words[] = {"doc", "table", "by", "columns"};
static const char *const files_view_words[] = {"doc", "table", "files"};
static const char *const view_words[] = {"doc", "table", "latest", "by", "columns", "files"};
static const char *const latest_words[] = {"by", "on"};
static const char *const column_words[] = {"sum", "min", "max", "ratio"};

/* A table that did not get its key is told already. */
static bool in_key(const struct table *table, size_t column)
{
    return table->key_count == 0 || table_is_key(table, column);
}

/* Reads "by" of `object`: columns of the primary key. */
static bool load_by(const struct build *build, const struct doc_node *object, const struct table *table,
                    struct view *view)
{
    const char **names = NULL;
    size_t count = 0;
    if (!doc_strings(object, "by", true, &names, &count))
        return false;
    const struct doc_node *node = doc_member(object, "by");
    if (count == 0 || count > PIPELINE_GROUP_MAX)
        return doc_problem(build->doc, node, "\"by\" has %zu columns, expected 1 to %d", count, PIPELINE_GROUP_MAX);
    bool ok = true;
    const struct doc_node *item = node->kind == DOC_ARRAY ? node->child : node;
    for (size_t i = 0; i < count; i++, item = item->next) {
        size_t column;
        if (!build_find_column(build, place_of(item), table, item->text, &column)) {
            ok = false;
            continue;
        }
        if (!in_key(table, column))
            ok = doc_problem(build->doc, item, "\"by\" has \"%s\", which is not in the primary key of \"%s\"",
                             doc_text(item), table->name);
        if (list_has(view->by, view->by_count, column))
            ok = doc_problem(build->doc, item, "\"%s\" stands twice in \"by\"", doc_text(item));
        view->by[view->by_count++] = column;
    }
    return ok;
}

/* --- latest ------------------------------------------------------------------------------------------------------- */

/* The key tells rows apart, so `by` and `on` together must be the key: else "the latest" is several rows. */
static void check_one_row(const struct build *build, const struct doc_node *latest, const struct table *table,
                          const struct view *view)
{
    if (list_has(view->by, view->by_count, view->on)) {
        doc_problem(build->doc, doc_member(latest, "on"), "\"on\" is in \"by\" too");
        return;
    }
    for (size_t i = 0; i < table->key_count; i++)
        if (table->key[i] != view->on && !list_has(view->by, view->by_count, table->key[i]))
            doc_problem(build->doc, doc_member(latest, "by"),
                        "\"by\" lacks \"%s\" of the primary key, so the latest row would not be one",
                        table->columns[table->key[i]].name);
}

static void load_latest(const struct build *build, const struct doc_node *member, const struct table *table,
                        struct view *view)
{
    const struct doc_node *latest = NULL;
    const char *on = NULL;
    view->kind = VIEW_LATEST;
    doc_only(member, latest_view_words, COUNT_OF(latest_view_words));
    if (!doc_object(member, "latest", true, &latest))
        return;
    bool ok = doc_only(latest, latest_words, COUNT_OF(latest_words));
    ok = load_by(build, latest, table, view) && ok;
    if (!doc_string(latest, "on", true, &on))
        return;
    const struct doc_node *node = doc_member(latest, "on");
    if (!build_find_column(build, place_of(node), table, node->text, &view->on))
        return;
    if (!in_key(table, view->on))
        doc_problem(build->doc, node, "\"on\" is \"%s\", which is not in the primary key of \"%s\"", on, table->name);
    else if (ok)
        check_one_row(build, latest, table, view);
}

/* --- total -------------------------------------------------------------------------------------------------------- */

/* What lies in windows that overlap would be added up once for each of them. */
static bool adds_twice(const struct table *table, const struct view *view)
{
    for (size_t i = 0; i < view->by_count; i++)
        if (table->columns[view->by[i]].kind == COLUMN_WINDOW_START)
            return false;
    return table->window.span > 1;
}

/* Sums of sums and counts are sums; of averages, extremes and distinct counts they are not. */
static bool check_function(const struct build *build, const struct doc_node *node, enum view_function function,
                           const struct table *table, const struct view *view, size_t index)
{
    const struct column *column = &table->columns[index];
    if (build_is_broken(build, table, index))
        return false;
    bool adds = column->kind == COLUMN_SUM || column->kind == COLUMN_COUNT;
    if (function == VIEW_SUM && !adds)
        return doc_problem(build->doc, node, "\"sum\" over \"%s\", which is neither a sum nor a count", column->name);
    if (function == VIEW_SUM && adds_twice(table, view))
        return doc_problem(build->doc, node,
                           "\"sum\" over \"%s\" of windows that slide, and so overlap: expected the window's start in "
                           "\"by\"",
                           column->name);
    if (function != VIEW_SUM && (column->type == SQL_BOOLEAN || column->type == SQL_BIGINTS))
        return doc_problem(build->doc, node, "\"%s\" over \"%s\", which is %s", node->name.data, column->name,
                           sql_type_name(column->type));
    return true;
}

static const struct doc_node *find_function(const struct build *build, const struct doc_node *member,
                                            enum view_function *function)
{
    if (member->kind != DOC_OBJECT || member->count != 1) {
        doc_problem(build->doc, member,
                    "column \"%s\" needs one of {\"sum\": ...}, {\"min\": ...}, {\"max\": ...} or "
                    "{\"ratio\": [...]}",
                    member->name.data);
        return NULL;
    }
    size_t word;
    if (!doc_among(member->child->name, column_words, COUNT_OF(column_words), &word)) {
        doc_unknown(member->child, column_words, COUNT_OF(column_words));
        return NULL;
    }
    *function = (enum view_function)word; /* the words stand in the order of the enum */
    return member->child;
}

static bool load_column(const struct build *build, const struct doc_node *member, const struct table *table,
                        const struct view *view, struct view_column *column)
{
    column->name = member->name.data;
    bool named = build_check_name(build, member, "a column");
    const struct doc_node *node = find_function(build, member, &column->function);
    if (!node || column->function == VIEW_RATIO)
        return node && named;
    if (node->kind != DOC_STRING)
        return doc_problem(build->doc, node, "\"%s\" is %s, expected the name of a column", node->name.data,
                           doc_kind_name(node->kind));
    return build_find_column(build, place_of(node), table, node->text, &column->column) &&
           check_function(build, node, column->function, table, view, column->column) && named;
}

static bool find_sum(const struct build *build, const struct view *view, const struct doc_node *node, size_t *column)
{
    if (node->kind == DOC_STRING)
        for (size_t i = 0; i < view->column_count; i++)
            if (slice_equal(node->text, slice_of(view->columns[i].name)) && view->columns[i].function == VIEW_SUM) {
                *column = i;
                return true;
            }
    return doc_problem(build->doc, node, "a ratio of a view is over two of its own \"sum\" columns, %s%s%s is none",
                       node->kind == DOC_STRING ? "\"" : "",
                       node->kind == DOC_STRING ? doc_text(node) : doc_kind_name(node->kind),
                       node->kind == DOC_STRING ? "\"" : "");
}

static void load_ratio(const struct build *build, const struct doc_node *ratio, const struct view *view,
                       struct view_column *column)
{
    if (ratio->kind != DOC_ARRAY || ratio->count != 2) {
        doc_problem(build->doc, ratio, "\"ratio\" needs a list of two columns, as in [\"total\", \"count\"]");
        return;
    }
    (void)!find_sum(build, view, ratio->child, &column->numerator);
    (void)!find_sum(build, view, ratio->child->next, &column->denominator);
}

static void check_view_names(const struct build *build, const struct doc_node *columns, const struct table *table,
                             const struct view *view)
{
    for (const struct doc_node *a = columns->child; a; a = a->next) {
        bool twice = false;
        for (size_t i = 0; i < view->by_count; i++)
            twice = twice || build_same_name(a->name.data, table->columns[view->by[i]].name);
        for (const struct doc_node *b = columns->child; b != a; b = b->next)
            twice = twice || build_same_name(a->name.data, b->name.data);
        if (twice)
            build_problem(build, place_of_name(a), "column \"%s\" stands twice in view \"%s\"", a->name.data,
                          view->name);
    }
}

static void load_total(const struct build *build, const struct doc_node *member, const struct table *table,
                       struct view *view)
{
    const struct doc_node *columns = NULL;
    view->kind = VIEW_TOTAL;
    doc_only(member, total_view_words, COUNT_OF(total_view_words));
    (void)!load_by(build, member, table, view);
    if (!doc_object(member, "columns", true, &columns))
        return;
    if (columns->count == 0 || columns->count > PIPELINE_COLUMNS_MAX) {
        doc_problem(build->doc, columns, "\"columns\" has %zu columns, expected 1 to %d", columns->count,
                    PIPELINE_COLUMNS_MAX);
        return;
    }
    view->columns = build_alloc(build, columns->count, sizeof *view->columns);
    if (!view->columns)
        return;
    bool ok = true;
    for (const struct doc_node *c = columns->child; c; c = c->next)
        ok = load_column(build, c, table, view, &view->columns[view->column_count++]) && ok;
    size_t i = 0;
    for (const struct doc_node *c = columns->child; c && ok; c = c->next, i++)
        if (view->columns[i].function == VIEW_RATIO)
            load_ratio(build, c->child, view, &view->columns[i]);
    check_view_names(build, columns, table, view);
}

/* --- files -------------------------------------------------------------------------------------------------------- */

/* The view shows columns of the table's key and of the ledger side by side. */
static void check_files_names(const struct build *build, const struct doc_node *node, const struct table *table)
{
    for (size_t i = 0; i < table->key_count; i++)
        for (size_t j = 0; j < LEDGER_VIEW_COLUMNS; j++)
            if (build_same_name(table->columns[table->key[i]].name, ledger_view_columns[j].name))
                doc_problem(build->doc, node, "\"%s\" of \"%s\" has the name of a column of files",
                            table->columns[table->key[i]].name, table->name);
}

static void load_files(const struct build *build, const struct doc_node *member, const struct table *table,
                       struct view *view)
{
    const char *name = NULL;
    view->kind = VIEW_FILES;
    doc_only(member, files_view_words, COUNT_OF(files_view_words));
    if (!doc_string(member, "files", true, &name))
        return;
    const struct doc_node *node = doc_member(member, "files");
    if (!build_find_column(build, place_of(node), table, node->text, &view->on))
        return;
    if (table->columns[view->on].kind != COLUMN_FILES && !build_is_broken(build, table, view->on))
        doc_problem(build->doc, node, "\"files\" is \"%s\", which is no column {\"files\": true}", name);
    if (build->pipeline->ledger_count == 0)
        doc_problem(build->doc, node, "a view over files needs the ledger in the target, and \"ledger\" is false");
    check_files_names(build, node, table);
}

/* --- views -------------------------------------------------------------------------------------------------------- */

static void check_view_name(const struct build *build, const struct doc_node *member)
{
    const struct pipeline *p = build->pipeline;
    (void)!build_check_name(build, member, "a view");
    for (size_t i = 0; i < p->table_count; i++)
        if (build_same_name(p->tables[i].name, member->name.data))
            build_problem(build, place_of_name(member), "view \"%s\" has the name of a table", member->name.data);
    for (size_t i = 0; i < p->view_count; i++)
        if (build_same_name(p->views[i].name, member->name.data))
            build_problem(build, place_of_name(member), "view \"%s\" and \"%s\" differ in case only", member->name.data,
                          p->views[i].name);
}

static bool find_table(const struct build *build, const struct doc_node *member, size_t *table)
{
    const struct pipeline *p = build->pipeline;
    const char *names[PIPELINE_TABLES_MAX];
    for (size_t i = 0; i < p->table_count; i++)
        names[i] = p->tables[i].name;
    return doc_choice(member, "table", true, names, p->table_count, table);
}

static void load_view(struct build *build, const struct doc_node *member, struct view *view)
{
    if (member->kind != DOC_OBJECT) {
        doc_problem(build->doc, member, "view \"%s\" is %s, expected an object", member->name.data,
                    doc_kind_name(member->kind));
        return;
    }
    (void)!doc_string(member, "doc", false, &view->doc);
    if (!find_table(build, member, &view->table)) {
        doc_only(member, view_words, COUNT_OF(view_words));
        return;
    }
    const struct table *table = &build->pipeline->tables[view->table];
    if (doc_member(member, "latest"))
        load_latest(build, member, table, view);
    else if (doc_member(member, "files"))
        load_files(build, member, table, view);
    else if (doc_member(member, "by") || doc_member(member, "columns"))
        load_total(build, member, table, view);
    else if (doc_only(member, view_words, COUNT_OF(view_words)))
        build_problem(build, place_of_name(member),
                      "view \"%s\" needs \"latest\", \"files\", or \"by\" and \"columns\"", view->name);
}

void build_views(struct build *build, const struct doc_node *root)
{
    struct pipeline *p = build->pipeline;
    const struct doc_node *views = NULL;
    if (!doc_object(root, "views", false, &views) || !views || p->table_count == 0)
        return;
    p->views = build_alloc(build, views->count, sizeof *p->views);
    if (!p->views)
        return;
    for (const struct doc_node *member = views->child; member; member = member->next) {
        struct view *view = &p->views[p->view_count];
        check_view_name(build, member);
        view->name = member->name.data;
        p->view_count++;
        load_view(build, member, view);
    }
}
