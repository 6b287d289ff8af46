/* The tree of one version laid over that of another; nodes are copied where their lists change. */
#include "model/descriptor_extends.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/descriptor.h"

enum { VERSION_NAME_MAX = 32 /* bytes of "1000000.json", the NUL included */ };

/* What belongs to one version and no other: which one it is, and what its files alone have. */
static const char *const own_words[] = {"feed", "version", "match", "extends"};

/* --- reading the chain -------------------------------------------------------------------------------------------- */

/* "<folder of path>/<version>.json" */
static const char *sibling(const struct doc *doc, uint32_t version)
{
    const char *slash = strrchr(doc->path, '/');
    size_t folder = slash ? (size_t)(slash - doc->path) + 1 : 0;
    char *path = arena_alloc(doc->arena, folder + VERSION_NAME_MAX);
    if (!path)
        return NULL;
    memcpy(path, doc->path, folder);
    snprintf(path + folder, VERSION_NAME_MAX, "%" PRIu32 ".json", version);
    return path;
}

/* "2.json, 1.json" */
static void name_chain(const struct descriptor_chain *chain, size_t from, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = from; i < chain->count && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%" PRIu32 ".json", i > from ? ", " : "", chain->versions[i]);
}

static bool check_new(const struct descriptor_chain *chain, const struct doc_node *node, uint32_t version)
{
    char names[512];
    for (size_t i = 0; i < chain->count; i++) {
        if (chain->versions[i] != version)
            continue;
        name_chain(chain, i, names, sizeof names);
        return doc_problem(node->doc, node, "\"extends\" goes in a circle: %s, and %" PRIu32 ".json again", names,
                           version);
    }
    return chain->count < DESCRIPTOR_EXTENDS_MAX ||
           doc_problem(node->doc, node, "\"extends\" goes over more than %d versions", DESCRIPTOR_EXTENDS_MAX);
}

/* The document that `node`, an "extends", names. */
static bool load_base(struct descriptor_chain *chain, const struct doc_node *node, uint32_t version)
{
    const struct doc *doc = node->doc;
    const char *path = sibling(doc, version);
    struct doc *base = arena_array(doc->arena, 1, sizeof *base);
    if (!path || !base)
        return doc_memory(doc);
    if (!check_new(chain, node, version))
        return false;
    if (!doc_exists(path))
        return doc_problem(doc, node, "\"extends\" is %" PRIu32 ", but there is no %s", version, path);
    if (!doc_load(base, path, doc->arena, doc->problems))
        return false;
    if (base->root->kind != DOC_OBJECT)
        return doc_problem(base, base->root, "a descriptor is an object, found %s", doc_kind_name(base->root->kind));
    chain->docs[chain->count] = base;
    chain->versions[chain->count++] = version;
    return true;
}

static bool load_chain(struct descriptor_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        int64_t version = 0;
        const struct doc_node *root = chain->docs[i]->root;
        if (!doc_integer(root, "extends", false, 1, DESCRIPTOR_VERSION_MAX, &version))
            return false;
        if (version > 0 && !load_base(chain, doc_member(root, "extends"), (uint32_t)version))
            return false;
    }
    return true;
}

/* --- laying one over the other ------------------------------------------------------------------------------------ */

/* A list of copies. */
struct list {
    const struct doc *doc;
    struct doc_node *parent, *last;
    bool failed;
};

static void append(struct list *list, const struct doc_node *node)
{
    struct doc_node *copy = arena_array(list->doc->arena, 1, sizeof *copy);
    if (!copy) {
        list->failed = true;
        return;
    }
    *copy = *node;
    copy->next = NULL;
    if (list->last)
        list->last->next = copy;
    else
        list->parent->child = copy;
    list->last = copy;
    list->parent->count++;
}

/* A copy of `node` without its children. */
static struct list begin(const struct doc *doc, const struct doc_node *node)
{
    struct list list = {.doc = doc, .parent = arena_array(doc->arena, 1, sizeof *list.parent)};
    list.failed = !list.parent;
    if (list.parent) {
        *list.parent = *node;
        list.parent->child = NULL;
        list.parent->count = 0;
    }
    return list;
}

static bool check_dropped(const struct doc_node *fields, const struct doc_node *base)
{
    bool ok = true;
    for (const struct doc_node *field = fields->child; field; field = field->next)
        if (field->kind == DOC_NULL && !doc_member(base, field->name.data))
            ok = doc_problem(field->doc, field, "\"%s\" is null, but %s has no such field to drop", field->name.data,
                             base->doc->path);
    return ok;
}

/* The base's fields in their order, then the new ones. */
static const struct doc_node *lay_fields(const struct doc *doc, const struct doc_node *fields,
                                         const struct doc_node *base)
{
    if (!fields || !base || fields->kind != DOC_OBJECT || base->kind != DOC_OBJECT)
        return fields ? fields : base;
    struct list list = begin(doc, fields);
    bool ok = check_dropped(fields, base);
    for (const struct doc_node *field = base->child; field && !list.failed; field = field->next) {
        const struct doc_node *over = doc_member(fields, field->name.data);
        if (!over || over->kind != DOC_NULL)
            append(&list, over ? over : field);
    }
    for (const struct doc_node *field = fields->child; field && !list.failed; field = field->next)
        if (field->kind != DOC_NULL && !doc_member(base, field->name.data))
            append(&list, field);
    if (list.failed)
        doc_memory(doc);
    return ok && !list.failed ? list.parent : NULL;
}

static const struct doc_node *lay_root(const struct doc *doc, const struct doc_node *base)
{
    struct list list = begin(doc, doc->root);
    const struct doc_node *fields = lay_fields(doc, doc_member(doc->root, "fields"), doc_member(base, "fields"));
    bool named = doc_member(doc->root, "fields") || doc_member(base, "fields");
    for (const struct doc_node *member = doc->root->child; member && !list.failed; member = member->next)
        if (!slice_equal(member->name, SLICE("fields")))
            append(&list, member);
    for (const struct doc_node *member = base->child; member && !list.failed; member = member->next)
        if (!doc_among(member->name, own_words, COUNT_OF(own_words), NULL) &&
            !slice_equal(member->name, SLICE("fields")) && !doc_member(doc->root, member->name.data))
            append(&list, member);
    if (fields && !list.failed)
        append(&list, fields);
    if (list.failed)
        doc_memory(doc);
    return list.failed || (named && !fields) ? NULL : list.parent;
}

const struct doc_node *descriptor_extend(const struct doc *doc, uint32_t version, struct descriptor_chain *chain)
{
    *chain = (struct descriptor_chain){.docs = {doc}, .versions = {version}, .count = 1};
    if (!load_chain(chain))
        return NULL;
    const struct doc_node *root = chain->docs[chain->count - 1]->root;
    for (size_t i = chain->count - 1; i > 0 && root; i--)
        root = lay_root(chain->docs[i - 1], root);
    return root;
}
