/* What the tests of values share: a type of each kind, and texts that are read as values, refused and printed. */
#ifndef DROPFOLD_TESTS_MODEL_VALUES_H
#define DROPFOLD_TESTS_MODEL_VALUES_H

#include "testing.h"

#include <math.h>

#include "model/value.h"

static const struct value_type int64_type = {.kind = VALUE_INT64}, double_type = {.kind = VALUE_DOUBLE},
                               text_type = {.kind = VALUE_TEXT}, bool_type = {.kind = VALUE_BOOL},
                               date_type = {.kind = VALUE_DATE}, timestamp_type = {.kind = VALUE_TIMESTAMP};

static inline struct value_type decimal_type(unsigned precision, unsigned scale)
{
    return (struct value_type){VALUE_DECIMAL, (uint8_t)precision, (uint8_t)scale};
}

/* value_parse of a copy on the heap, so that AddressSanitizer sees a read past its end; not for texts. */
static inline bool parse(struct value_type type, const char *text, struct value *value, const char **expected)
{
    size_t len = strlen(text);
    char *copy = testing_heap(text, len);
    bool parsed = value_parse(type, NULL, 0, (struct slice){copy, len}, value, expected);
    free(copy);
    return parsed;
}

static inline void assert_integer(struct value_type type, const char *text, int64_t wanted)
{
    struct value value;
    const char *expected = "";
    if (!parse(type, text, &value, &expected) || value.null || value.i != wanted) {
        print_error("\"%s\": expected %s, wanted %jd\n", text, expected, (intmax_t)wanted);
        fail();
    }
}

static inline void assert_number(const char *text, double wanted)
{
    struct value value;
    const char *expected = "";
    if (!parse(double_type, text, &value, &expected) || value.null || value.d != wanted ||
        signbit(value.d) != signbit(wanted)) {
        print_error("\"%s\": expected %s, wanted %a\n", text, expected, wanted);
        fail();
    }
}

static inline void assert_refused(struct value_type type, const char *text, const char *wanted)
{
    struct value value;
    const char *expected = "";
    if (parse(type, text, &value, &expected) || strcmp(expected, wanted) != 0) {
        print_error("\"%s\": expected \"%s\", wanted \"%s\"\n", text, expected, wanted);
        fail();
    }
}

static inline void assert_printed(struct value_type type, struct value value, const char *wanted)
{
    struct buf buf;
    buf_init(&buf, TEXT_VALUE_MAX);
    value_print(type, value, &buf);
    assert_slice(buf_slice(&buf), wanted);
    buf_close(&buf);
}

#endif
