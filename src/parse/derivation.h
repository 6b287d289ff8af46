/*
 * The fields of a row that are computed from its other fields, once those are read.
 *
 * Numbers are exact: a result that the field's type cannot hold rejects the row, and so does one with more places than
 * it has, unless they are zeros. A null among the sources makes the result null; of a coalesce, only nulls do.
 */
#ifndef DROPFOLD_PARSE_DERIVATION_H
#define DROPFOLD_PARSE_DERIVATION_H

#include "parse/bind.h"

/* Computes all of the chosen version's derived fields into `values`, which hold the other fields of the row. False when
   the row must be rejected for the field of *bad, with coerce->reason. Text borrows the sources or the row's room. */
bool derivation_compute(const struct bind *bind, struct coerce *coerce, struct value *values,
                        const struct coerce_rule **bad) MUST_USE;

/* The same; most versions have none. */
static inline bool derivation_row(const struct bind *bind, struct coerce *coerce, struct value *values,
                                  const struct coerce_rule **bad)
{
    return bind->version->descriptor->derived_count == 0 || derivation_compute(bind, coerce, values, bad);
}

#endif
