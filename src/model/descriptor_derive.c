#include "model/descriptor_derive.h"

#include <stdio.h>

#include "base/text.h"

/* --- names -------------------------------------------------------------------------------------------------------- */

static bool unknown_field(const struct descriptor *d, const struct doc_node *node)
{
    const char *names[DESCRIPTOR_FIELDS_MAX];
    char shown[DOC_SHOWN_MAX], hint[TEXT_HINT_SIZE];
    for (size_t i = 0; i < d->field_count; i++)
        names[i] = d->fields[i].name;
    return doc_problem(node->doc, node, "unknown field \"%s\"%s", text_escape(node->text, shown, sizeof shown),
                       text_hint(node->text, names, d->field_count, hint));
}

static bool find_source(struct descriptor *d, const struct doc_node *node, const struct descriptor_field *field,
                        size_t *source)
{
    const char *expected;
    char type[VALUE_TYPE_TEXT_SIZE];
    struct descriptor_field *found = NULL;
    for (size_t i = 0; i < d->field_count && !found; i++) {
        if (!slice_equal(slice_of(d->fields[i].name), node->text))
            continue;
        found = &d->fields[i];
        *source = i;
    }
    if (!found)
        return unknown_field(d, node);
    found->is_source = true;
    return derive_takes(field->derive->kind, found->type, field->type, &expected) ||
           doc_problem(node->doc, node, "\"%s\" is %s, expected %s for \"%s\"", found->name,
                       value_type_text(found->type, type), expected, derive_word(field->derive->kind));
}

static bool find_sources(struct descriptor *d, struct descriptor_field *field)
{
    struct derive *derive = field->derive;
    const struct doc_node *node = derive->names->kind == DOC_ARRAY ? derive->names->child : derive->names;
    bool ok = true;
    for (size_t i = 0; i < derive->count; i++, node = node->next)
        ok = find_source(d, node, field, &derive->sources[i]) && ok;
    return ok;
}

/* --- order -------------------------------------------------------------------------------------------------------- */

struct walk {
    struct descriptor *d;
    uint16_t path[DESCRIPTOR_DERIVED_MAX]; /* fields under way, each derived from the one behind it */
    size_t depth;
    bool done[DESCRIPTOR_FIELDS_MAX];
};

static bool in_circle(const struct walk *walk, size_t from)
{
    char names[512];
    size_t len = 0;
    const struct descriptor_field *fields = walk->d->fields;
    const struct descriptor_field *first = &fields[walk->path[from]];
    for (size_t i = from; i < walk->depth && len < sizeof names; i++)
        len += (size_t)snprintf(names + len, sizeof names - len, "%s, ", fields[walk->path[i]].name);
    const struct doc_node *node = first->derive->names;
    return doc_problem(node->doc, node, "\"%s\" is derived in a circle: %sand %s again", first->name, names,
                       first->name);
}

/* Puts the field behind those it is made of; as deep as there are derived fields at most. */
static bool visit(struct walk *walk, size_t index)
{
    const struct derive *derive = walk->d->fields[index].derive;
    if (!derive || walk->done[index])
        return true;
    for (size_t i = 0; i < walk->depth; i++)
        if (walk->path[i] == index)
            return in_circle(walk, i);
    walk->path[walk->depth++] = (uint16_t)index;
    bool ok = true;
    for (size_t i = 0; i < derive->count && ok; i++)
        ok = visit(walk, derive->sources[i]);
    walk->depth--;
    walk->done[index] = true;
    walk->d->derived[walk->d->derived_count++] = (uint16_t)index;
    return ok;
}

static size_t count_derived(const struct descriptor *d)
{
    size_t count = 0;
    for (size_t i = 0; i < d->field_count; i++)
        count += d->fields[i].derive != NULL;
    return count;
}

bool descriptor_derive(struct descriptor *d)
{
    struct walk walk = {.d = d};
    const struct doc_node *fields = doc_member(d->root, "fields");
    bool ok = true;
    size_t count = count_derived(d);
    if (count > DESCRIPTOR_DERIVED_MAX)
        return doc_problem(fields->doc, fields, "%zu fields are derived, expected at most %d", count,
                           DESCRIPTOR_DERIVED_MAX);
    for (size_t i = 0; i < d->field_count; i++)
        ok = (!d->fields[i].derive || find_sources(d, &d->fields[i])) && ok;
    for (size_t i = 0; ok && i < d->field_count; i++)
        ok = visit(&walk, i);
    return ok;
}
