/*
 * Loading of a pipeline: the order of the steps, and what they share.
 *
 * Nothing is resolved twice and nothing is guessed: a step that fails leaves its part empty, and the problems it
 * reported keep the pipeline from being used.
 */
#include "model/pipeline.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/text.h"
#include "model/pipeline_build.h"
#include "model/timestamp.h"

enum {
    ARENA_LIMIT = 256 * 1024 * 1024 /* bytes: far above what documents of DOC_SIZE_MAX come to */
};

static const char *const pipeline_words[] = {"pipeline", "facts",     "join",  "feeds",
                                             "tables",   "retention", "views", "ledger"};

/* --- what the steps share ----------------------------------------------------------------------------------------- */

bool build_problem(const struct build *build, struct place place, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    text_format(text, sizeof text, format, args);
    va_end(args);
    return doc_problem_at(build->doc, place.line, place.column, "%s", text);
}

void *build_alloc(const struct build *build, size_t count, size_t size)
{
    void *memory = arena_array(build->arena, count, size);
    if (!memory)
        doc_memory(build->doc);
    return memory;
}

const char *build_printf(const struct build *build, const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    const char *copy = NULL;
    if (len >= 0) {
        copy = arena_string(build->arena, (struct slice){text, (size_t)len});
        free(text);
    }
    if (!copy)
        doc_memory(build->doc);
    return copy;
}

bool build_name_fits(struct slice name)
{
    char again[4 * PIPELINE_NAME_MAX + 1];
    return name.len > 0 && name.len <= PIPELINE_NAME_MAX &&
           slice_equal(slice_of(text_escape_again(name, again, sizeof again)), name);
}

bool build_check_name(const struct build *build, const struct doc_node *member, const char *what)
{
    char shown[BUILD_SHOWN_MAX];
    return build_name_fits(member->name) ||
           build_problem(build, place_of_name(member),
                         "\"%s\" cannot name %s: 1 to %d bytes without control characters",
                         text_escape(member->name, shown, sizeof shown), what, PIPELINE_NAME_MAX);
}

bool build_interval(const struct doc_node *object, struct build_interval member, bool required, int64_t *out)
{
    const char *text = NULL;
    const struct doc_node *node = doc_member(object, member.name);
    if (node && node->kind != DOC_STRING)
        return doc_problem(node->doc, node, "\"%s\" is %s, expected a time such as %s", member.name,
                           doc_kind_name(node->kind), member.examples);
    if (!doc_string(object, member.name, required, &text))
        return false;
    if (!text)
        return true;
    if (!timestamp_parse_interval(slice_of(text), out))
        return doc_problem(node->doc, node, "\"%s\" is \"%s\", expected a time such as %s", member.name, text,
                           member.examples);
    if (*out > member.days_max * TIMESTAMP_DAY)
        return doc_problem(node->doc, node, "\"%s\" is \"%s\", expected at most %u day%s", member.name, text,
                           member.days_max, text_plural(member.days_max));
    return true;
}

bool build_same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if (text_lower(*a) != text_lower(*b))
            return false;
    return *a == *b;
}

/* --- loading ------------------------------------------------------------------------------------------------------ */

/* The name is also that of the store's file and of a row in the target. */
static void load_name(struct build *build, const struct doc_node *root)
{
    const char *name = NULL;
    if (!doc_string(root, "pipeline", true, &name))
        return;
    size_t len = strlen(name);
    size_t fit = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    char shown[BUILD_SHOWN_MAX];
    if (len == 0 || len > PIPELINE_NAME_MAX || fit != len || name[0] == '-')
        doc_problem(build->doc, doc_member(root, "pipeline"),
                    "\"%s\" cannot name a pipeline: letters, digits, _ and - only, at most %d, no - in front",
                    text_escape(slice_of(name), shown, sizeof shown), PIPELINE_NAME_MAX);
    build->pipeline->name = name;
}

static bool find_folder(struct build *build, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        build->folder = ".";
    else if (slash == path)
        build->folder = ""; /* of "/x.json": what follows brings the slash */
    else
        build->folder = arena_string(build->arena, (struct slice){path, (size_t)(slash - path)});
    return build->folder || doc_memory(build->doc);
}

static bool load_source(struct build *build)
{
    struct digester digester;
    struct pipeline *p = build->pipeline;
    if (!digester_init(&digester, NULL))
        return doc_memory(build->doc);
    digester_add_text(&digester, build->doc->text);
    for (size_t i = 0; i < p->feed_count; i++) {
        const struct feed *feed = &p->feeds[i];
        digester_add_text(&digester, slice_of(feed->name));
        digester_add_u64(&digester, feed->version_count);
        for (size_t j = feed->version_count; j-- > 0;) {
            const struct descriptor *d = feed->versions[j].descriptor;
            digester_add_u64(&digester, d->version);
            digester_add(&digester, digest_slice(&d->digest));
        }
    }
    p->source = digester_take(&digester);
    return true;
}

/* True when the pipeline is whole. */
static bool build_all(struct build *build, const char *path)
{
    const struct doc_problems *problems = build->doc->problems;
    size_t before = problems->count;
    if (!doc_load(build->doc, path, build->arena, build->doc->problems) || !find_folder(build, path))
        return false;
    const struct doc_node *root = build->doc->root;
    if (root->kind != DOC_OBJECT)
        return doc_problem(build->doc, root, "a pipeline is an object, found %s", doc_kind_name(root->kind));
    doc_only(root, pipeline_words, COUNT_OF(pipeline_words));
    load_name(build, root);
    if (!build_feeds(build, root))
        return false;
    build_feed_options(build, root);
    if (!build_facts(build, root))
        return false;
    build_tables(build, root);
    build_narrow_versions(build);
    build_retention(build, root);
    build_ledger(build, root);
    build_views(build, root);
    return problems->count == before && build_versions(build) && build_shape(build) && load_source(build);
}

/* An empty pipeline with its arena and the document it is read from; NULL when out of memory. */
static struct pipeline *new_pipeline(struct doc **doc)
{
    struct pipeline *p = calloc(1, sizeof *p);
    struct arena *arena = malloc(sizeof *arena);
    if (p && arena) {
        arena_init(arena, ARENA_LIMIT);
        p->arena = arena;
        *doc = arena_array(arena, 1, sizeof **doc);
        if (*doc)
            return p;
    }
    free(p);
    free(arena);
    return NULL;
}

struct pipeline *pipeline_load(const char *path, struct doc_problems *problems)
{
    struct doc *doc;
    struct pipeline *p = new_pipeline(&doc);
    if (!p) {
        doc_problems_memory(problems, path);
        return NULL;
    }
    doc->problems = problems;
    struct build build = {.pipeline = p, .doc = doc, .arena = p->arena};
    if (build_all(&build, path))
        return p;
    pipeline_free(p);
    return NULL;
}

void pipeline_free(struct pipeline *pipeline)
{
    if (!pipeline)
        return;
    for (size_t i = 0; i < pipeline->feed_count; i++)
        for (size_t j = 0; j < pipeline->feeds[i].version_count; j++)
            descriptor_close(pipeline->feeds[i].versions[j].descriptor);
    arena_close(pipeline->arena);
    free(pipeline->arena);
    free(pipeline);
}

const struct feed *pipeline_feed(const struct pipeline *pipeline, struct slice name)
{
    for (size_t i = 0; i < pipeline->feed_count; i++)
        if (slice_equal(slice_of(pipeline->feeds[i].name), name))
            return &pipeline->feeds[i];
    return NULL;
}

size_t pipeline_feed_index(const struct pipeline *pipeline, struct slice name)
{
    const struct feed *feed = pipeline_feed(pipeline, name);
    return feed ? (size_t)(feed - pipeline->feeds) : SIZE_MAX;
}

bool table_is_key(const struct table *table, size_t column)
{
    return list_has(table->key, table->key_count, column);
}

char *pipeline_list_feeds(const struct pipeline *pipeline, char out[PIPELINE_FEEDS_SHOWN])
{
    size_t len = 0;
    for (size_t i = 0; i < pipeline->feed_count; i++)
        len +=
            (size_t)snprintf(out + len, PIPELINE_FEEDS_SHOWN - len, "%s%s", i > 0 ? ", " : "", pipeline->feeds[i].name);
    return out;
}

const char *sql_type_name(enum sql_type type)
{
    switch (type) {
    case SQL_INTEGER:
        return "integer";
    case SQL_BIGINT:
        return "bigint";
    case SQL_REAL:
        return "real";
    case SQL_DOUBLE:
        return "double precision";
    case SQL_NUMERIC:
        return "numeric";
    case SQL_TEXT:
        return "text";
    case SQL_BOOLEAN:
        return "boolean";
    case SQL_DATE:
        return "date";
    case SQL_TIMESTAMP:
        return "timestamp without time zone";
    case SQL_TIMESTAMPTZ:
        return "timestamp with time zone";
    case SQL_BIGINTS:
        return "bigint[]";
    }
    return "?";
}
