/*
 * The text of one source field to a value of the feed's field.
 *
 *   null words -> strip_prefix -> null words -> extract -> map -> read as the descriptor's type -> widen -> range
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
#include "parse/number.h"

enum {
    COERCE_REASON_MAX = 512,             /* bytes of a reason, the NUL included */
    COERCE_UNUSED = PIPELINE_FIELDS_MAX, /* where values go that nobody reads */
    COERCE_VALUES_MAX                    /* values of a row, that place included */
};

/* What is known beforehand of one field of one descriptor; one cache line, as every field of a file passes by it. */
struct coerce_rule {
    const struct descriptor *descriptor;
    const struct descriptor_field *field;
    const struct feed_field *target; /* NULL: no pipeline uses it */
    const char *const *formats;      /* the descriptor field's, as is `type` */
    struct value_type type;
    uint32_t format_count;
    uint32_t target_index; /* in the feed's fields; COERCE_UNUSED without a target */
    uint8_t null_lengths;  /* bit n: a null word has n bytes; bit 7: or more. Without a lone null_byte */
    char null_byte;        /* the only null word of one byte, as "-" mostly is; 0: none, or several */
    bool required;
    bool text;    /* of type text */
    bool cleaned; /* has strip_prefix, extract or map */
    bool widened; /* the feed's type is another */
    bool ranged;  /* the feed's range is narrower than its type */
    bool simple;  /* neither cleaned nor widened nor ranged */
};

void coerce_rule_init(struct coerce_rule *rule, const struct feed *feed, const struct feed_version *version,
                      size_t field);

/* What one parser needs to apply rules. */
struct coerce {
    struct pattern_scratch *scratch;
    struct buf words; /* printed values, for reasons; with all the memory it may take */
    char number[NUMBER_PLAIN_MAX];
    char reason[COERCE_REASON_MAX]; /* why the last field failed */
    bool memory;                    /* not it failed, but memory: what it is, is not known, and the file must be read again */
};

bool coerce_init(struct coerce *coerce, struct error *error) MUST_USE;
void coerce_close(struct coerce *coerce);
/* Before each file. */
void coerce_start(struct coerce *coerce);

/* A field as its file has it. */
struct coerce_input {
    struct slice text;
    bool null;   /* the file says null: JSON's null, or nothing between two commas */
    bool number; /* a JSON number: exponents are written out for exact types */
};

/* False with coerce->reason when the row must be rejected, or with coerce->memory when it must not. Text borrows the input or the descriptor. */
bool coerce_field(struct coerce *coerce, const struct coerce_rule *rule, const struct coerce_input *input,
                  struct value *value) MUST_USE;

#endif
