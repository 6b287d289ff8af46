/* Retention: when windows close, and that a unit lies in one window everywhere. */
#include <string.h>

#include "model/pipeline_build.h"
#include "model/timestamp.h"

enum {
    RETENTION_DAYS_MAX = 36525 /* a hundred years, as windows have */
};

#define INTERVAL_EXAMPLES "\"30 days\" or \"1 hour\""

static const char *const retention_words[] = {"lateness", "max_ahead"};
static const struct build_interval lateness = {"lateness", INTERVAL_EXAMPLES, RETENTION_DAYS_MAX};
static const struct build_interval max_ahead = {"max_ahead", INTERVAL_EXAMPLES, RETENTION_DAYS_MAX};

static bool same_zone(const struct window *a, const struct window *b)
{
    if (!a->zone_name || !b->zone_name)
        return a->zone_name == b->zone_name;
    return strcmp(a->zone_name, b->zone_name) == 0;
}

/* A table's window is held against that of the first table that has one. */
static void check_window(struct build *build, const struct doc_node *member, const struct table *table,
                         const struct table *first)
{
    const struct doc_node *window = doc_member(member, "window");
    const struct feed *facts = &build->pipeline->feeds[0];
    if (!window) {
        build_problem(build, place_of_name(member),
                      "table \"%s\" has no \"window\": with \"retention\" every table needs one", table->name);
        return;
    }
    if (!table->windowed || !first)
        return; /* it did not load, which was told */
    if (table->window_field != first->window_field)
        doc_problem(build->doc, doc_member(window, "on"),
                    "the window of \"%s\" is on \"%s\", that of \"%s\" on \"%s\": with \"retention\" all tables have "
                    "the same windows",
                    table->name, facts->fields[table->window_field].name, first->name,
                    facts->fields[first->window_field].name);
    if (table->window.span > 1) {
        doc_problem(
            build->doc, doc_member(window, "slide"),
            "\"slide\" cannot stand beside \"retention\": a fact in several windows is not over with one of them");
        return;
    }
    if (!same_zone(&table->window, &first->window))
        doc_problem(
            build->doc, doc_member(window, "zone") ? doc_member(window, "zone") : window,
            "the windows of \"%s\" and \"%s\" are of different zones: with \"retention\" all tables have the same "
            "windows",
            first->name, table->name);
    if (table->window.size != first->window.size || table->window.months != first->window.months)
        doc_problem(build->doc, doc_member(window, "size"),
                    "the windows of \"%s\" and \"%s\" differ in size: with \"retention\" all tables have the same "
                    "windows",
                    first->name, table->name);
    else if (table->window.origin != first->window.origin)
        doc_problem(build->doc, doc_member(window, "origin") ? doc_member(window, "origin") : window,
                    "the windows of \"%s\" and \"%s\" begin at different times: with \"retention\" all tables have the "
                    "same windows",
                    first->name, table->name);
}

static void check_windows(struct build *build, const struct doc_node *root)
{
    const struct pipeline *p = build->pipeline;
    const struct doc_node *tables = doc_member(root, "tables");
    const struct table *first = NULL;
    for (size_t i = 0; i < p->table_count && !first; i++)
        first = p->tables[i].windowed ? &p->tables[i] : NULL;
    size_t i = 0;
    for (const struct doc_node *member = tables ? tables->child : NULL; member && i < p->table_count;
         member = member->next, i++)
        if (member->kind == DOC_OBJECT)
            check_window(build, member, &p->tables[i], first);
}

/* A file that replaces another would take its rows back out of closed windows, while its own rows for them are late. */
static void check_replaces(const struct build *build, const struct doc_node *root)
{
    const struct doc_node *feeds = doc_member(root, "feeds");
    for (size_t i = 0; i < build->pipeline->feed_count; i++) {
        const struct feed *feed = &build->pipeline->feeds[i];
        if (feed->on_change == FEED_REPLACE)
            doc_problem(build->doc, doc_member(doc_member(feeds, feed->name), "on_change"),
                        "\"on_change\" is \"replace\", which cannot stand beside \"retention\": it would take rows "
                        "back out of closed windows, and what replaces them is late");
    }
}

void build_retention(struct build *build, const struct doc_node *root)
{
    struct retention *retention = &build->pipeline->retention;
    const struct doc_node *member = NULL;
    if (!doc_object(root, "retention", false, &member) || !member)
        return;
    doc_only(member, retention_words, COUNT_OF(retention_words));
    *retention = (struct retention){.on = true, .max_ahead = TIMESTAMP_DAY};
    (void)!build_interval(member, lateness, true, &retention->lateness);
    (void)!build_interval(member, max_ahead, false, &retention->max_ahead);
    check_windows(build, root);
    check_replaces(build, root);
}
