/*
 * Expressions of `extract` and `replace`: any of them compiles or says why not, and does the same every time.
 *
 * An input is an expression, NUL, the text that it is matched with, NUL, and what its matches are replaced by.
 */
#include "base/buf.h"
#include "base/text.h"
#include "fuzz.h"
#include "model/pattern.h"

enum { ROOM_SIZE = 2000 /* bytes of a replaced text */ };

struct input {
    struct slice expression, text, by;
};

/* --- extract ------------------------------------------------------------------------------------------------------ */

static bool extract(struct pattern *pattern, struct pattern_scratch *scratch, struct slice text, struct slice *out)
{
    enum pattern_result result = pattern_extract(pattern, scratch, text, out);
    check(result == PATTERN_FOUND || result == PATTERN_NONE);
    return result == PATTERN_FOUND;
}

static void check_extract(struct pattern *pattern, struct pattern_scratch *scratch, const struct input *in)
{
    struct slice out = SLICE(""), again = SLICE("");
    struct pattern_scratch *fresh = pattern_scratch_new();
    check(fresh);
    bool found = extract(pattern, scratch, in->text, &out);
    check(extract(pattern, fresh, in->text, &again) == found);
    check(!found || slice_equal(out, again));
    /* Only UTF-8 reaches an expression, see parse/coerce.c; other text is safe, and not found. */
    check(!found || text_valid_utf8(in->text) == in->text.len);
    /* Nothing is found in no text, wherever that is. */
    if (found && in->text.len > 0) {
        check(out.data == again.data && out.data >= in->text.data && out.len <= in->text.len);
        check((size_t)(out.data - in->text.data) <= in->text.len - out.len);
    }
    pattern_scratch_free(fresh);
}

/* --- replace ------------------------------------------------------------------------------------------------------ */

/* In a room of this size, which holds nothing else. */
static bool replace(struct pattern *pattern, struct pattern_scratch *scratch, const struct input *in, size_t size,
                    struct buf *out)
{
    const char *expected = NULL;
    struct slice text = in->text;
    char *room = malloc(size > 0 ? size : 1);
    check(room);
    enum pattern_result result = pattern_replace(pattern, scratch, &text, room, size, &expected);
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
    struct buf out, again;
    buf_init(&out, ROOM_SIZE);
    buf_init(&again, ROOM_SIZE);
    /* Only UTF-8 reaches an expression, and its replacement comes out of a document. */
    bool utf8 = text_valid_utf8(in->text) == in->text.len && text_valid_utf8(in->by) == in->by.len;
    if (utf8 && replace(pattern, scratch, in, ROOM_SIZE, &out)) {
        check(text_valid_utf8(buf_slice(&out)) == out.len);
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
