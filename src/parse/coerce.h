/*
 * The text of one source field to a value of the feed's field.
 *
 *   null words -> strip_prefix -> unicode -> replace -> null words -> extract -> split and join -> null words -> map
 *   -> number or the words of a bool -> read as the descriptor's type -> widen -> range
 *   what is null then is the field's default, if that says so; what cannot be read is null, if on_error says so
 *
 * Text is taken as it stands; for every other type blanks around it do not count. A field that no pipeline uses is read
 * all the same, so that a file's quality does not hang on who looks at it.
 */
#ifndef DROPFOLD_PARSE_COERCE_H
#define DROPFOLD_PARSE_COERCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "model/pipeline.h"
#include "model/timestamp.h"
#include "model/value_quick.h"
#include "parse/clean.h"
#include "parse/number.h"

enum {
    COERCE_REASON_MAX = 512,             /* bytes of a reason, the NUL included */
    COERCE_UNUSED = PIPELINE_FIELDS_MAX, /* where values go that nobody reads */
    COERCE_HIDDEN,                       /* from here on, those that no pipeline uses, but a derived field does */
    COERCE_VALUES_MAX = COERCE_HIDDEN + DESCRIPTOR_DERIVED_MAX * DERIVE_SOURCES_MAX /* values of a row */
};

/* What is known beforehand of one field of one descriptor; one cache line, as every field of a file passes by it. */
struct coerce_rule {
    const struct descriptor *descriptor;
    const struct descriptor_field *field;
    const struct feed_field *target; /* NULL: no pipeline uses it */
    const char *const *formats;      /* the descriptor field's, as is `type` */
    struct value_type type;
    uint32_t format_count;
    uint32_t target_index;        /* in the feed's fields; without a target COERCE_UNUSED, or a hidden place */
    uint8_t null_lengths;         /* bit n: a null word has n bytes; bit 7: or more. Without a lone null_byte */
    char null_byte;               /* the only null word of one byte, as "-" mostly is; 0: none, or several */
    bool nulls;                   /* a null needs a look: required, or its default stands in for it */
    bool text;                    /* of type text */
    bool cleaned;                 /* has strip_prefix, extract, map, or a cleaning */
    bool widened;                 /* the feed's type is another */
    bool ranged;                  /* the feed's range is narrower than its type */
    bool simple;                  /* neither cleaned nor widened nor ranged */
    const struct value *fallback; /* the field's default as the feed's field has it; or NULL */
};

/* Fills in the rule, and *fallback if the field has a default; the rule points at it then. ERROR_CONFIG when the
   default does not fit the feed's field. */
bool coerce_rule_init(struct coerce_rule *rule, const struct feed *feed, const struct feed_version *version,
                      size_t field, struct value *fallback, struct error *error) MUST_USE;

/* Whether the text is the null word of one byte: of most null fields this is all that need be asked. */
static inline bool coerce_is_null_byte(const struct coerce_rule *rule, struct slice text)
{
    return text.len == 1 && rule->null_byte && text.data[0] == rule->null_byte;
}

/* Whether coerce_quick may be asked. */
bool coerce_is_quick(const struct coerce_rule *rule);

/* Takes off the first prefix that the text begins with, and the blanks behind it. False when there is none. */
static inline bool coerce_strip(const struct descriptor_field *field, struct slice *text)
{
    for (size_t i = 0; i < field->strip_prefix_count; i++) {
        struct slice prefix = field->strip_prefix[i];
        size_t at = 0;
        while (at < prefix.len && at < text->len && text->data[at] == prefix.data[at])
            at++;
        if (at < prefix.len)
            continue;
        while (at < text->len && (text->data[at] == ' ' || text->data[at] == '\t'))
            at++;
        *text = (struct slice){text->data + at, text->len - at};
        return true;
    }
    return false;
}

static inline bool coerce_may_be_null_word(const struct coerce_rule *rule, struct slice text)
{
    return (rule->null_lengths >> (text.len < 7 ? text.len : 7) & 1) || coerce_is_null_byte(rule, text);
}

/* coerce_field of what most fields are, inline: a text that is not empty, no null word, valid, and read at once. False
   says nothing about others, and the value is void then. */
static inline bool coerce_quick(const struct coerce_rule *rule, struct slice text, struct value *value)
{
    const char *ignored;
    if (coerce_may_be_null_word(rule, text))
        return false;
    if (rule->cleaned) {
        if ((unsigned char)text.data[0] <= ' ') /* blanks go first */
            return false;
        coerce_strip(rule->field, &text);
        if (coerce_may_be_null_word(rule, text))
            return false;
    }
    if (rule->type.kind == VALUE_TIMESTAMP) {
        value->null = false;
        if (!timestamp_parse_iso(text, &value->i, &ignored))
            return false;
    } else if (!value_quick(rule->type, text, value)) {
        return false;
    }
    if (!rule->ranged)
        return true;
    int64_t size = rule->text ? (int64_t)text.len : value->i;
    return size >= rule->target->min && size <= rule->target->max;
}

/* What one parser needs to apply rules. */
struct coerce {
    struct pattern_scratch *scratch;
    struct clean_room room;                 /* new text of the row in hand */
    struct buf words;                       /* printed values, for reasons; with all the memory it may take */
    bool strict;                            /* on_error does not help: what cannot be read is told */
    uint16_t nulled[DESCRIPTOR_FIELDS_MAX]; /* fields of the row in hand that on_error made null */
    size_t nulled_count;
    uint64_t nulled_total[DESCRIPTOR_FIELDS_MAX]; /* of each field of the version, in the rows that were accepted */
    char number[NUMBER_PLAIN_MAX];
    char reason[COERCE_REASON_MAX]; /* why the last field failed */
    bool memory; /* not it failed, but memory: what it is, is not known, and the file must be read again */
};

bool coerce_init(struct coerce *coerce, struct error *error) MUST_USE;
void coerce_close(struct coerce *coerce);
/* Begins a file: nothing is counted yet. */
void coerce_start(struct coerce *coerce);

/* Begins a row: the texts made for the one before are void. */
static inline void coerce_begin_row(struct coerce *coerce)
{
    coerce->room.len = coerce->nulled_count = 0;
}

/* Counts what was made null in a row that is now accepted. */
static inline void coerce_count_row(struct coerce *coerce)
{
    for (size_t i = 0; i < coerce->nulled_count; i++)
        coerce->nulled_total[coerce->nulled[i]]++;
}

/* Counts what another one counted in rows of the same version. */
void coerce_join(struct coerce *coerce, const struct coerce *more);

/* Takes a value that was computed and not read: a null may be none the field can have, and another may be out of the
   range of the feed's field. False with coerce->reason. */
bool coerce_computed(struct coerce *coerce, const struct coerce_rule *rule, struct value *value) MUST_USE;

/* Sets coerce->reason. Returns false. */
bool coerce_fail(struct coerce *coerce, const char *format, ...) PRINTF_LIKE(2, 3);

/* What on_error makes of a value that could not be read, coerce->reason being set: false unless it makes it null. */
bool coerce_instead(struct coerce *coerce, const struct coerce_rule *rule, struct value *value) MUST_USE;

/* A field as its file has it. */
struct coerce_input {
    struct slice text;
    bool null;   /* the file says null: JSON's null, or nothing between two commas */
    bool number; /* a JSON number: exponents are written out for exact types */
};

/* False with coerce->reason when the row must be rejected, or with coerce->memory when it must not. Text borrows the
   input, the descriptor, or the row's room. */
bool coerce_field(struct coerce *coerce, const struct coerce_rule *rule, const struct coerce_input *input,
                  struct value *value) MUST_USE;

#endif
