/*
 * Conditions over codes: a column's `where`, made ready to be asked for every record that changes.
 *
 * The same meaning as condition_holds, without turning codes back into values: operands are codes too, and texts are
 * compared for equality by number.
 */
#ifndef DROPFOLD_ENGINE_WHERE_H
#define DROPFOLD_ENGINE_WHERE_H

#include "engine/codes.h"
#include "model/condition.h"

struct where {
    enum condition_op op;
    size_t field;
    enum value_kind kind;
    int64_t operand;
    struct where *child, *next;
};

/* NULL for a condition of NULL, which always holds; *failed is set (and NULL returned) for want of memory. */
struct where *where_new(const struct condition *condition, struct dict *dict, bool *failed) MUST_USE;
void where_free(struct where *where);

bool where_holds(const struct where *where, const struct codes *codes, const struct dict *dict);

/* Whether both are written alike; then they hold for the same records. */
bool where_equal(const struct where *a, const struct where *b);

/* The bits of the fields it reads. */
uint64_t where_fields(const struct where *where);

#endif
