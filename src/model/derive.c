#include "model/derive.h"

#include "model/zone_member.h"

static const char *const words[] = {"add", "subtract", "multiply", "coalesce", "concat", "date", "join", "zone"};

enum { KINDS = DERIVE_DATE + 1 };

const char *derive_word(enum derive_kind kind)
{
    return words[kind];
}

static bool is_exact(struct value_type type)
{
    return type.kind == VALUE_INT64 || type.kind == VALUE_DECIMAL;
}

bool derive_takes(enum derive_kind kind, struct value_type from, struct value_type to, const char **expected)
{
    switch (kind) {
    case DERIVE_ADD:
    case DERIVE_SUBTRACT:
    case DERIVE_MULTIPLY:
        *expected = "int64 or a decimal";
        return is_exact(from) && is_exact(to);
    case DERIVE_COALESCE:
        *expected = "a type of which this one holds every value";
        return value_type_widens(from, to);
    case DERIVE_CONCAT:
        *expected = "text";
        return from.kind == VALUE_TEXT && to.kind == VALUE_TEXT;
    case DERIVE_DATE:
        *expected = "timestamp";
        return from.kind == VALUE_TIMESTAMP && to.kind == VALUE_DATE;
    }
    return false;
}

/* A type of which values can be made at all; those they are made of are not known yet. */
static bool check_type(const struct doc_node *member, enum derive_kind kind, struct value_type type)
{
    char text[VALUE_TYPE_TEXT_SIZE];
    const char *made = kind == DERIVE_CONCAT ? "text" : kind == DERIVE_DATE ? "a date" : "an int64 or a decimal";
    bool fits = kind == DERIVE_CONCAT ? type.kind == VALUE_TEXT
                : kind == DERIVE_DATE ? type.kind == VALUE_DATE
                                      : kind == DERIVE_COALESCE || is_exact(type);
    return fits || doc_problem(member->doc, doc_member(member, "type"), "\"type\" is %s, but \"%s\" makes %s",
                               value_type_text(type, text), words[kind], made);
}

/* Derived fields have no text that could be cleaned: nothing is read. */
static bool check_keys(const struct doc_node *member)
{
    static const char *const kept[] = {"type", "derive", "required", "doc"};
    return doc_only_beside(member, kept, COUNT_OF(kept), "derive");
}

/* The one key that says what is done. */
static bool load_kind(const struct doc_node *object, struct derive *derive)
{
    size_t found = 0;
    for (size_t i = 0; i < KINDS; i++) {
        const struct doc_node *names = doc_member(object, words[i]);
        if (!names)
            continue;
        derive->kind = (enum derive_kind)i;
        derive->names = names;
        found++;
    }
    return found == 1 || doc_problem(object->doc, object,
                                     "\"derive\" says %zu things to do, expected one of add, subtract, multiply, "
                                     "coalesce, concat and date",
                                     found);
}

static bool load_names(const struct doc_node *object, struct derive *derive)
{
    const char *word = words[derive->kind];
    const char **names = NULL;
    if (!doc_strings(object, word, true, &names, &derive->count))
        return false;
    size_t least = derive->kind == DERIVE_DATE ? 1 : 2, most = DERIVE_SOURCES_MAX;
    if (derive->kind == DERIVE_DATE)
        most = 1;
    else if (derive->kind == DERIVE_SUBTRACT || derive->kind == DERIVE_MULTIPLY)
        most = DERIVE_PAIR;
    if (derive->count >= least && derive->count <= most)
        return true;
    if (least == most)
        return doc_problem(object->doc, derive->names, "\"%s\" names %zu fields, expected %zu", word, derive->count,
                           least);
    return doc_problem(object->doc, derive->names, "\"%s\" names %zu fields, expected %zu to %zu", word, derive->count,
                       least, most);
}

static bool load_join(const struct doc_node *object, struct derive *derive)
{
    const char *join = "";
    const struct doc_node *node = doc_member(object, "join");
    if (!doc_string(object, "join", false, &join))
        return false;
    derive->join = slice_of(join);
    return !node || derive->kind == DERIVE_CONCAT || doc_problem(object->doc, node, "\"join\" goes with \"concat\"");
}

static bool load_zone(const struct doc_node *object, struct derive *derive)
{
    const struct doc_node *node = doc_member(object, "zone");
    if (!zone_member_load(object, &derive->zone))
        return false;
    return !node || derive->kind == DERIVE_DATE || doc_problem(object->doc, node, "\"zone\" goes with \"date\"");
}

bool derive_load(const struct doc_node *member, struct value_type type, struct derive **out)
{
    const struct doc_node *object = NULL;
    *out = NULL;
    if (!doc_object(member, "derive", false, &object))
        return false;
    if (!object)
        return true;
    struct derive *derive = *out = arena_array(member->doc->arena, 1, sizeof *derive);
    if (!derive)
        return doc_memory(member->doc);
    bool ok = doc_only(object, words, COUNT_OF(words));
    ok = check_keys(member) && ok;
    if (!ok || !load_kind(object, derive))
        return false;
    ok = load_names(object, derive);
    ok = load_join(object, derive) && ok;
    ok = load_zone(object, derive) && ok;
    return check_type(member, derive->kind, type) && ok;
}
