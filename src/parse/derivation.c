#include "parse/derivation.h"

#include <string.h>

#include "model/timestamp.h"
#include "model/wide.h"

/* A field that another one is computed from, as its descriptor has it. */
struct source {
    struct value value;
    struct value_type type;
};

/* The derived field in hand. */
struct derivation {
    struct coerce *coerce;
    const struct coerce_rule *rule;
    const struct derive *derive;
    struct source sources[DERIVE_SOURCES_MAX];
};

/* --- numbers ------------------------------------------------------------------------------------------------------ */

static unsigned scale_of(struct value_type type)
{
    return type.kind == VALUE_DECIMAL ? type.scale : 0;
}

static bool fail_number(const struct derivation *d, wide number, unsigned scale)
{
    struct buf *words = &d->coerce->words;
    char type[VALUE_TYPE_TEXT_SIZE];
    buf_reset(words);
    wide_print(number, scale, words);
    return coerce_fail(d->coerce, "%s comes to %.*s, expected %s", derive_word(d->derive->kind), (int)words->len,
                       words->data, value_type_text(d->rule->type, type));
}

/* The number that was computed, if the field's type can hold it. */
static bool keep_number(const struct derivation *d, wide number, unsigned scale, struct value *value)
{
    return value_from_wide(d->rule->type, number, scale, value) || fail_number(d, number, scale);
}

/* The other sources added to the first one, or taken from it; in the places of the finest. derive.h says why they
   fit. */
static bool add_up(const struct derivation *d, struct value *value)
{
    wide sum = 0, part;
    unsigned scale = 0;
    for (size_t i = 0; i < d->derive->count; i++)
        if (scale_of(d->sources[i].type) > scale)
            scale = scale_of(d->sources[i].type);
    for (size_t i = 0; i < d->derive->count; i++) {
        if (!wide_scale(d->sources[i].value.i, scale - scale_of(d->sources[i].type), &part))
            return fail_number(d, d->sources[i].value.i, scale_of(d->sources[i].type));
        sum += d->derive->kind == DERIVE_SUBTRACT && i > 0 ? -part : part;
    }
    return keep_number(d, sum, scale, value);
}

static bool multiply(const struct derivation *d, struct value *value)
{
    wide product = (wide)d->sources[0].value.i * d->sources[1].value.i;
    return keep_number(d, product, scale_of(d->sources[0].type) + scale_of(d->sources[1].type), value);
}

/* --- the others --------------------------------------------------------------------------------------------------- */

static bool coalesce(const struct derivation *d, struct value *value)
{
    *value = VALUE_NULL;
    for (size_t i = 0; i < d->derive->count && value->null; i++) {
        *value = d->sources[i].value;
        if (value_widen(d->sources[i].type, d->rule->type, value))
            continue;
        return fail_number(d, d->sources[i].value.i, 0); /* an int64 beyond the decimal's digits */
    }
    return true;
}

/* Returns where the next one goes. */
static char *append(char *at, struct slice text)
{
    if (text.len > 0)
        memcpy(at, text.data, text.len);
    return at + text.len;
}

static bool concat(const struct derivation *d, struct value *value)
{
    struct clean_room *room = &d->coerce->room;
    struct slice join = d->derive->join;
    size_t len = join.len * (d->derive->count - 1);
    for (size_t i = 0; i < d->derive->count; i++)
        len += d->sources[i].value.text.len;
    if (len > TEXT_VALUE_MAX)
        return coerce_fail(d->coerce, "concat comes to %zu bytes, expected at most %d", len, TEXT_VALUE_MAX);
    if (len > CLEAN_ROOM_SIZE - room->len)
        return coerce_fail(d->coerce, "expected less text to clean in one row");
    char *out = room->data + room->len, *at = out;
    for (size_t i = 0; i < d->derive->count; i++) {
        if (i > 0)
            at = append(at, join);
        at = append(at, d->sources[i].value.text);
    }
    room->len += len;
    *value = (struct value){.text = {out, len}};
    return true;
}

/* Years 1 to 9999 in any zone: at their ends the day may lie outside. */
static bool take_day(const struct derivation *d, struct value *value)
{
    int64_t moment = d->sources[0].value.i;
    int64_t local = d->derive->zone ? zone_local(d->derive->zone, moment) : moment;
    if (local < TIMESTAMP_MIN || local > TIMESTAMP_MAX)
        return coerce_fail(d->coerce, "date comes to a day outside of the years 0001 to 9999");
    *value = (struct value){.i = timestamp_window(local, TIMESTAMP_DAY)};
    return true;
}

static bool compute(const struct derivation *d, struct value *value)
{
    switch (d->derive->kind) {
    case DERIVE_ADD:
    case DERIVE_SUBTRACT:
        return add_up(d, value);
    case DERIVE_MULTIPLY:
        return multiply(d, value);
    case DERIVE_COALESCE:
        return coalesce(d, value);
    case DERIVE_CONCAT:
        return concat(d, value);
    case DERIVE_DATE:
        return take_day(d, value);
    }
    return false;
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

/* Fetches the sources, as values of their own types whatever the feed made of them. Whether the result is null
   anyway. */
static bool fetch(struct derivation *d, const struct coerce_rule *rules, const struct value *values)
{
    bool null = false;
    for (size_t i = 0; i < d->derive->count; i++) {
        const struct coerce_rule *rule = &rules[d->derive->sources[i]];
        struct source *source = &d->sources[i];
        *source = (struct source){values[rule->target_index], rule->type};
        if (rule->widened)
            value_narrow(rule->type, rule->target->type, &source->value);
        null = null || source->value.null;
    }
    return null && d->derive->kind != DERIVE_COALESCE;
}

bool derivation_compute(const struct bind *bind, struct coerce *coerce, struct value *values,
                        const struct coerce_rule **bad)
{
    const struct descriptor *descriptor = bind->version->descriptor;
    struct derivation d;
    d.coerce = coerce;
    for (size_t i = 0; i < descriptor->derived_count; i++) {
        d.rule = &bind->chosen[descriptor->derived[i]];
        d.derive = d.rule->field->derive;
        struct value value = VALUE_NULL;
        bool null = fetch(&d, bind->chosen, values);
        if ((!null && !compute(&d, &value)) || !coerce_computed(coerce, d.rule, &value)) {
            *bad = d.rule;
            return false;
        }
        values[d.rule->target_index] = value;
    }
    return true;
}
