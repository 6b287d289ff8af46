/* The shape of the facts: keys and which row of a key counts, grain, joins, filters. */
#include <string.h>

#include "base/list.h"
#include "model/pipeline_build.h"

static const char *const facts_words[] = {"feed", "key", "version_field", "delete", "grain", "filter"};
static const char *const grain_words[] = {"key", "attributes"};
static const char *const join_words[] = {"feed", "key", "version_field", "delete", "on", "required", "filter"};

/* The texts of a member that is one text or a list of texts, with their places. */
struct names {
    const char **text;
    size_t count;
    const struct doc_node *node; /* the member */
};

static bool load_names(const struct doc_node *object, const char *name, bool required, struct names *names)
{
    *names = (struct names){.node = doc_member(object, name)};
    return doc_strings(object, name, required, &names->text, &names->count);
}

/* Where text number `i` of such a member stands. */
static struct place item_place(const struct doc_node *member, size_t i)
{
    const struct doc_node *node = member->kind == DOC_ARRAY ? member->child : member;
    while (i-- > 0)
        node = node->next;
    return place_of(node);
}

/* A member of `object` that lists fields of a feed, and where they go. */
struct field_list {
    size_t feed;
    const struct doc_node *object;
    const char *name;
    size_t *fields, *count, max;
};

/* Reads the fields, each once. */
static bool load_fields(struct build *build, const struct field_list *list, bool required)
{
    struct names names;
    if (!load_names(list->object, list->name, required, &names))
        return false;
    if (names.node && names.count == 0)
        return doc_problem(build->doc, names.node, "\"%s\" is empty, expected fields of %s", list->name,
                           build->pipeline->feeds[list->feed].name);
    if (names.count > list->max)
        return doc_problem(build->doc, names.node, "\"%s\" has %zu fields, expected at most %zu", list->name,
                           names.count, list->max);
    bool ok = true;
    *list->count = 0;
    for (size_t i = 0; i < names.count; i++) {
        size_t field;
        struct place place = item_place(names.node, i);
        if (!build_field(build, list->feed, place, slice_of(names.text[i]), &field))
            ok = false;
        else if (list_has(list->fields, *list->count, field))
            ok = build_problem(build, place, "\"%s\" stands twice in \"%s\"", names.text[i], list->name);
        else
            list->fields[(*list->count)++] = field;
    }
    return ok;
}

/* Of a list that loaded as a whole, reports the fields that some version lacks, or leaves null. */
static void check_fields(struct build *build, const struct field_list *list, bool never_null, const char *what)
{
    const struct doc_node *node = doc_member(list->object, list->name);
    for (size_t i = 0; i < *list->count; i++)
        build_check_field(build, item_place(node, i), (struct field_ref){list->feed, list->fields[i]}, never_null,
                          what);
}

/* False when it is not known what the key is. */
static bool load_key(struct build *build, size_t index, const struct doc_node *object)
{
    struct feed *feed = &build->pipeline->feeds[index];
    const struct field_list key = {index, object, "key", feed->key, &feed->key_count, PIPELINE_KEY_MAX};
    if (!load_fields(build, &key, false))
        return false;
    check_fields(build, &key, true, "a key field");
    return true;
}

/* --- filters ------------------------------------------------------------------------------------------------------ */

struct filter_context {
    struct build *build;
    size_t feed;
};

/* A filter speaks of its own feed: "Field", or "Feed.Field" with that feed. */
static bool resolve_own(void *context, const struct doc_node *member, size_t *field, struct value_type *type)
{
    const struct filter_context *own = context;
    struct build *build = own->build;
    struct place place = place_of_name(member);
    struct field_ref ref = {.feed = own->feed};
    if (!memchr(member->name.data, '.', member->name.len)) {
        if (!build_field(build, own->feed, place, member->name, &ref.field))
            return false;
    } else if (!build_reference(build, place, member->name, &ref)) {
        return false;
    }
    if (ref.feed != own->feed)
        return build_problem(build, place, "\"%s\" is not of %s: a filter reads its own feed only", member->name.data,
                             build->pipeline->feeds[own->feed].name);
    *field = ref.field;
    *type = build_feed_field(build, ref)->type;
    return true;
}

static void load_condition(struct build *build, size_t feed, const struct doc_node *node, struct condition **condition)
{
    struct filter_context context = {build, feed};
    if (node)
        *condition = condition_load(node, resolve_own, &context, build->arena);
}

static void load_filter(struct build *build, size_t feed, const struct doc_node *object)
{
    load_condition(build, feed, doc_member(object, "filter"), &build->pipeline->feeds[feed].filter);
}

/* --- versions and delete markers ---------------------------------------------------------------------------------- */

static bool check_version_type(struct build *build, struct place place, const struct feed_field *field)
{
    char type[VALUE_TYPE_TEXT_SIZE];
    switch (field->type.kind) {
    case VALUE_INT64:
    case VALUE_DECIMAL:
    case VALUE_DATE:
    case VALUE_TIMESTAMP:
        return true;
    case VALUE_DOUBLE:
    case VALUE_TEXT:
    case VALUE_BOOL:
        break;
    }
    return build_problem(build, place, "\"%s\" is %s: a version is an int64, a decimal, a date or a timestamp",
                         field->name, value_type_text(field->type, type));
}

static void load_version(struct build *build, size_t index, const struct doc_node *object)
{
    struct feed *feed = &build->pipeline->feeds[index];
    const struct doc_node *node = doc_member(object, "version_field");
    const char *name = NULL;
    if (!doc_string(object, "version_field", false, &name) || !name ||
        !build_field(build, index, place_of(node), slice_of(name), &feed->version_field))
        return;
    feed->versioned = check_version_type(build, place_of(node), &feed->fields[feed->version_field]);
}

/* Both say which row of a key counts, so there must be a key. */
static void load_ranking(struct build *build, size_t index, const struct doc_node *object)
{
    static const char *const words[] = {"version_field", "delete"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (doc_member(object, words[i]) && !doc_member(object, "key"))
            doc_problem(build->doc, doc_member(object, words[i]), "\"%s\" without a \"key\": every row is a record",
                        words[i]);
    load_version(build, index, object);
    load_condition(build, index, doc_member(object, "delete"), &build->pipeline->feeds[index].deletes);
}

/* --- grain -------------------------------------------------------------------------------------------------------- */

/* A record must lie in one unit, whichever of its versions is live. */
static void check_grain_key(struct build *build, const struct doc_node *grain)
{
    const struct pipeline *p = build->pipeline;
    const struct feed *facts = &p->feeds[0];
    if (facts->key_count == 0)
        return;
    for (size_t i = 0; i < p->grain_key_count; i++)
        if (!list_has(facts->key, facts->key_count, p->grain_key[i]))
            build_problem(build, item_place(doc_member(grain, "key"), i),
                          "grain key \"%s\" must be among the facts' key fields too",
                          facts->fields[p->grain_key[i]].name);
}

static void load_grain(struct build *build, const struct doc_node *facts)
{
    struct pipeline *p = build->pipeline;
    const struct doc_node *grain = NULL;
    if (!doc_object(facts, "grain", false, &grain) || !grain)
        return;
    p->has_grain = true;
    size_t before = build->doc->problems->count;
    doc_only(grain, grain_words, COUNT_OF(grain_words));
    const struct field_list key = {0, grain, "key", p->grain_key, &p->grain_key_count, PIPELINE_KEY_MAX};
    if (load_fields(build, &key, true)) {
        check_fields(build, &key, true, "a grain key");
        check_grain_key(build, grain);
    }
    const struct field_list attributes = {
        0, grain, "attributes", p->grain_attributes, &p->grain_attribute_count, PIPELINE_FIELDS_MAX};
    if (load_fields(build, &attributes, false))
        check_fields(build, &attributes, false, "a grain attribute");
    for (size_t i = 0; i < p->grain_attribute_count; i++)
        if (list_has(p->grain_key, p->grain_key_count, p->grain_attributes[i]))
            build_problem(build, item_place(doc_member(grain, "attributes"), i), "\"%s\" is a grain key already",
                          p->feeds[0].fields[p->grain_attributes[i]].name);
    build->grain_broken = build->doc->problems->count != before;
}

/* --- joins -------------------------------------------------------------------------------------------------------- */

static void check_pair(struct build *build, struct place place, const struct join *join, size_t fact, size_t joined)
{
    const struct pipeline *p = build->pipeline;
    const struct feed_field *a = &p->feeds[0].fields[fact], *b = &p->feeds[join->feed].fields[joined];
    char a_type[VALUE_TYPE_TEXT_SIZE], b_type[VALUE_TYPE_TEXT_SIZE];
    if (!value_type_equal(a->type, b->type))
        build_problem(build, place, "\"%s\" is %s in %s and \"%s\" is %s in %s: fields of unlike types are never equal",
                      a->name, value_type_text(a->type, a_type), p->feeds[0].name, b->name,
                      value_type_text(b->type, b_type), p->feeds[join->feed].name);
    else if (a->type.kind == VALUE_DOUBLE)
        build_problem(build, place, "\"%s\" is double: floating numbers are not joined on; declare a decimal", a->name);
    if (p->has_grain && !build_in_grain(build, fact))
        build_problem(build, place, "\"%s\" is neither a grain key nor an attribute, so it cannot be joined on",
                      a->name);
    build_check_field(build, place, (struct field_ref){0, fact}, false, "a field to join on");
    build_check_field(build, place, (struct field_ref){join->feed, joined}, false, "a field to join on");
}

/* False when it is not known which fields these are, as also below. */
static bool add_pair(struct build *build, struct join *join, struct place place, struct slice fact, struct place other,
                     struct slice joined)
{
    size_t fact_field, feed_field;
    bool ok = build_field(build, 0, place, fact, &fact_field);
    ok = build_field(build, join->feed, other, joined, &feed_field) && ok;
    if (!ok)
        return false;
    if (list_has(join->fact_field, join->on_count, fact_field) ||
        list_has(join->feed_field, join->on_count, feed_field))
        return build_problem(build, place, "\"%s\" stands twice in \"on\"", fact.data);
    check_pair(build, place, join, fact_field, feed_field);
    join->fact_field[join->on_count] = fact_field;
    join->feed_field[join->on_count++] = feed_field;
    return true;
}

/* {"Order_ID": "Order"}: fact field to joined field. */
static bool load_on_object(struct build *build, struct join *join, const struct doc_node *on)
{
    bool ok = true;
    for (const struct doc_node *pair = on->child; pair; pair = pair->next) {
        if (pair->kind != DOC_STRING)
            ok = doc_problem(build->doc, pair, "\"%s\" is joined on %s, expected the name of a field", pair->name.data,
                             doc_kind_name(pair->kind));
        else
            ok = add_pair(build, join, place_of_name(pair), pair->name, place_of(pair), pair->text) && ok;
    }
    return ok;
}

static bool load_on(struct build *build, struct join *join, const struct doc_node *object)
{
    const struct doc_node *on = doc_member(object, "on");
    if (on && on->kind != DOC_STRING && (on->count == 0 || on->count > PIPELINE_KEY_MAX) &&
        (on->kind == DOC_ARRAY || on->kind == DOC_OBJECT))
        return doc_problem(build->doc, on, "\"on\" has %zu fields, expected 1 to %d", on->count, PIPELINE_KEY_MAX);
    if (on && on->kind == DOC_OBJECT)
        return load_on_object(build, join, on);
    struct names names;
    if (!load_names(object, "on", true, &names))
        return false;
    bool ok = true;
    for (size_t i = 0; i < names.count; i++) {
        struct place place = item_place(names.node, i);
        ok = add_pair(build, join, place, slice_of(names.text[i]), place, slice_of(names.text[i])) && ok;
    }
    return ok;
}

static void load_join(struct build *build, size_t feed)
{
    struct pipeline *p = build->pipeline;
    const struct doc_node *object = build->feeds[feed].node;
    struct join *join = &p->joins[feed - 1];
    *join = (struct join){.feed = feed, .required = true};
    doc_only(object, join_words, COUNT_OF(join_words));
    bool known = load_key(build, feed, object);
    known = load_on(build, join, object) && known;
    (void)!doc_bool(object, "required", &join->required);
    load_ranking(build, feed, object);
    load_filter(build, feed, object);
    const struct feed *joined = &p->feeds[feed];
    /* A mistake in either, or in a descriptor, is told there and once: groups are not measured by what did not load. */
    join->lookup = joined->key_count > 0 || !known;
    for (size_t i = 0; known && i < joined->key_count; i++)
        join->lookup = join->lookup && list_has(join->feed_field, join->on_count, joined->key[i]);
}

bool build_facts(struct build *build, const struct doc_node *root)
{
    struct pipeline *p = build->pipeline;
    const struct doc_node *facts = doc_member(root, "facts");
    doc_only(facts, facts_words, COUNT_OF(facts_words));
    (void)!load_key(build, 0, facts);
    load_ranking(build, 0, facts);
    load_grain(build, facts);
    load_filter(build, 0, facts);
    p->join_count = p->feed_count - 1;
    p->joins = build_alloc(build, p->join_count, sizeof *p->joins);
    if (!p->joins)
        return false;
    for (size_t i = 1; i < p->feed_count; i++)
        load_join(build, i);
    return true;
}

/* The least int64 is how a version that is null ranks (engine/apply.c). */
void build_narrow_versions(struct build *build)
{
    for (size_t i = 0; i < build->pipeline->feed_count; i++) {
        const struct feed *feed = &build->pipeline->feeds[i];
        const struct feed_field *field = &feed->fields[feed->version_field];
        if (feed->versioned && field->type.kind == VALUE_INT64)
            build_narrow(build, (struct field_ref){i, feed->version_field}, INT64_MIN + 1, INT64_MAX,
                         build_printf(build, "%s.%s is the version_field", feed->name, field->name));
    }
}
