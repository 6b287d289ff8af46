/*
 * The compiled code and its limits are only read after pattern_new; everything that matching writes is in the scratch.
 *
 * PCRE2's interpreter matches, never its machine code, which is about twice as fast and not the same: it has a small
 * stack, counts steps in its own way, and in PCRE2 10.42 `(a+)*+$` leaves a group set in "aab" that took no part. A
 * value must not hang on the machine that reads it.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "model/pattern.h"

#include <pcre2.h>
#include <stdlib.h>

#include "base/text.h"
#include "model/pattern_digits.h"

enum {
    STEPS_MAX = 10000,     /* from one place of the text, and of their depth */
    LONG_TEXT = 256,       /* bytes from which on the steps of all places are counted */
    EFFORT_MAX = 10000000, /* of one long text: its steps, and the bytes that they pass */
    PATTERN_MESSAGE = 256, /* bytes of PCRE2's longest message, with room to spare */
    PAIRS = 10,            /* the whole match and the groups that a replacement can name */
    GROUP_NAMED_MAX = 9
};

struct pattern {
    pcre2_code *code;
    pcre2_code *counted; /* the same with callouts, for long texts */
    struct slice by;     /* of one that replaces */
    bool is_digits;      /* `digits` says the same */
    struct pattern_digits digits;
};

struct pattern_scratch {
    pcre2_match_data *data;
    pcre2_match_context *limits, *counting;
    size_t effort;    /* of the long text in hand */
    size_t start, at; /* where the match under way began, and how far it was at the last step */
};

static bool compile(pcre2_code **code, struct slice expression, uint32_t more, struct error *error)
{
    const uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY | more;
    PCRE2_SPTR text = expression.len > 0 ? (PCRE2_SPTR)expression.data : (PCRE2_SPTR) "";
    int number;
    size_t offset;
    *code = pcre2_compile(text, expression.len, options, &number, &offset, NULL);
    if (*code)
        return true;
    if (number == PCRE2_ERROR_HEAP_FAILED)
        return error_memory(error);
    PCRE2_UCHAR message[PATTERN_MESSAGE];
    pcre2_get_error_message(number, message, sizeof message);
    return error_set(error, ERROR_CONFIG, "%s at offset %zu", (const char *)message, offset);
}

static uint32_t group_count(const struct pattern *pattern)
{
    uint32_t groups = 0;
    pcre2_pattern_info(pattern->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    return groups;
}

static bool check_groups(const struct pattern *pattern, struct error *error)
{
    if (group_count(pattern) > 0)
        return true;
    return error_set(error, ERROR_CONFIG, "no capture group, expected \"(\" and \")\" around what to extract");
}

/* Bytes of the "$..." at `at`; 0 when it is none. *group is 0 for a dollar sign. */
static size_t read_reference(struct slice by, size_t at, uint32_t *group)
{
    const char *p = by.data + at + 1;
    size_t left = by.len - at - 1;
    bool braced = left > 0 && *p == '{';
    *group = 0;
    if (left > 0 && *p == '$')
        return 2;
    if (left <= braced || p[braced] < '1' || p[braced] > '9')
        return 0;
    *group = (uint32_t)(p[braced] - '0');
    if (braced)
        return left > 2 && p[2] == '}' ? 4 : 0;
    return left > 1 && text_is_digit(p[1]) ? 0 : 2;
}

static bool check_replacement(const struct pattern *pattern, struct slice by, struct error *error)
{
    uint32_t group, groups = group_count(pattern);
    for (size_t at = 0, len; at < by.len; at += len) {
        len = 1;
        if (by.data[at] != '$')
            continue;
        len = read_reference(by, at, &group);
        if (len == 0)
            return error_set(error, ERROR_CONFIG, "\"$\" at offset %zu, expected $1 to $%d, ${1} before a digit, or $$",
                             at, GROUP_NAMED_MAX);
        if (group > groups)
            return error_set(error, ERROR_CONFIG, "$%u at offset %zu, but the expression has %u groups", group, at,
                             groups);
    }
    return true;
}

/* `by` is NULL for an expression that extracts. */
static struct pattern *make(struct slice expression, const struct slice *by, struct error *error)
{
    struct pattern *pattern = calloc(1, sizeof *pattern);
    if (!pattern) {
        error_memory(error);
        return NULL;
    }
    bool ok = compile(&pattern->code, expression, 0, error) &&
              (by ? check_replacement(pattern, *by, error) : check_groups(pattern, error)) &&
              compile(&pattern->counted, expression, PCRE2_AUTO_CALLOUT, error);
    if (!ok) {
        pattern_free(pattern);
        return NULL;
    }
    return pattern;
}

struct pattern *pattern_new(struct slice expression, struct error *error)
{
    struct pattern *pattern = make(expression, NULL, error);
    if (pattern)
        pattern->is_digits = pattern_digits_read(expression, &pattern->digits);
    return pattern;
}

struct pattern *pattern_new_replace(struct slice expression, struct slice by, struct error *error)
{
    struct pattern *pattern = make(expression, &by, error);
    if (pattern)
        pattern->by = by;
    return pattern;
}

void pattern_free(struct pattern *pattern)
{
    if (!pattern)
        return;
    pcre2_code_free(pattern->code);
    pcre2_code_free(pattern->counted);
    free(pattern);
}

/* Called before each item of an expression that is tried. PCRE2's own limit begins anew at each place of the text, and
   a step may pass all of it. */
static int count_step(pcre2_callout_block *block, void *scratch)
{
    struct pattern_scratch *s = scratch;
    if (block->start_match != s->start)
        s->start = s->at = block->start_match;
    s->effort += 1 + (block->current_position > s->at ? block->current_position - s->at : 0);
    s->at = block->current_position;
    return s->effort > EFFORT_MAX ? PCRE2_ERROR_MATCHLIMIT : 0;
}

static pcre2_match_context *limits_new(void)
{
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    if (!limits)
        return NULL;
    pcre2_set_match_limit(limits, STEPS_MAX);
    pcre2_set_depth_limit(limits, STEPS_MAX);
    return limits;
}

struct pattern_scratch *pattern_scratch_new(void)
{
    struct pattern_scratch *scratch = calloc(1, sizeof *scratch);
    if (!scratch)
        return NULL;
    scratch->data = pcre2_match_data_create(PAIRS, NULL);
    scratch->limits = limits_new();
    scratch->counting = limits_new();
    if (!scratch->data || !scratch->limits || !scratch->counting) {
        pattern_scratch_free(scratch);
        return NULL;
    }
    pcre2_set_callout(scratch->counting, count_step, scratch);
    return scratch;
}

void pattern_scratch_free(struct pattern_scratch *scratch)
{
    if (!scratch)
        return;
    pcre2_match_data_free(scratch->data);
    pcre2_match_context_free(scratch->limits);
    pcre2_match_context_free(scratch->counting);
    free(scratch);
}

/* What to match a text with: *code and *limits. */
static void choose(const struct pattern *pattern, struct pattern_scratch *scratch, struct slice text,
                   const pcre2_code **code, pcre2_match_context **limits)
{
    bool counted = text.len >= LONG_TEXT;
    *code = counted ? pattern->counted : pattern->code;
    *limits = counted ? scratch->counting : scratch->limits;
    scratch->effort = scratch->start = scratch->at = 0;
}

static int match(const struct pattern *pattern, struct pattern_scratch *scratch, struct slice text)
{
    const pcre2_code *code;
    pcre2_match_context *limits;
    PCRE2_SPTR subject = text.len > 0 ? (PCRE2_SPTR)text.data : (PCRE2_SPTR) "";
    choose(pattern, scratch, text, &code, &limits);
    return pcre2_match(code, subject, text.len, 0, 0, scratch->data, limits);
}

enum pattern_result pattern_extract(const struct pattern *pattern, struct pattern_scratch *scratch, struct slice text,
                                    struct slice *out)
{
    if (pattern->is_digits)
        return pattern_digits_match(&pattern->digits, text, out) ? PATTERN_FOUND : PATTERN_NONE;
    int groups = match(pattern, scratch, text);
    /* 0 says that the pattern has more groups than there are pairs; the first one is still there. */
    if (groups < 0)
        return groups == PCRE2_ERROR_NOMEMORY ? PATTERN_MEMORY : PATTERN_NONE;
    const size_t *pairs = pcre2_get_ovector_pointer(scratch->data);
    if (pairs[2] == PCRE2_UNSET)
        return PATTERN_NONE;
    *out = (struct slice){text.len > 0 ? text.data + pairs[2] : "", pairs[3] - pairs[2]};
    return PATTERN_FOUND;
}

/* *written is PCRE2_UNSET unless room was what it lacked. */
static int substitute(const struct pattern *pattern, struct pattern_scratch *scratch, struct slice text, char *room,
                      size_t size, size_t *written)
{
    const uint32_t options = PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_UNSET_EMPTY | PCRE2_SUBSTITUTE_OVERFLOW_LENGTH;
    PCRE2_SPTR subject = text.len > 0 ? (PCRE2_SPTR)text.data : (PCRE2_SPTR) "";
    PCRE2_SPTR by = pattern->by.len > 0 ? (PCRE2_SPTR)pattern->by.data : (PCRE2_SPTR) "";
    const pcre2_code *code;
    pcre2_match_context *limits;
    choose(pattern, scratch, text, &code, &limits);
    *written = size;
    return pcre2_substitute(code, subject, text.len, 0, options, scratch->data, limits, by, pattern->by.len,
                            (PCRE2_UCHAR *)room, written);
}

enum pattern_result pattern_replace(const struct pattern *pattern, struct pattern_scratch *scratch, struct slice *text,
                                    char *room, size_t size, const char **expected)
{
    size_t written;
    int count = substitute(pattern, scratch, *text, room, size, &written);
    if (count == PCRE2_ERROR_NOMEMORY && written == PCRE2_UNSET)
        return PATTERN_MEMORY;
    if (count < 0) {
        *expected = count == PCRE2_ERROR_NOMEMORY ? "a text that \"replace\" leaves at most 65536 bytes long"
                                                  : "a text that \"replace\" can read within its limit of steps";
        return PATTERN_NONE;
    }
    if (count > 0)
        *text = (struct slice){room, written};
    return PATTERN_FOUND;
}
