/*
 * Expressions of `extract`: any of them compiles or says why not, and finds the same by machine code as interpreted.
 *
 * An input is an expression, NUL, and the text that it is matched with.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/text.h"
#include "fuzz.h"
#include "model/pattern.h"

enum { STEPS_MAX = 1000 }; /* of the interpreter: well below pattern.h's, as the two count in their own ways */

/* The first group as PCRE2's interpreter finds it: 1 found, 0 not, -1 too many steps. */
static int interpret(struct slice expression, struct slice text, struct slice *out)
{
    int number, found = 0;
    size_t offset;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)expression.data, expression.len,
                      PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY, &number, &offset, NULL);
    pcre2_match_data *data = pcre2_match_data_create(2, NULL);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    check(code && data && limits);
    pcre2_set_match_limit(limits, STEPS_MAX);
    pcre2_set_depth_limit(limits, STEPS_MAX);
    int got = pcre2_match(code, (PCRE2_SPTR)text.data, text.len, 0, PCRE2_NO_JIT, data, limits);
    const size_t *pairs = pcre2_get_ovector_pointer(data);
    if (got < 0 && got != PCRE2_ERROR_NOMATCH)
        found = -1;
    else if (got >= 0 && pairs[2] != PCRE2_UNSET) {
        *out = (struct slice){text.data + pairs[2], pairs[3] - pairs[2]};
        found = 1;
    }
    pcre2_match_context_free(limits);
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    return found;
}

static bool extract(struct pattern *pattern, struct pattern_scratch *scratch, struct slice text, struct slice *out)
{
    enum pattern_result result = pattern_extract(pattern, scratch, text, out);
    check(result == PATTERN_FOUND || result == PATTERN_NONE);
    return result == PATTERN_FOUND;
}

static void check_match(struct pattern *pattern, struct pattern_scratch *scratch, struct slice expression,
                        struct slice text)
{
    struct slice out = SLICE(""), again = SLICE(""), wanted = SLICE("");
    bool found = extract(pattern, scratch, text, &out);
    check(extract(pattern, scratch, text, &again) == found);
    /* Nothing is found in no text, wherever that is. */
    if (found && text.len > 0) {
        check(out.data == again.data && out.len == again.len);
        check(out.data >= text.data && out.len <= text.len);
        check((size_t)(out.data - text.data) <= text.len - out.len);
    }
    /* Only UTF-8 reaches an expression, see parse/coerce.c; other text is safe, and not found. */
    if (text_valid_utf8(text) != text.len) {
        check(!found);
        return;
    }
    int interpreted = interpret(expression, text, &wanted);
    check(interpreted < 0 || found == (interpreted == 1));
    check(interpreted != 1 || (out.len == wanted.len && (out.data == wanted.data || text.len == 0)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pattern_scratch *scratch; /* one for all patterns, as a parser has it */
    struct slice rest = {(const char *)data, size}, expression, text = SLICE("");
    struct error error = {0};
    if (size == 0 || !fuzz_section(&rest, &expression))
        return 0;
    fuzz_section(&rest, &text);
    if (!scratch)
        check((scratch = pattern_scratch_new()));
    char *first = fuzz_copy(expression), *second = fuzz_copy(text);
    expression.data = first;
    text.data = second;
    struct pattern *pattern = pattern_new(expression, &error);
    if (pattern)
        check_match(pattern, scratch, expression, text);
    else
        check(error.kind == ERROR_CONFIG && error.text[0]);
    pattern_free(pattern);
    free(first);
    free(second);
    return 0;
}
