/*
 * The feeds of a pipeline: their names, the folders of descriptors beside the pipeline's file, and what becomes of
 * files.
 *
 * Listing those folders is the only I/O of this floor beside the reading of the documents themselves.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/pipeline_build.h"
#include "model/timestamp.h"

enum {
    VERSIONS_MAX = 1000,                 /* descriptors of one feed */
    MAX_REJECTS_MAX = 1000 * 1000 * 1000 /* rows */
};

static const char *const reserved_names[] = {"archive", "quarantine", "results"};
static const char *const after_words[] = {"archive", "leave", "delete"};
static const char *const ready_words[] = {"settle", "done"};
static const char *const on_change_words[] = {"upsert", "append", "replace", "reject"};
static const struct build_interval settle = {"settle", "\"1 second\" or \"2 minutes\"", 1};

static const char *const option_words[] = {"after",     "ready",       "settle",
                                           "on_change", "max_rejects", "max_rejects_percent"};

/* --- names -------------------------------------------------------------------------------------------------------- */

static bool is_reserved(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(reserved_names); i++)
        if (build_same_name(name, reserved_names[i]))
            return true;
    return false;
}

/* A feed's name is a folder's, below the data folder and below the schemas. */
static bool check_feed_name(const struct build *build, const struct doc_node *node)
{
    const char *name = doc_text(node);
    char shown[BUILD_SHOWN_MAX];
    text_escape(node->text, shown, sizeof shown);
    if (!build_name_fits(node->text) || name[0] == '.' || strchr(name, '/'))
        return build_problem(
            build, place_of(node),
            "\"%s\" cannot name a feed: it names a folder, 1 to %d bytes, without '/' or a dot in front", shown,
            PIPELINE_NAME_MAX);
    if (is_reserved(name))
        return build_problem(build, place_of(node),
                             "\"%s\" cannot name a feed: dropfold keeps its own files in that folder", shown);
    return true;
}

static bool check_new_feed(const struct build *build, const struct doc_node *node)
{
    for (size_t i = 0; i < build->pipeline->feed_count; i++)
        if (build_same_name(build->pipeline->feeds[i].name, doc_text(node)))
            return build_problem(build, place_of(node), "\"%s\" is a feed of this pipeline already", doc_text(node));
    return true;
}

bool build_find_feed(const struct build *build, struct place place, struct slice name, size_t *feed)
{
    const struct pipeline *p = build->pipeline;
    const char *names[PIPELINE_FEEDS_MAX];
    for (size_t i = 0; i < p->feed_count; i++)
        names[i] = p->feeds[i].name;
    if (doc_among(name, names, p->feed_count, feed))
        return true;
    char shown[BUILD_SHOWN_MAX], hint[TEXT_HINT_SIZE];
    return build_problem(build, place, "\"%s\" is no feed of this pipeline%s", text_escape(name, shown, sizeof shown),
                         text_hint(name, names, p->feed_count, hint));
}

/* --- descriptors -------------------------------------------------------------------------------------------------- */

static void report_file_name(const struct build *build, const char *path)
{
    struct doc file = {.path = path, .problems = build->doc->problems, .arena = build->arena};
    doc_problem(&file, NULL, "a descriptor's file is named by its version, as in 1.json");
}

/* The version in a file's name; 0 when it is none of a descriptor, which is a mistake if it ends in .json. */
static uint32_t version_of(const struct build *build, const char *folder, const char *name, bool *ok)
{
    size_t len = strlen(name);
    if (name[0] == '.' || len < 6 || strcmp(name + len - 5, ".json") != 0)
        return 0;
    char *stop;
    unsigned long version = name[0] >= '1' && name[0] <= '9' ? strtoul(name, &stop, 10) : 0;
    if (version > 0 && version <= DESCRIPTOR_VERSION_MAX && strcmp(stop, ".json") == 0)
        return (uint32_t)version;
    char shown[BUILD_SHOWN_MAX];
    const char *path = build_printf(build, "%s/%s", folder, text_escape(slice_of(name), shown, sizeof shown));
    if (path)
        report_file_name(build, path);
    *ok = false;
    return 0;
}

static int newest_first(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* The versions in the folder, highest first. */
static bool list_versions(const struct build *build, struct place place, const char *folder, uint32_t *versions,
                          size_t *count)
{
    DIR *dir = opendir(folder);
    if (!dir && errno == ENOMEM)
        return doc_memory(build->doc);
    if (!dir)
        return build_problem(build, place, "no descriptors: folder %s: %s", folder, strerror(errno));
    bool ok = true;
    const struct dirent *entry;
    *count = 0;
    /* A list that is cut short would be taken for other descriptors. */
    for (errno = 0; (entry = readdir(dir)); errno = 0) {
        uint32_t version = version_of(build, folder, entry->d_name, &ok);
        if (version == 0)
            continue;
        if (*count == VERSIONS_MAX) {
            ok = build_problem(build, place, "more than %d descriptors in %s", VERSIONS_MAX, folder);
            break;
        }
        versions[(*count)++] = version;
    }
    if (!entry && errno != 0)
        ok = build_problem(build, place, "no descriptors: folder %s: %s", folder, strerror(errno));
    closedir(dir);
    qsort(versions, *count, sizeof *versions, newest_first);
    if (ok && *count == 0)
        return build_problem(build, place, "no descriptors: folder %s has no 1.json", folder);
    return ok;
}

static bool load_descriptors(struct build *build, struct feed *feed, const char *folder, const uint32_t *versions,
                             size_t count)
{
    bool ok = true;
    feed->versions = build_alloc(build, count, sizeof *feed->versions);
    if (!feed->versions)
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *path = build_printf(build, "%s/%u.json", folder, versions[i]);
        struct descriptor *d =
            path ? descriptor_load(path, feed->name, versions[i], build->arena, build->doc->problems) : NULL;
        if (d)
            feed->versions[feed->version_count++].descriptor = d;
        else
            ok = false;
    }
    return ok;
}

/* Whether a version before number `version`, hence a newer one, has a field of this name. */
static bool is_in_newer(const struct feed *feed, size_t version, const char *name)
{
    for (size_t i = 0; i < version; i++)
        if (descriptor_field(feed->versions[i].descriptor, name))
            return true;
    return false;
}

/* The names of all fields of all versions, each once, the newest version's first. */
static bool collect_names(struct build *build, struct feed *feed, struct build_feed *known)
{
    size_t most = 0;
    for (size_t i = 0; i < feed->version_count; i++)
        most += feed->versions[i].descriptor->field_count;
    known->names = build_alloc(build, most, sizeof *known->names);
    if (!known->names)
        return false;
    for (size_t i = 0; i < feed->version_count; i++) {
        const struct descriptor *d = feed->versions[i].descriptor;
        for (size_t j = 0; j < d->field_count; j++)
            if (!is_in_newer(feed, i, d->fields[j].name))
                known->names[known->name_count++] = d->fields[j].name;
    }
    return true;
}

static bool load_feed(struct build *build, struct place place, struct feed *feed, struct build_feed *known)
{
    uint32_t versions[VERSIONS_MAX];
    size_t count = 0;
    const char *folder = build_printf(build, "%s/%s", build->folder, feed->name);
    if (!folder)
        return false;
    bool ok = list_versions(build, place, folder, versions, &count);
    ok = load_descriptors(build, feed, folder, versions, count) && ok;
    return collect_names(build, feed, known) && ok;
}

/* --- the feeds ---------------------------------------------------------------------------------------------------- */

/* Adds the feed that `object`, "facts" or a member of "join", names. */
static bool add_feed(struct build *build, const struct doc_node *object)
{
    struct pipeline *p = build->pipeline;
    const char *name = NULL;
    if (!doc_string(object, "feed", true, &name))
        return false;
    const struct doc_node *node = doc_member(object, "feed");
    if (!check_feed_name(build, node) || !check_new_feed(build, node))
        return false;
    struct feed *feed = &p->feeds[p->feed_count];
    struct build_feed *known = &build->feeds[p->feed_count++];
    *feed = (struct feed){.name = name,
                          .after = FEED_ARCHIVE,
                          .ready = FEED_READY_SETTLE,
                          .on_change = doc_member(object, "key") ? FEED_UPSERT : FEED_APPEND,
                          .settle = TIMESTAMP_SECOND};
    known->node = object;
    feed->fields = build_alloc(build, PIPELINE_FIELDS_MAX, sizeof *feed->fields);
    known->broken = !feed->fields || !load_feed(build, place_of(node), feed, known);
    return true;
}

static void add_joined(struct build *build, const struct doc_node *join)
{
    if (join->kind != DOC_ARRAY) {
        doc_problem(build->doc, join, "\"join\" is %s, expected a list of objects", doc_kind_name(join->kind));
        return;
    }
    for (const struct doc_node *item = join->child; item; item = item->next) {
        if (item->kind != DOC_OBJECT) {
            doc_problem(build->doc, item, "\"join\" lists %s, expected objects only", doc_kind_name(item->kind));
        } else if (build->pipeline->feed_count == PIPELINE_FEEDS_MAX) {
            doc_problem(build->doc, item, "more than %d joined feeds", PIPELINE_FEEDS_MAX - 1);
            return;
        } else {
            add_feed(build, item);
        }
    }
}

bool build_feeds(struct build *build, const struct doc_node *root)
{
    const struct doc_node *facts = NULL;
    build->pipeline->feeds = build_alloc(build, PIPELINE_FEEDS_MAX, sizeof *build->pipeline->feeds);
    if (!build->pipeline->feeds || !doc_object(root, "facts", true, &facts) || !add_feed(build, facts))
        return false;
    const struct doc_node *join = doc_member(root, "join");
    if (join)
        add_joined(build, join);
    return true;
}

/* Rows take the place of others by their key, and without one they do not. */
static void load_on_change(struct build *build, const struct doc_node *member, size_t index)
{
    struct feed *feed = &build->pipeline->feeds[index];
    bool keyed = doc_member(build->feeds[index].node, "key") != NULL;
    size_t word = feed->on_change;
    if (!doc_choice(member, "on_change", false, on_change_words, COUNT_OF(on_change_words), &word))
        return;
    feed->on_change = (enum feed_on_change)word;
    if (word == (keyed ? FEED_APPEND : FEED_UPSERT))
        doc_problem(build->doc, doc_member(member, "on_change"),
                    "\"on_change\" is \"%s\", but %s has %s, expected %s, replace or reject", on_change_words[word],
                    feed->name, keyed ? "a \"key\"" : "no \"key\"", keyed ? "upsert" : "append");
}

static void load_percent(struct build *build, const struct doc_node *member, struct feed_limits *limits)
{
    const struct value_type type = {.kind = VALUE_DECIMAL, .precision = 7, .scale = 4};
    const struct doc_node *node = doc_member(member, "max_rejects_percent");
    struct value value;
    const char *expected;
    if (!node)
        return;
    if (node->kind != DOC_NUMBER || !value_parse(type, NULL, 0, node->text, &value, &expected) || value.i < 0 ||
        value.i > 100 * FEED_PERCENT_UNIT) {
        doc_problem(build->doc, node,
                    "\"max_rejects_percent\" is %s, expected a number from 0 to 100 with at most 4 places",
                    node->kind == DOC_NUMBER ? doc_text(node) : doc_kind_name(node->kind));
        return;
    }
    limits->by_percent = true;
    limits->percent = (uint64_t)value.i;
    limits->percent_text = doc_text(node);
}

static void load_limits(struct build *build, const struct doc_node *member, struct feed_limits *limits)
{
    int64_t count = 0;
    if (doc_integer(member, "max_rejects", false, 0, MAX_REJECTS_MAX, &count) && doc_member(member, "max_rejects")) {
        limits->by_count = true;
        limits->count = (uint64_t)count;
    }
    load_percent(build, member, limits);
}

static void load_options(struct build *build, const struct doc_node *member)
{
    size_t index, after = FEED_ARCHIVE, ready = FEED_READY_SETTLE;
    if (!build_find_feed(build, place_of_name(member), member->name, &index))
        return;
    if (member->kind != DOC_OBJECT) {
        doc_problem(build->doc, member, "\"%s\" is %s, expected an object such as {\"after\": \"leave\"}",
                    member->name.data, doc_kind_name(member->kind));
        return;
    }
    struct feed *feed = &build->pipeline->feeds[index];
    doc_only(member, option_words, COUNT_OF(option_words));
    if (doc_choice(member, "after", false, after_words, COUNT_OF(after_words), &after))
        feed->after = (enum feed_after)after;
    if (doc_choice(member, "ready", false, ready_words, COUNT_OF(ready_words), &ready))
        feed->ready = (enum feed_ready)ready;
    (void)!build_interval(member, settle, false, &feed->settle);
    load_on_change(build, member, index);
    load_limits(build, member, &feed->limits);
}

void build_feed_options(struct build *build, const struct doc_node *root)
{
    const struct doc_node *feeds = NULL;
    if (!doc_object(root, "feeds", false, &feeds) || !feeds)
        return;
    for (const struct doc_node *member = feeds->child; member; member = member->next)
        load_options(build, member);
}

/* --- versions ----------------------------------------------------------------------------------------------------- */

static int field_index(const struct feed *feed, const char *name)
{
    for (size_t i = 0; i < feed->field_count; i++)
        if (strcmp(feed->fields[i].name, name) == 0)
            return (int)i;
    return -1;
}

bool feed_fallback(const struct descriptor_field *field, const struct feed_field *target, struct value *value)
{
    const char *expected;
    if (!descriptor_value(field, false, field->cleaning->fallback, value, &expected))
        return false;
    if (!target)
        return true;
    if (!value_type_equal(field->type, target->type) && !value_widen(field->type, target->type, value))
        return false;
    if (target->type.kind == VALUE_DOUBLE)
        return true;
    if (target->type.kind == VALUE_TEXT)
        return value->text.len <= (size_t)target->max;
    return value->i >= target->min && value->i <= target->max;
}

/* Only now is it known what the columns that show a field can hold. */
static bool check_fallbacks(const struct feed *feed, const struct feed_version *version)
{
    bool ok = true;
    const struct descriptor *d = version->descriptor;
    for (size_t i = 0; i < d->field_count; i++) {
        const struct descriptor_field *field = &d->fields[i];
        const struct cleaning *cleaning = field->cleaning;
        const struct feed_field *target = version->feed_field[i] < 0 ? NULL : &feed->fields[version->feed_field[i]];
        struct value value;
        if (!target || !cleaning || !cleaning->has_fallback || feed_fallback(field, target, &value))
            continue;
        char type[VALUE_TYPE_TEXT_SIZE], shown[BUILD_SHOWN_MAX];
        const char *name = cleaning->constant ? "constant" : "default";
        const struct doc_node *node = doc_member(doc_member(doc_member(d->root, "fields"), field->name), name);
        /* Without a target it was read when the descriptor was. */
        ok = doc_problem(node->doc, node, "\"%s\" is \"%s\", more than fits: %s", name,
                         text_escape(cleaning->fallback, shown, sizeof shown),
                         target->holder ? target->holder : value_type_text(target->type, type));
    }
    return ok;
}

/* Which field of the feed each of the version's is. */
static bool map_fields(struct build *build, const struct feed *feed, struct feed_version *version)
{
    const struct descriptor *d = version->descriptor;
    version->feed_field = build_alloc(build, d->field_count, sizeof *version->feed_field);
    if (!version->feed_field)
        return false;
    for (size_t i = 0; i < d->field_count; i++)
        version->feed_field[i] = field_index(feed, d->fields[i].name);
    return true;
}

bool build_versions(struct build *build)
{
    bool ok = true;
    for (size_t i = 0; i < build->pipeline->feed_count; i++) {
        struct feed *feed = &build->pipeline->feeds[i];
        for (size_t j = 0; j < feed->version_count; j++) {
            if (!map_fields(build, feed, &feed->versions[j]))
                return false;
            ok = check_fallbacks(feed, &feed->versions[j]) && ok;
        }
    }
    return ok;
}
