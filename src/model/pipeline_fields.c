/* Fields by name: found in the descriptors, given their canonical type, and made known to their feed at first use. */
#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "base/text.h"
#include "model/pipeline_build.h"
#include "model/timestamp.h"

struct feed_field *build_feed_field(const struct build *build, struct field_ref ref)
{
    return &build->pipeline->feeds[ref.feed].fields[ref.field];
}

bool build_in_grain(const struct build *build, size_t field)
{
    const struct pipeline *p = build->pipeline;
    return build->grain_broken || list_has(p->grain_key, p->grain_key_count, field) ||
           list_has(p->grain_attributes, p->grain_attribute_count, field);
}

const char *build_ref_text(const struct build *build, struct field_ref ref, char out[BUILD_SHOWN_MAX])
{
    const char *field = build_feed_field(build, ref)->name;
    if (ref.feed == 0)
        snprintf(out, BUILD_SHOWN_MAX, "%s", field);
    else
        snprintf(out, BUILD_SHOWN_MAX, "%.30s.%s", build->pipeline->feeds[ref.feed].name, field);
    return out;
}

static bool unknown_field(const struct build *build, size_t feed, struct place place, struct slice name)
{
    const struct build_feed *known = &build->feeds[feed];
    if (known->broken)
        return false;
    char shown[BUILD_SHOWN_MAX], hint[TEXT_HINT_SIZE];
    return build_problem(build, place, "unknown field \"%s\" of %s%s", text_escape(name, shown, sizeof shown),
                         build->pipeline->feeds[feed].name, text_hint(name, known->names, known->name_count, hint));
}

/* The place of a descriptor field's type, for messages in that file. */
static const struct doc_node *type_node(const struct descriptor *d, const char *name)
{
    const struct doc_node *fields = doc_member(d->root, "fields");
    const struct doc_node *field = fields ? doc_member(fields, name) : NULL;
    const struct doc_node *type = field ? doc_member(field, "type") : NULL;
    return type ? type : d->root;
}

/* Whether every version's values of `name` are values of `type`; *other is the newest version for which they are not.
 */
static bool holds_all(const struct feed *feed, const char *name, struct value_type type,
                      const struct descriptor **other)
{
    for (size_t i = 0; i < feed->version_count; i++) {
        const struct descriptor_field *field = descriptor_field(feed->versions[i].descriptor, name);
        if (field && !value_type_widens(field->type, type)) {
            *other = feed->versions[i].descriptor;
            return false;
        }
    }
    return true;
}

/* The type that every version's widens to, with the problem told in the newest descriptor that has the field. */
static bool canonical_type(const struct feed *feed, const char *name, struct value_type *type)
{
    const struct descriptor *newest = NULL, *other = NULL;
    for (size_t i = 0; i < feed->version_count; i++) {
        const struct descriptor *d = feed->versions[i].descriptor;
        const struct descriptor_field *field = descriptor_field(d, name);
        if (!field)
            continue;
        const struct descriptor *misfit = NULL;
        if (holds_all(feed, name, field->type, &misfit)) {
            *type = field->type;
            return true;
        }
        if (!newest) {
            newest = d;
            other = misfit;
        }
    }
    char here[VALUE_TYPE_TEXT_SIZE], there[VALUE_TYPE_TEXT_SIZE], why[64] = "";
    const struct value_type a = descriptor_field(newest, name)->type, b = descriptor_field(other, name)->type;
    if (a.kind == VALUE_DECIMAL && b.kind == VALUE_DECIMAL)
        snprintf(why, sizeof why, ": %d digits before the point here, %d there", a.precision - a.scale,
                 b.precision - b.scale);
    const struct doc_node *node = type_node(newest, name);
    return doc_problem(node->doc, node, "\"%s\" is %s here and %s in %s, and neither holds every value of the other%s",
                       name, value_type_text(a, here), value_type_text(b, there), other->path, why);
}

static const char *field_doc(const struct feed *feed, const char *name)
{
    for (size_t i = 0; i < feed->version_count; i++) {
        const struct descriptor_field *field = descriptor_field(feed->versions[i].descriptor, name);
        if (field && field->doc)
            return field->doc;
    }
    return NULL;
}

/* What a type holds before any column narrows it. */
static void free_range(struct feed_field *field)
{
    field->min = INT64_MIN;
    field->max = INT64_MAX;
    if (field->type.kind == VALUE_TIMESTAMP) {
        field->min = TIMESTAMP_MIN;
        field->max = TIMESTAMP_MAX;
    } else if (field->type.kind == VALUE_DATE) {
        field->min = TIMESTAMP_MIN / TIMESTAMP_DAY;
        field->max = TIMESTAMP_MAX / TIMESTAMP_DAY;
    } else if (field->type.kind == VALUE_TEXT) {
        field->min = 0;
        field->max = TEXT_VALUE_MAX;
    }
}

static bool add_field(struct build *build, size_t feed_index, struct place place, const char *name)
{
    struct feed *feed = &build->pipeline->feeds[feed_index];
    struct value_type type;
    if (feed->field_count == PIPELINE_FIELDS_MAX)
        return build_problem(build, place, "more than %d fields of %s are used", PIPELINE_FIELDS_MAX, feed->name);
    if (!canonical_type(feed, name, &type))
        return false;
    struct feed_field *field = &feed->fields[feed->field_count++];
    *field = (struct feed_field){.name = name, .type = type, .doc = field_doc(feed, name)};
    free_range(field);
    return true;
}

bool build_field(struct build *build, size_t feed_index, struct place place, struct slice name, size_t *field)
{
    const struct feed *feed = &build->pipeline->feeds[feed_index];
    for (size_t i = 0; i < feed->field_count; i++)
        if (slice_equal(slice_of(feed->fields[i].name), name)) {
            *field = i;
            return true;
        }
    const struct build_feed *known = &build->feeds[feed_index];
    for (size_t i = 0; i < known->name_count; i++)
        if (slice_equal(slice_of(known->names[i]), name)) {
            *field = feed->field_count;
            return add_field(build, feed_index, place, known->names[i]);
        }
    return unknown_field(build, feed_index, place, name);
}

bool build_reference(struct build *build, struct place place, struct slice name, struct field_ref *ref)
{
    /* A feed's name may hold a dot, a field's cannot. */
    const char *dot = name.len > 0 ? memrchr(name.data, '.', name.len) : NULL;
    ref->feed = 0;
    if (!dot)
        return build_field(build, 0, place, name, &ref->field);
    struct slice feed = {name.data, (size_t)(dot - name.data)};
    struct slice field = {dot + 1, name.len - feed.len - 1};
    return build_find_feed(build, place, feed, &ref->feed) && build_field(build, ref->feed, place, field, &ref->field);
}

bool build_member_reference(struct build *build, const struct doc_node *object, const char *name, struct field_ref *ref)
{
    const char *text = NULL;
    if (!doc_string(object, name, true, &text))
        return false;
    return build_reference(build, place_of(doc_member(object, name)), slice_of(text), ref);
}

bool build_check_field(struct build *build, struct place place, struct field_ref ref, bool never_null, const char *what)
{
    const struct feed *feed = &build->pipeline->feeds[ref.feed];
    const char *name = feed->fields[ref.field].name;
    bool ok = true;
    for (size_t i = 0; i < feed->version_count; i++) {
        const struct descriptor *d = feed->versions[i].descriptor;
        const struct descriptor_field *field = descriptor_field(d, name);
        if (!field)
            ok = build_problem(build, place, "\"%s\" is not in %s, but %s must be in every version", name, d->path,
                               what);
        else if (never_null && !descriptor_field_is_filled(field))
            ok = build_problem(build, place, "\"%s\" can be null by %s, but %s cannot: make it \"required\" there",
                               name, d->path, what);
    }
    return ok;
}

void build_narrow(struct build *build, struct field_ref ref, int64_t min, int64_t max, const char *holder)
{
    struct feed_field *field = build_feed_field(build, ref);
    if (min <= field->min && max >= field->max)
        return;
    field->min = min > field->min ? min : field->min;
    field->max = max < field->max ? max : field->max;
    if (!field->holder)
        field->holder = holder;
}
