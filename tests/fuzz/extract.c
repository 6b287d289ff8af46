/*
 * Expressions of `extract` and `replace`: any of them compiles or says why not, and does the same by machine code as
 * interpreted.
 *
 * An input is an expression, NUL, the text that it is matched with, NUL, and what its matches are replaced by.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/text.h"
#include "fuzz.h"
#include "model/pattern.h"

enum {
    STEPS_MAX = 1000, /* of the interpreter: well below pattern.h's, as the two count in their own ways */
    ROOM_SIZE = 2000  /* bytes of a replaced text */
};

struct input {
    struct slice expression, text, by;
};

/* --- the interpreter ---------------------------------------------------------------------------------------------- */

static pcre2_code *compile(struct slice expression)
{
    const uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY;
    int number;
    size_t offset;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)expression.data, expression.len, options, &number, &offset, NULL);
    check(code);
    return code;
}

static pcre2_match_context *new_limits(void)
{
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    check(limits);
    pcre2_set_match_limit(limits, STEPS_MAX);
    pcre2_set_depth_limit(limits, STEPS_MAX);
    return limits;
}

/* The first group: 1 found, 0 not, -1 too many steps. */
static int interpret(const struct input *in, struct slice *out)
{
    int found = 0;
    pcre2_code *code = compile(in->expression);
    pcre2_match_context *limits = new_limits();
    pcre2_match_data *data = pcre2_match_data_create(2, NULL);
    check(data);
    int got = pcre2_match(code, (PCRE2_SPTR)in->text.data, in->text.len, 0, PCRE2_NO_JIT, data, limits);
    const size_t *pairs = pcre2_get_ovector_pointer(data);
    if (got < 0 && got != PCRE2_ERROR_NOMATCH) {
        found = -1;
    } else if (got >= 0 && pairs[2] != PCRE2_UNSET) {
        *out = (struct slice){in->text.data + pairs[2], pairs[3] - pairs[2]};
        found = 1;
    }
    pcre2_match_context_free(limits);
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    return found;
}

/* The text with every match replaced, unless that takes too many steps. */
static bool interpret_replace(const struct input *in, char room[ROOM_SIZE], struct slice *out)
{
    const uint32_t options = PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_UNSET_EMPTY | PCRE2_NO_JIT;
    size_t len = ROOM_SIZE;
    pcre2_code *code = compile(in->expression);
    pcre2_match_context *limits = new_limits();
    int count = pcre2_substitute(code, (PCRE2_SPTR)in->text.data, in->text.len, 0, options, NULL, limits,
                                 (PCRE2_SPTR)in->by.data, in->by.len, (PCRE2_UCHAR *)room, &len);
    *out = (struct slice){room, len};
    pcre2_match_context_free(limits);
    pcre2_code_free(code);
    return count >= 0;
}

/* --- extract ------------------------------------------------------------------------------------------------------ */

static bool extract(struct pattern *pattern, struct pattern_scratch *scratch, struct slice text, struct slice *out)
{
    enum pattern_result result = pattern_extract(pattern, scratch, text, out);
    check(result == PATTERN_FOUND || result == PATTERN_NONE);
    return result == PATTERN_FOUND;
}

static void check_extract(struct pattern *pattern, struct pattern_scratch *scratch, const struct input *in)
{
    struct slice out = SLICE(""), again = SLICE(""), wanted = SLICE("");
    bool found = extract(pattern, scratch, in->text, &out);
    check(extract(pattern, scratch, in->text, &again) == found);
    /* Nothing is found in no text, wherever that is. */
    if (found && in->text.len > 0) {
        check(out.data == again.data && out.len == again.len);
        check(out.data >= in->text.data && out.len <= in->text.len);
        check((size_t)(out.data - in->text.data) <= in->text.len - out.len);
    }
    /* Only UTF-8 reaches an expression, see parse/coerce.c; other text is safe, and not found. */
    if (text_valid_utf8(in->text) != in->text.len) {
        check(!found);
        return;
    }
    int interpreted = interpret(in, &wanted);
    check(interpreted < 0 || found == (interpreted == 1));
    check(interpreted != 1 || (out.len == wanted.len && (out.data == wanted.data || in->text.len == 0)));
}

/* --- replace ------------------------------------------------------------------------------------------------------ */

/* In a room of this size, which holds nothing else. */
static bool replace(struct pattern *pattern, struct pattern_scratch *scratch, const struct input *in, size_t size,
                    struct buf *out)
{
    const char *expected = NULL;
    struct slice text;
    char *room = malloc(size > 0 ? size : 1);
    check(room);
    enum pattern_result result = pattern_replace(pattern, scratch, in->text, in->by, room, size, &text, &expected);
    check(result == PATTERN_FOUND || (result == PATTERN_NONE && expected && *expected));
    check(result != PATTERN_FOUND || text.data == in->text.data || (text.data == room && text.len < size));
    buf_reset(out);
    if (result == PATTERN_FOUND)
        buf_put_slice(out, text);
    free(room);
    return result == PATTERN_FOUND;
}

static void check_replace(struct pattern *pattern, struct pattern_scratch *scratch, const struct input *in)
{
    char room[ROOM_SIZE];
    struct buf out, again;
    struct slice wanted;
    buf_init(&out, ROOM_SIZE);
    buf_init(&again, ROOM_SIZE);
    /* Only UTF-8 reaches an expression, and its replacement comes out of a document. */
    bool utf8 = text_valid_utf8(in->text) == in->text.len && text_valid_utf8(in->by) == in->by.len;
    if (utf8 && replace(pattern, scratch, in, ROOM_SIZE, &out)) {
        check(text_valid_utf8(buf_slice(&out)) == out.len);
        check(!interpret_replace(in, room, &wanted) || slice_equal(buf_slice(&out), wanted));
        check(replace(pattern, scratch, in, out.len + 1, &again));
        check(slice_equal(buf_slice(&out), buf_slice(&again)));
    }
    buf_close(&out);
    buf_close(&again);
}

/* ------------------------------------------------------------------------------------------------------------------ */

typedef void check_pattern(struct pattern *pattern, struct pattern_scratch *scratch, const struct input *in);

static void check_and_free(struct pattern *pattern, const struct error *error, struct pattern_scratch *scratch,
                           const struct input *in, check_pattern *check_one)
{
    if (pattern)
        check_one(pattern, scratch, in);
    else
        check(error->kind == ERROR_CONFIG && error->text[0]);
    pattern_free(pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pattern_scratch *scratch; /* one for all patterns, as a parser has it */
    struct slice rest = {(const char *)data, size}, parts[] = {SLICE(""), SLICE(""), SLICE("")};
    struct error error = {0};
    if (size == 0)
        return 0;
    if (!scratch)
        check((scratch = pattern_scratch_new()));
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        (void)fuzz_section(&rest, &parts[i]);
        parts[i].data = fuzz_copy(parts[i]);
    }
    const struct input in = {parts[0], parts[1], parts[2]};
    check_and_free(pattern_new(in.expression, &error), &error, scratch, &in, check_extract);
    check_and_free(pattern_new_replace(in.expression, in.by, &error), &error, scratch, &in, check_replace);
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        free((void *)(uintptr_t)parts[i].data);
    return 0;
}
