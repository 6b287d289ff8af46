#include "engine/where.h"

#include <stdlib.h>

static struct where *new_one(const struct condition *condition, struct dict *dict)
{
    struct where *where = calloc(1, sizeof *where);
    if (!where)
        return NULL;
    where->op = condition->op;
    where->field = condition->field;
    where->kind = condition->type.kind;
    if (condition_has_operand(condition->op))
        where->operand = codes_of(where->kind, &condition->operand, dict);
    return where;
}

/* All or any of one condition is that condition. */
static struct where *only_child(struct where *where)
{
    bool group = where->op == CONDITION_ALL || where->op == CONDITION_ANY;
    if (!group || !where->child || where->child->next)
        return where;
    struct where *child = where->child;
    free(where);
    return child;
}

struct where *where_new(const struct condition *condition, struct dict *dict, bool *failed)
{
    if (!condition)
        return NULL;
    struct where *where = new_one(condition, dict);
    if (!where) {
        *failed = true;
        return NULL;
    }
    struct where **last = &where->child;
    for (const struct condition *child = condition->child; child && !*failed; child = child->next) {
        *last = where_new(child, dict, failed);
        if (*last)
            last = &(*last)->next;
    }
    if (*failed) {
        where_free(where);
        return NULL;
    }
    return only_child(where);
}

void where_free(struct where *where)
{
    while (where) {
        struct where *next = where->next;
        where_free(where->child);
        free(where);
        where = next;
    }
}

static bool compares(const struct where *where, int64_t code, const struct dict *dict)
{
    if (where->op == CONDITION_EQ)
        return code == where->operand;
    if (where->op == CONDITION_NE)
        return code != where->operand;
    int order = codes_compare(where->kind, code, where->operand, dict);
    if (where->op == CONDITION_LT)
        return order < 0;
    if (where->op == CONDITION_LE)
        return order <= 0;
    return where->op == CONDITION_GT ? order > 0 : order >= 0;
}

/* Whether every child's truth is `wanted`. */
static bool children_are(const struct where *where, bool wanted, const struct codes *codes, const struct dict *dict)
{
    for (const struct where *child = where->child; child; child = child->next)
        if (where_holds(child, codes, dict) != wanted)
            return false;
    return true;
}

bool where_holds(const struct where *where, const struct codes *codes, const struct dict *dict)
{
    if (!where)
        return true;
    switch (where->op) {
    case CONDITION_ALL:
        return children_are(where, true, codes, dict);
    case CONDITION_ANY:
        return !children_are(where, false, codes, dict);
    case CONDITION_NOT:
        return children_are(where, false, codes, dict);
    case CONDITION_NULL:
        return codes_null(codes, where->field);
    case CONDITION_NOT_NULL:
        return !codes_null(codes, where->field);
    case CONDITION_EQ:
    case CONDITION_NE:
    case CONDITION_LT:
    case CONDITION_LE:
    case CONDITION_GT:
    case CONDITION_GE:
        return !codes_null(codes, where->field) && compares(where, codes->at[where->field], dict);
    }
    return false;
}

bool where_equal(const struct where *a, const struct where *b)
{
    for (; a && b; a = a->next, b = b->next)
        if (a->op != b->op || a->field != b->field || a->kind != b->kind || a->operand != b->operand ||
            !where_equal(a->child, b->child))
            return false;
    return !a && !b;
}

uint64_t where_fields(const struct where *where)
{
    uint64_t fields = 0;
    for (; where; where = where->next)
        fields |= condition_has_children(where->op) ? where_fields(where->child) : UINT64_C(1) << where->field;
    return fields;
}
