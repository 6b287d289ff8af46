/* Descriptors: the file as a whole. Its fields are read in descriptor_field.c, the form of its files in
   descriptor_format.c; fields are bound to columns in descriptor_bind.c. */
#include "model/descriptor.h"

#include <string.h>

#include "model/descriptor_derive.h"
#include "model/descriptor_extends.h"
#include "model/descriptor_field.h"
#include "model/descriptor_format.h"

static const char *const descriptor_words[] = {"feed",    "version", "format",  "encoding", "delimiter", "quote",
                                               "comment", "skip",    "header",  "names",    "null",      "match",
                                               "extends", "repair",  "unknown", "fields"};
static const char *const names_words[] = {"exact", "underscore", "fold"};
static const char *const unknown_words[] = {"ignore", "reject"};

/* The folder's and the file's names say which feed and version this is; a copy that was not edited is found here. */
static bool load_identity(const struct doc_node *root, struct descriptor *d)
{
    const char *feed = NULL;
    int64_t version = d->version;
    bool ok = doc_string(root, "feed", true, &feed);
    if (feed && strcmp(feed, d->feed) != 0)
        ok = doc_problem(root->doc, doc_member(root, "feed"), "\"feed\" is \"%s\", expected \"%s\" as the folder says",
                         feed, d->feed);
    if (!doc_integer(root, "version", true, 1, DESCRIPTOR_VERSION_MAX, &version))
        return false;
    if (version != d->version)
        return doc_problem(root->doc, doc_member(root, "version"),
                           "\"version\" is %jd, expected %u as the file's name says", (intmax_t)version, d->version);
    return ok;
}

static bool load_form(const struct doc_node *root, struct descriptor *d)
{
    size_t names = DESCRIPTOR_NAMES_EXACT, unknown = 0;
    bool ok = descriptor_format_load(root, d);
    ok = doc_choice(root, "names", false, names_words, COUNT_OF(names_words), &names) && ok;
    ok = doc_choice(root, "unknown", false, unknown_words, COUNT_OF(unknown_words), &unknown) && ok;
    d->unknown_rejected = unknown == 1;
    d->names = (enum descriptor_names)names;
    return doc_slices(root, "match", &d->match, &d->match_count) && ok;
}

static bool load_repair(const struct doc_node *root, struct descriptor *d)
{
    static const char *const repair_words[] = {"unquoted"};
    const struct doc_node *repair = NULL;
    if (!doc_object(root, "repair", false, &repair))
        return false;
    if (!repair)
        return true;
    bool ok = doc_only(repair, repair_words, COUNT_OF(repair_words));
    ok = doc_slices(repair, "unquoted", &d->repair, &d->repair_count) && ok;
    if (ok && (d->repair_count == 0 || d->repair_count > DESCRIPTOR_REPAIR_MAX))
        ok = doc_problem(repair->doc, repair, "\"repair\" needs \"unquoted\", a list of 1 to %d columns",
                         DESCRIPTOR_REPAIR_MAX);
    return (d->format == DESCRIPTOR_CSV || doc_problem(repair->doc, repair, "\"repair\" is for CSV files only")) && ok;
}

static bool load_null(const struct doc_node *root, struct arena *arena, struct slice **words, size_t *count)
{
    if (!doc_slices(root, "null", words, count))
        return false;
    if (*words)
        return true;
    *words = arena_array(arena, 1, sizeof **words); /* one word: the empty text */
    if (!*words)
        return doc_memory(root->doc);
    (*words)[0] = SLICE("");
    *count = 1;
    return true;
}

static bool load_fields(const struct doc_node *root, struct arena *arena, struct descriptor *d)
{
    struct slice *null = NULL;
    size_t null_count = 0;
    bool ok = load_null(root, arena, &null, &null_count);
    const struct doc_node *fields = NULL;
    if (!doc_object(root, "fields", true, &fields))
        return false;
    if (fields->count == 0 || fields->count > DESCRIPTOR_FIELDS_MAX)
        return doc_problem(root->doc, fields, "\"fields\" has %zu fields, expected 1 to %d", fields->count,
                           DESCRIPTOR_FIELDS_MAX);
    d->fields = arena_array(arena, fields->count, sizeof *d->fields);
    if (!d->fields)
        return doc_memory(root->doc);
    for (const struct doc_node *member = fields->child; member; member = member->next) {
        struct descriptor_field *field = &d->fields[d->field_count++];
        field->null = null;
        field->null_count = null_count;
        ok = descriptor_field_load(member, arena, field) && ok;
    }
    return ok;
}

/* A descriptor that extends others is another one when they change, and so it is when the rules of its zones do. */
static bool load_digest(const struct doc *doc, const struct descriptor_chain *chain, struct descriptor *d)
{
    struct digester digester;
    if (!digester_init(&digester, NULL))
        return doc_memory(doc);
    for (size_t i = 0; i < chain->count; i++)
        digester_add(&digester, chain->docs[i]->text);
    for (size_t i = 0; i < d->field_count; i++) {
        const struct descriptor_field *field = &d->fields[i];
        if (field->cleaning && field->cleaning->zone)
            zone_add_digest(field->cleaning->zone, &digester);
        if (field->derive && field->derive->zone)
            zone_add_digest(field->derive->zone, &digester);
    }
    d->digest = digester_take(&digester);
    return true;
}

static bool load(const struct doc *doc, struct arena *arena, struct descriptor *d)
{
    struct descriptor_chain chain;
    if (doc->root->kind != DOC_OBJECT)
        return doc_problem(doc, doc->root, "a descriptor is an object, found %s", doc_kind_name(doc->root->kind));
    const struct doc_node *root = d->root = descriptor_extend(doc, d->version, &chain);
    if (!root)
        return false;
    bool ok = doc_only(root, descriptor_words, COUNT_OF(descriptor_words));
    ok = load_identity(root, d) && ok;
    ok = load_form(root, d) && ok;
    ok = load_repair(root, d) && ok;
    ok = load_fields(root, arena, d) && descriptor_format_check(root, arena, d) && descriptor_derive(d) && ok;
    return load_digest(doc, &chain, d) && ok;
}

struct descriptor *descriptor_load(const char *path, const char *feed, uint32_t version, struct arena *arena,
                                   struct doc_problems *problems)
{
    struct doc *doc = arena_array(arena, 1, sizeof *doc);
    struct descriptor *d = arena_array(arena, 1, sizeof *d);
    if (!doc || !d) {
        doc_problems_memory(problems, path);
        return NULL;
    }
    if (!doc_load(doc, path, arena, problems))
        return NULL;
    d->version = version;
    d->feed = arena_string(arena, slice_of(feed));
    d->path = arena_string(arena, slice_of(path));
    if (!d->feed || !d->path) {
        doc_memory(doc);
        return NULL;
    }
    if (load(doc, arena, d))
        return d;
    descriptor_close(d);
    return NULL;
}

void descriptor_close(struct descriptor *descriptor)
{
    if (!descriptor)
        return;
    for (size_t i = 0; i < descriptor->field_count; i++) {
        pattern_free(descriptor->fields[i].extract);
        descriptor->fields[i].extract = NULL;
        cleaning_close(descriptor->fields[i].cleaning);
    }
}

const struct descriptor_field *descriptor_field(const struct descriptor *descriptor, const char *name)
{
    for (size_t i = 0; i < descriptor->field_count; i++)
        if (strcmp(descriptor->fields[i].name, name) == 0)
            return &descriptor->fields[i];
    return NULL;
}
