#include "model/descriptor_diff.h"

#include <stdarg.h>

#include "base/text.h"
#include "model/doc.h"

struct walk {
    const struct descriptor *old, *new;
    struct descriptor_diff *diff;
    struct buf *out;
};

PRINTF_LIKE(2, 3) static void change(struct walk *walk, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    text_format(line, sizeof line, format, args);
    va_end(args);
    buf_printf(walk->out, "%s\n", line);
    walk->diff->changes++;
}

/* Whether some source name of one field is one of the other. */
static bool share_a_name(const struct descriptor *d, const struct descriptor_field *a, const struct descriptor_field *b)
{
    for (size_t i = 0; i < a->from_count; i++)
        for (size_t k = 0; k < b->from_count; k++)
            if (descriptor_name_matches(d, a->from[i], b->from[k]))
                return true;
    return false;
}

/* The field of `d` that is not in `other` by its name, and reads what `field` reads. */
static const struct descriptor_field *renamed(const struct descriptor *d, const struct descriptor *other,
                                              const struct descriptor_field *field)
{
    for (size_t i = 0; i < d->field_count; i++)
        if (!descriptor_field(other, d->fields[i].name) && share_a_name(d, field, &d->fields[i]))
            return &d->fields[i];
    return NULL;
}

static void compare_types(struct walk *walk, const struct descriptor_field *old, const struct descriptor_field *new)
{
    char before[VALUE_TYPE_TEXT_SIZE], after[VALUE_TYPE_TEXT_SIZE];
    const char *what = "of another kind: neither holds every value of the other";
    if (value_type_equal(old->type, new->type))
        return;
    if (value_type_widens(old->type, new->type)) {
        what = "wider";
        walk->diff->wider++;
    } else if (value_type_widens(new->type, old->type)) {
        what = "narrower";
    } else {
        walk->diff->problems++;
    }
    change(walk, "~ %s: %s is now %s, %s", new->name, value_type_text(old->type, before),
           value_type_text(new->type, after), what);
}

static bool same_node(const struct doc_node *a, const struct doc_node *b)
{
    if (!a || !b || a->kind != b->kind || a->count != b->count || a->truth != b->truth ||
        !slice_equal(a->text, b->text))
        return a == b;
    const struct doc_node *left = a->child, *right = b->child;
    for (; left && right; left = left->next, right = right->next)
        if (!slice_equal(left->name, right->name) || !same_node(left, right))
            return false;
    return left == right;
}

static const struct doc_node *field_node(const struct descriptor *d, const char *name)
{
    const struct doc_node *fields = doc_member(d->root, "fields");
    return fields ? doc_member(fields, name) : NULL;
}

/* Keys that are compared by what they mean, or mean nothing. */
static bool is_compared(struct slice key)
{
    return slice_equal(key, SLICE("type")) || slice_equal(key, SLICE("required")) || slice_equal(key, SLICE("doc"));
}

static void compare_keys(struct walk *walk, const char *what, const struct doc_node *old, const struct doc_node *new)
{
    for (const struct doc_node *key = old->child; key; key = key->next)
        if (!is_compared(key->name) && !same_node(key, doc_member(new, key->name.data)))
            change(walk, "~ %s: \"%s\" is another", what, key->name.data);
    for (const struct doc_node *key = new->child; key; key = key->next)
        if (!is_compared(key->name) && !doc_member(old, key->name.data))
            change(walk, "~ %s: \"%s\" is new", what, key->name.data);
}

static void compare_fields(struct walk *walk, const struct descriptor_field *old, const struct descriptor_field *new)
{
    const struct doc_node *before = field_node(walk->old, old->name), *after = field_node(walk->new, new->name);
    compare_types(walk, old, new);
    if (old->required != new->required)
        change(walk, "~ %s: %s", new->name, new->required ? "required now" : "required no more");
    if (before && after)
        compare_keys(walk, new->name, before, after);
}

static void put_field(struct walk *walk, char sign, const struct descriptor_field *field)
{
    char type[VALUE_TYPE_TEXT_SIZE];
    change(walk, "%c %s: %s%s", sign, field->name, value_type_text(field->type, type),
           field->required ? ", required" : "");
}

/* Keys of the whole file; what a version is called is no difference. */
static void compare_roots(struct walk *walk)
{
    static const char *const keys[] = {"feed",   "format", "encoding", "delimiter", "quote",   "comment", "skip",
                                       "header", "names",  "null",     "match",     "unknown", "repair"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const struct doc_node *old = doc_member(walk->old->root, keys[i]);
        const struct doc_node *new = doc_member(walk->new->root, keys[i]);
        if (!same_node(old, new))
            change(walk, "~ \"%s\" is %s", keys[i], !old ? "new" : !new ? "gone" : "another");
    }
}

static void compare_all(struct walk *walk)
{
    compare_roots(walk);
    for (size_t i = 0; i < walk->old->field_count; i++) {
        const struct descriptor_field *old = &walk->old->fields[i];
        const struct descriptor_field *new = descriptor_field(walk->new, old->name);
        const struct descriptor_field *instead = new ? NULL : renamed(walk->new, walk->old, old);
        if (new)
            compare_fields(walk, old, new);
        else if (instead)
            change(walk, "~ %s is called %s now: the pipeline knows them as two fields", old->name, instead->name);
        else
            put_field(walk, '-', old);
    }
    for (size_t i = 0; i < walk->new->field_count; i++) {
        const struct descriptor_field *new = &walk->new->fields[i];
        if (!descriptor_field(walk->old, new->name) && !renamed(walk->old, walk->new, new))
            put_field(walk, '+', new);
    }
}

/* Whether every file that fits the old one fits the new one as well, which is then chosen for it. */
static bool takes_over(const struct descriptor *old, const struct descriptor *new)
{
    struct descriptor alike =
        *old; /* in what a reading does not show for sure: see docs/descriptors.md, forms of files */
    alike.form.encoding = new->form.encoding;
    alike.form.lines = alike.form.lines && new->form.lines; /* json reads what ndjson does */
    bool asks = !descriptor_same_form(&alike, new) || new->match_count > 0 || new->unknown_rejected;
    for (size_t i = 0; i < new->field_count && !asks; i++) {
        const struct descriptor_field *before = descriptor_field(old, new->fields[i].name);
        asks = descriptor_field_needs_column(&new->fields[i]) &&
               (!before || !descriptor_field_needs_column(before) || !share_a_name(new, &new->fields[i], before));
    }
    return !asks;
}

/* A type that is used is part of what the store was made with; how files are read is not. */
static void put_verdict(const struct walk *walk)
{
    if (!same_node(doc_member(walk->old->root, "feed"), doc_member(walk->new->root, "feed"))) {
        buf_put_text(walk->out, "no: they are of two feeds\n");
        return;
    }
    if (walk->diff->problems > 0) {
        buf_put_text(walk->out, "no: both cannot be versions of one feed, as a field has one type there\n");
        return;
    }
    buf_put_text(walk->out, "yes: both can be versions of one feed");
    if (walk->diff->wider > 0)
        buf_put_text(walk->out, ", where the pipeline uses a field that is wider now after `dropfold replay`");
    if (takes_over(walk->old, walk->new))
        buf_put_text(walk->out, "; but the new one asks for nothing that the old one does not: as a higher version it "
                                "would be chosen for the old files too (\"required\" or \"match\" tell them apart)");
    buf_put_byte(walk->out, '\n');
}

void descriptor_diff(const struct descriptor *old, const struct descriptor *new, struct descriptor_diff *diff,
                     struct buf *out)
{
    struct walk walk = {old, new, diff, out};
    *diff = (struct descriptor_diff){0};
    compare_all(&walk);
    if (diff->changes == 0)
        buf_put_text(out, "equal\n");
    else
        put_verdict(&walk);
}
