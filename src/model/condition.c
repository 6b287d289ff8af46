/*
 * Conditions: read from JSON into a small tree, evaluated without allocation.
 *
 * Two truth values only: a comparison with null is false, and `not` makes that true. SQL's third value surprises people
 * who write a filter by hand.
 */
#include "model/condition.h"

#include "base/text.h"

struct reader {
    condition_resolve resolve;
    void *context;
    struct arena *arena;
};

/* The words of comparisons and what they become; "null" is apart. */
static const char *const comparison_words[] = {"=", "!=", "<", "<=", ">", ">=", "null"};
static const enum condition_op comparison_ops[] = {CONDITION_EQ, CONDITION_NE, CONDITION_LT,  CONDITION_LE,
                                                   CONDITION_GT, CONDITION_GE, CONDITION_NULL};

static struct condition *load_all(const struct reader *reader, const struct doc_node *object);

static struct condition *new_condition(const struct reader *reader, const struct doc_node *node, enum condition_op op)
{
    struct condition *condition = arena_array(reader->arena, 1, sizeof *condition);
    if (!condition) {
        doc_memory(node->doc);
        return NULL;
    }
    condition->op = op;
    return condition;
}

/* Chains `child` behind `parent`'s children; *last is where the next one goes. */
static bool append(struct condition ***last, struct condition *child)
{
    if (!child)
        return false;
    **last = child;
    *last = &child->next;
    return true;
}

static bool is_number(enum value_kind kind)
{
    return kind == VALUE_INT64 || kind == VALUE_DECIMAL || kind == VALUE_DOUBLE;
}

static bool wrong_operand(const struct doc_node *node, struct value_type type, const char *expected)
{
    char type_text[VALUE_TYPE_TEXT_SIZE], shown[DOC_SHOWN_MAX];
    value_type_text(type, type_text);
    if (node->kind == DOC_NULL)
        return doc_problem(node->doc, node, "nothing equals null; write {\"null\": true} to ask for it");
    if (node->kind == DOC_STRING || node->kind == DOC_NUMBER)
        return doc_problem(node->doc, node, "found %s \"%s\" for a field of type %s, expected %s",
                           node->kind == DOC_STRING ? "the text" : "the number",
                           text_escape(node->text, shown, sizeof shown), type_text, expected);
    return doc_problem(node->doc, node, "found %s for a field of type %s, expected %s", doc_kind_name(node->kind),
                       type_text, expected);
}

/* The operand of a comparison, written as JSON writes the field's type. */
static bool load_operand(const struct doc_node *node, struct value_type type, struct value *value)
{
    const char *expected = "another value";
    if (type.kind == VALUE_BOOL) {
        if (node->kind != DOC_BOOL)
            return wrong_operand(node, type, "true or false");
        *value = (struct value){.i = node->truth};
        return true;
    }
    enum doc_kind wanted = is_number(type.kind) ? DOC_NUMBER : DOC_STRING;
    if (node->kind != wanted)
        return wrong_operand(node, type, doc_kind_name(wanted));
    if (!value_parse(type, NULL, 0, node->text, value, &expected))
        return wrong_operand(node, type, expected);
    return true;
}

static struct condition *load_comparison(const struct reader *reader, const struct doc_node *node,
                                         const struct condition *field, enum condition_op op)
{
    struct condition *condition = new_condition(reader, node, op);
    if (!condition)
        return NULL;
    condition->field = field->field;
    condition->type = field->type;
    return load_operand(node, field->type, &condition->operand) ? condition : NULL;
}

static struct condition *load_null(const struct reader *reader, const struct doc_node *node,
                                   const struct condition *field)
{
    if (node->kind != DOC_BOOL) {
        doc_problem(node->doc, node, "\"null\" is %s, expected true or false", doc_kind_name(node->kind));
        return NULL;
    }
    struct condition *condition = new_condition(reader, node, node->truth ? CONDITION_NULL : CONDITION_NOT_NULL);
    if (condition) {
        condition->field = field->field;
        condition->type = field->type;
    }
    return condition;
}

/* {">": 0, "<=": 9}: all of them hold. */
static struct condition *load_comparisons(const struct reader *reader, const struct doc_node *object,
                                          const struct condition *field)
{
    struct condition *all = new_condition(reader, object, CONDITION_ALL);
    if (!all)
        return NULL;
    struct condition **last = &all->child;
    bool ok = object->count > 0 || doc_problem(object->doc, object, "an empty comparison, expected such as {\">\": 0}");
    for (const struct doc_node *member = object->child; member; member = member->next) {
        size_t word;
        if (!doc_among(member->name, comparison_words, COUNT_OF(comparison_words), &word))
            ok = doc_unknown(member, comparison_words, COUNT_OF(comparison_words));
        else if (comparison_ops[word] == CONDITION_NULL)
            ok = append(&last, load_null(reader, member, field)) && ok;
        else
            ok = append(&last, load_comparison(reader, member, field, comparison_ops[word])) && ok;
    }
    return ok ? all : NULL;
}

/* ["CANCELLED", "REJECTED"]: one of them. */
static struct condition *load_one_of(const struct reader *reader, const struct doc_node *list,
                                     const struct condition *field)
{
    struct condition *any = new_condition(reader, list, CONDITION_ANY);
    if (!any)
        return NULL;
    struct condition **last = &any->child;
    bool ok = list->count > 0 || doc_problem(list->doc, list, "an empty list never holds, expected values");
    for (const struct doc_node *item = list->child; item; item = item->next)
        ok = append(&last, load_comparison(reader, item, field, CONDITION_EQ)) && ok;
    return ok ? any : NULL;
}

static struct condition *load_field(const struct reader *reader, const struct doc_node *member)
{
    struct condition field = {0};
    if (!reader->resolve(reader->context, member, &field.field, &field.type))
        return NULL;
    if (member->kind == DOC_OBJECT)
        return load_comparisons(reader, member, &field);
    if (member->kind == DOC_ARRAY)
        return load_one_of(reader, member, &field);
    return load_comparison(reader, member, &field, CONDITION_EQ);
}

static struct condition *load_not(const struct reader *reader, const struct doc_node *member)
{
    struct condition *negation = new_condition(reader, member, CONDITION_NOT);
    if (!negation)
        return NULL;
    negation->child = load_all(reader, member);
    return negation->child ? negation : NULL;
}

static struct condition *load_any(const struct reader *reader, const struct doc_node *member)
{
    if (member->kind != DOC_ARRAY || member->count == 0) {
        doc_problem(member->doc, member, "\"any\" is %s, expected a list of conditions",
                    member->kind == DOC_ARRAY ? "empty" : doc_kind_name(member->kind));
        return NULL;
    }
    struct condition *any = new_condition(reader, member, CONDITION_ANY);
    if (!any)
        return NULL;
    struct condition **last = &any->child;
    bool ok = true;
    for (const struct doc_node *item = member->child; item; item = item->next)
        ok = append(&last, load_all(reader, item)) && ok;
    return ok ? any : NULL;
}

static struct condition *load_all(const struct reader *reader, const struct doc_node *object)
{
    if (object->kind != DOC_OBJECT || object->count == 0) {
        doc_problem(object->doc, object, "a condition is %s, expected an object such as {\"Field\": \"value\"}",
                    object->kind == DOC_OBJECT ? "empty" : doc_kind_name(object->kind));
        return NULL;
    }
    struct condition *all = new_condition(reader, object, CONDITION_ALL);
    if (!all)
        return NULL;
    struct condition **last = &all->child;
    bool ok = true;
    for (const struct doc_node *member = object->child; member; member = member->next) {
        if (slice_equal(member->name, SLICE("not")))
            ok = append(&last, load_not(reader, member)) && ok;
        else if (slice_equal(member->name, SLICE("any")))
            ok = append(&last, load_any(reader, member)) && ok;
        else
            ok = append(&last, load_field(reader, member)) && ok;
    }
    return ok ? all : NULL;
}

struct condition *condition_load(const struct doc_node *node, condition_resolve resolve, void *context,
                                 struct arena *arena)
{
    struct reader reader = {resolve, context, arena};
    return load_all(&reader, node);
}

static bool compares(const struct condition *condition, struct value value)
{
    if (value.null)
        return false;
    int order = value_compare(condition->type, value, condition->operand);
    switch (condition->op) {
    case CONDITION_EQ:
        return order == 0;
    case CONDITION_NE:
        return order != 0;
    case CONDITION_LT:
        return order < 0;
    case CONDITION_LE:
        return order <= 0;
    case CONDITION_GT:
        return order > 0;
    case CONDITION_GE:
        return order >= 0;
    case CONDITION_ALL:
    case CONDITION_ANY:
    case CONDITION_NOT:
    case CONDITION_NULL:
    case CONDITION_NOT_NULL:
        break;
    }
    return false;
}

/* True when every child's truth is `wanted`. */
static bool children_are(const struct condition *condition, bool wanted, const struct value *values)
{
    for (const struct condition *child = condition->child; child; child = child->next)
        if (condition_holds(child, values) != wanted)
            return false;
    return true;
}

bool condition_holds(const struct condition *condition, const struct value *values)
{
    if (!condition)
        return true;
    switch (condition->op) {
    case CONDITION_ALL:
        return children_are(condition, true, values);
    case CONDITION_ANY:
        return !children_are(condition, false, values);
    case CONDITION_NOT:
        return children_are(condition, false, values);
    case CONDITION_NULL:
        return values[condition->field].null;
    case CONDITION_NOT_NULL:
        return !values[condition->field].null;
    case CONDITION_EQ:
    case CONDITION_NE:
    case CONDITION_LT:
    case CONDITION_LE:
    case CONDITION_GT:
    case CONDITION_GE:
        return compares(condition, values[condition->field]);
    }
    return false;
}
