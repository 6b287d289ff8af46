/*
 * Conditions over the values of one record: a record's `filter`, a column's `where`.
 *
 * Written as JSON: {"Order_Status": "COMPLETED"}, {"Order_Status": ["CANCELLED", "REJECTED"]}, {"Quantity": {">": 0}},
 * {"Tip": {"null": false}}, {"not": {...}}, {"any": [{...}, {...}]}; members of one object all must hold. A comparison
 * with null does not hold; `not` turns that around, so that {"not": {"a": 1}} holds where a is null.
 */
#ifndef DROPFOLD_MODEL_CONDITION_H
#define DROPFOLD_MODEL_CONDITION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "model/doc.h"
#include "model/value.h"

enum condition_op {
    CONDITION_ALL, /* of the children */
    CONDITION_ANY,
    CONDITION_NOT, /* of the one child */
    CONDITION_EQ,
    CONDITION_NE,
    CONDITION_LT,
    CONDITION_LE,
    CONDITION_GT,
    CONDITION_GE,
    CONDITION_NULL, /* the field is null */
    CONDITION_NOT_NULL
};

static inline bool condition_has_children(enum condition_op op)
{
    return op <= CONDITION_NOT;
}

static inline bool condition_has_operand(enum condition_op op)
{
    return op >= CONDITION_EQ && op <= CONDITION_GE;
}

struct condition {
    enum condition_op op;
    struct condition *child, *next;
    size_t field; /* index into the values of the record */
    struct value_type type;
    struct value operand; /* of a comparison; never null */
};

/* What a name in a condition stands for: fills field and type; false when unknown (the callee reports at `member`). */
typedef bool (*condition_resolve)(void *context, const struct doc_node *member, size_t *field, struct value_type *type);

/* Reads a condition; NULL after reporting to the node's document. */
struct condition *condition_load(const struct doc_node *node, condition_resolve resolve, void *context,
                                 struct arena *arena) MUST_USE;

/* NULL conditions hold always. */
bool condition_holds(const struct condition *condition, const struct value *values);

#endif
