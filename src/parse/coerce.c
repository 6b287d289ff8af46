#include "parse/coerce.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/text.h"
#include "model/doc.h"
#include "parse/rowsink.h"

enum {
    WORDS_MAX = 256 /* bytes of three printed values, each a number or a time */
};

static inline uint8_t length_bit(size_t len)
{
    return (uint8_t)(1 << (len < 7 ? len : 7));
}

/* Sums the words up so that a field is told from them without a loop. */
static void note_null_words(struct coerce_rule *rule)
{
    size_t bytes = 0;
    for (size_t i = 0; i < rule->field->null_count; i++) {
        struct slice word = rule->field->null[i];
        rule->null_lengths |= length_bit(word.len);
        if (word.len == 1)
            rule->null_byte = bytes++ == 0 ? word.data[0] : '\0';
    }
    if (bytes == 1 && rule->null_byte)
        rule->null_lengths &= (uint8_t)~length_bit(1);
}

static bool has_range(const struct feed_field *field)
{
    if (field->type.kind == VALUE_TEXT)
        return field->max < TEXT_VALUE_MAX;
    return field->type.kind != VALUE_DOUBLE && (field->min != INT64_MIN || field->max != INT64_MAX);
}

bool coerce_rule_init(struct coerce_rule *rule, const struct feed *feed, const struct feed_version *version,
                      size_t field, struct value *fallback, struct error *error)
{
    const struct descriptor_field *source = &version->descriptor->fields[field];
    int target = version->feed_field[field];
    *rule = (struct coerce_rule){
        .descriptor = version->descriptor,
        .field = source,
        .formats = source->formats,
        .format_count = (uint32_t)source->format_count,
        .type = source->type,
        .target_index = COERCE_UNUSED,
        .nulls = source->required || (source->cleaning && source->cleaning->fallback_null),
        .text = source->type.kind == VALUE_TEXT,
        .cleaned = source->strip_prefix_count > 0 || source->extract || source->map_count > 0 || source->cleaning,
    };
    note_null_words(rule);
    if (target >= 0) {
        rule->target = &feed->fields[target];
        rule->target_index = (uint32_t)target;
        rule->widened = !value_type_equal(source->type, rule->target->type);
        rule->ranged = has_range(rule->target);
    }
    rule->simple = !rule->cleaned && !rule->widened && !rule->ranged;
    if (!source->cleaning || !source->cleaning->has_fallback)
        return true;
    rule->fallback = fallback;
    return feed_fallback(source, rule->target, fallback) ||
           error_set(error, ERROR_CONFIG, "%s: the default of %s does not fit", version->descriptor->path,
                     source->name);
}

bool coerce_is_quick(const struct coerce_rule *rule)
{
    const struct descriptor_field *field = rule->field;
    bool stripped = field->strip_prefix_count > 0 && !field->extract && field->map_count == 0 && !field->cleaning;
    return (!rule->cleaned || (stripped && !rule->text)) && !rule->widened && rule->format_count == 0;
}

bool coerce_init(struct coerce *coerce, struct error *error)
{
    buf_init(&coerce->words, WORDS_MAX);
    coerce->strict = false;
    coerce->scratch = pattern_scratch_new();
    coerce_start(coerce);
    return (coerce->scratch && clean_room_init(&coerce->room) && buf_reserve(&coerce->words, WORDS_MAX)) ||
           error_memory(error);
}

void coerce_start(struct coerce *coerce)
{
    coerce->reason[0] = '\0';
    coerce->memory = false;
    memset(coerce->nulled_total, 0, sizeof coerce->nulled_total);
    coerce_begin_row(coerce);
}

void coerce_join(struct coerce *coerce, const struct coerce *more)
{
    for (size_t i = 0; i < DESCRIPTOR_FIELDS_MAX; i++)
        coerce->nulled_total[i] += more->nulled_total[i];
}

void coerce_close(struct coerce *coerce)
{
    clean_room_close(&coerce->room);
    pattern_scratch_free(coerce->scratch);
    buf_close(&coerce->words);
}

/* Messages are rare: kept out of the way of the rows that need none. */
#define COLD __attribute__((noinline, cold))

COLD bool coerce_fail(struct coerce *coerce, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_format(coerce->reason, sizeof coerce->reason, format, args);
    va_end(args);
    return false;
}

COLD static bool fail_found(struct coerce *coerce, struct slice found, const char *expected)
{
    char shown[ROWSINK_SHOWN_MAX];
    return coerce_fail(coerce, "found \"%s\", expected %s", text_escape(found, shown, sizeof shown), expected);
}

COLD static bool fail_memory(struct coerce *coerce)
{
    coerce->memory = true;
    return false;
}

COLD static bool fail_null(struct coerce *coerce, const struct coerce_input *input)
{
    char shown[ROWSINK_SHOWN_MAX];
    if (input->null || input->text.len == 0)
        return coerce_fail(coerce, "is null, required");
    return coerce_fail(coerce, "found \"%s\", which is null, required", text_escape(input->text, shown, sizeof shown));
}

static inline bool same(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || (a.data[0] == b.data[0] && memcmp(a.data, b.data, a.len) == 0));
}

static bool is_listed(const struct descriptor_field *field, struct slice text)
{
    for (size_t i = 0; i < field->null_count; i++)
        if (same(field->null[i], text))
            return true;
    return false;
}

/* Lengths and first byte tell most fields apart from null words without a look at the words. */
static inline bool is_null_word(const struct coerce_rule *rule, struct slice text)
{
    if (coerce_is_null_byte(rule, text))
        return true;
    return (rule->null_lengths & length_bit(text.len)) && is_listed(rule->field, text);
}

/* Most fields have no blanks around them: a look at both ends saves the call. */
static inline struct slice trim(struct slice s)
{
    if (s.len > 0 && (unsigned char)s.data[0] > ' ' && (unsigned char)s.data[s.len - 1] > ' ')
        return s;
    return slice_trim(s);
}

/* --- cleaning ----------------------------------------------------------------------------------------------------- */

/* The expression as its descriptor has it; a descriptor that was not loaded from a document has none to show. */
static const char *extract_words(const struct coerce_rule *rule)
{
    const struct doc_node *node = rule->descriptor->root;
    node = node ? doc_member(node, "fields") : NULL;
    node = node ? doc_member(node, rule->field->name) : NULL;
    node = node ? doc_member(node, "extract") : NULL;
    return node && node->kind == DOC_STRING ? doc_text(node) : NULL;
}

COLD static bool fail_extract(struct coerce *coerce, const struct coerce_rule *rule, struct slice found)
{
    const char *words = extract_words(rule);
    char shown[ROWSINK_SHOWN_MAX];
    if (!words)
        return fail_found(coerce, found, "a match of the field's extract");
    /* Not escaped: the backslashes of an expression would stand twice. */
    return coerce_fail(coerce, "found \"%s\", expected a match of %s", text_escape(found, shown, sizeof shown), words);
}

static bool extract(struct coerce *coerce, const struct coerce_rule *rule, struct slice found, struct slice *text)
{
    if (text_valid_utf8(*text) != text->len)
        return fail_found(coerce, found, "valid UTF-8");
    switch (pattern_extract(rule->field->extract, coerce->scratch, *text, text)) {
    case PATTERN_FOUND:
        return true;
    case PATTERN_NONE:
        return fail_extract(coerce, rule, found);
    case PATTERN_MEMORY:
        break;
    }
    return fail_memory(coerce);
}

static void map(const struct descriptor_field *field, struct slice *text)
{
    for (size_t i = 0; i < field->map_count; i++) {
        if (same(field->map[i].from, *text)) {
            *text = field->map[i].to;
            return;
        }
    }
}

/* Whether a step left a null word, blanks around it not counted. */
static bool left_null(const struct coerce_rule *rule, struct slice *text)
{
    if (!rule->text)
        *text = trim(*text);
    return is_null_word(rule, *text);
}

/* strip_prefix, unicode and replace; *null when they leave a null word. */
static bool clean_first(struct coerce *coerce, const struct coerce_rule *rule, struct slice found, struct slice *text,
                        bool *null)
{
    const struct cleaning *cleaning = rule->field->cleaning;
    const char *expected;
    *null = coerce_strip(rule->field, text) && is_null_word(rule, *text);
    if (*null || !cleaning)
        return true;
    if (!clean_replace(cleaning, &coerce->room, coerce->scratch, text, &expected))
        return expected ? fail_found(coerce, found, expected) : fail_memory(coerce);
    *null = (cleaning->ascii || cleaning->replace_count > 0) && left_null(rule, text);
    return true;
}

/* Everything up to map; *null when a step left a null word. */
static bool clean(struct coerce *coerce, const struct coerce_rule *rule, struct slice found, struct slice *text,
                  bool *null)
{
    const struct descriptor_field *field = rule->field;
    const char *expected;
    if (!clean_first(coerce, rule, found, text, null) || *null)
        return *null;
    if (field->extract && !extract(coerce, rule, found, text))
        return false;
    if (field->cleaning && field->cleaning->split.len > 0) {
        if (!clean_split(field->cleaning, &coerce->room, text, &expected))
            return fail_found(coerce, found, expected);
        *null = left_null(rule, text);
        if (*null)
            return true;
    }
    map(field, text);
    if (!rule->text)
        *text = trim(*text);
    return true;
}

/* --- the feed's field --------------------------------------------------------------------------------------------- */

COLD static bool fail_range(struct coerce *coerce, const struct feed_field *target, const struct value *value)
{
    struct buf *words = &coerce->words;
    char shown[ROWSINK_SHOWN_MAX];
    struct value min = {.i = target->min}, max = {.i = target->max};
    buf_reset(words);
    value_print(target->type, min, words);
    buf_put_text(words, " to ");
    value_print(target->type, max, words);
    size_t range = words->len;
    value_print(target->type, *value, words);
    struct slice number = {words->data + range, words->len - range};
    return coerce_fail(coerce, "found %s, expected %.*s%s%s%s", text_escape(number, shown, sizeof shown), (int)range,
                       words->data, target->holder ? " (" : "", target->holder ? target->holder : "",
                       target->holder ? ")" : "");
}

COLD static bool fail_widen(struct coerce *coerce, const struct feed_field *target, struct slice found)
{
    char type[VALUE_TYPE_TEXT_SIZE];
    return fail_found(coerce, found, value_type_text(target->type, type));
}

COLD static bool fail_length(struct coerce *coerce, const struct feed_field *target, const struct value *value,
                             struct slice found)
{
    char shown[ROWSINK_SHOWN_MAX];
    return coerce_fail(coerce, "found %zu bytes, \"%s\", expected at most %" PRId64 "%s%s%s", value->text.len,
                       text_escape(found, shown, sizeof shown), target->max, target->holder ? " (" : "",
                       target->holder ? target->holder : "", target->holder ? ")" : "");
}

/* From the descriptor's type to the feed's, and into its range: of a text that is its length. */
static bool fit(struct coerce *coerce, const struct coerce_rule *rule, struct slice found, struct value *value)
{
    const struct feed_field *target = rule->target;
    if (rule->widened && !value_widen(rule->type, target->type, value))
        return fail_widen(coerce, target, found);
    if (!rule->ranged)
        return true;
    if (target->type.kind == VALUE_TEXT)
        return value->text.len <= (size_t)target->max || fail_length(coerce, target, value, found);
    return (value->i >= target->min && value->i <= target->max) || fail_range(coerce, target, value);
}

/* What was computed from other fields has no text to show, so it is printed where it may not fit. */
static struct slice found_of(struct coerce *coerce, const struct coerce_rule *rule, const struct value *value)
{
    if (rule->text || !rule->widened)
        return rule->text ? value->text : SLICE("");
    buf_reset(&coerce->words);
    value_print(rule->type, *value, &coerce->words);
    return buf_slice(&coerce->words);
}

/* --- the whole way ------------------------------------------------------------------------------------------------ */

static bool take_null(struct coerce *coerce, const struct coerce_rule *rule, const struct coerce_input *input,
                      struct value *value)
{
    value->null = true;
    if (!rule->nulls)
        return true;
    if (rule->fallback && rule->field->cleaning->fallback_null) {
        *value = *rule->fallback;
        return true;
    }
    return fail_null(coerce, input);
}

bool coerce_computed(struct coerce *coerce, const struct coerce_rule *rule, struct value *value)
{
    const struct coerce_input null = {.null = true};
    if (value->null)
        return take_null(coerce, rule, &null, value);
    return rule->simple || !rule->target || fit(coerce, rule, found_of(coerce, rule, value), value);
}

/* A JSON number for an exact type that does not read exponents: 1e3, and 5.0 where an integer is wanted. */
static struct slice written_out(struct coerce *coerce, const struct coerce_rule *rule, struct slice text)
{
    enum value_kind kind = rule->type.kind;
    struct slice plain = text;
    if (kind != VALUE_INT64 && kind != VALUE_DECIMAL)
        return text;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == 'e' || text.data[i] == 'E' || (text.data[i] == '.' && kind == VALUE_INT64))
            return number_plain(text, coerce->number, &plain) ? plain : text;
    return text;
}

/* Whether the text is a JSON number or a part of one. What replace or map put in its place is written as in any file,
   so it is read by the field's number form and has no exponents. */
static bool is_json_number(const struct coerce_input *input, struct slice text)
{
    uintptr_t at = (uintptr_t)text.data, start = (uintptr_t)input->text.data;
    return input->number && at >= start && at - start < input->text.len;
}

static bool parse_cleaned(struct coerce *coerce, const struct coerce_rule *rule, const struct coerce_input *input,
                          bool number, struct slice text, struct value *value)
{
    const char *expected;
    return descriptor_value(rule->field, number, text, value, &expected) || fail_found(coerce, input->text, expected);
}

static inline bool parse(struct coerce *coerce, const struct coerce_rule *rule, struct slice found, struct slice text,
                         struct value *value)
{
    const char *expected;
    return value_parse(rule->type, rule->formats, rule->format_count, text, value, &expected) ||
           fail_found(coerce, found, expected);
}

static bool coerce_rest(struct coerce *coerce, const struct coerce_rule *rule, const struct coerce_input *input,
                        struct slice text, struct value *value)
{
    bool null = false;
    if (rule->cleaned && !clean(coerce, rule, input->text, &text, &null))
        return false;
    if (null)
        return take_null(coerce, rule, input, value);
    bool number = is_json_number(input, text);
    if (number)
        text = written_out(coerce, rule, text);
    bool read = rule->field->cleaning ? parse_cleaned(coerce, rule, input, number, text, value)
                                      : parse(coerce, rule, input->text, text, value);
    return read && (!rule->target || fit(coerce, rule, input->text, value));
}

COLD bool coerce_instead(struct coerce *coerce, const struct coerce_rule *rule, struct value *value)
{
    const struct cleaning *cleaning = rule->field->cleaning;
    const struct coerce_input null = {.null = true};
    if (coerce->strict || coerce->memory || !cleaning || !cleaning->null_on_error)
        return false;
    if (coerce->nulled_count < DESCRIPTOR_FIELDS_MAX)
        coerce->nulled[coerce->nulled_count++] = (uint16_t)(rule->field - rule->descriptor->fields);
    return take_null(coerce, rule, &null, value);
}

/* What is neither null at once nor read as it stands, with the room that only a text keeps. */
static bool coerce_slowly(struct coerce *coerce, const struct coerce_rule *rule, const struct coerce_input *input,
                          struct slice text, struct value *value)
{
    size_t room = coerce->room.len;
    bool ok = coerce_rest(coerce, rule, input, text, value) || coerce_instead(coerce, rule, value);
    if (!rule->text)
        coerce->room.len = room;
    return ok;
}

bool coerce_field(struct coerce *coerce, const struct coerce_rule *rule, const struct coerce_input *input,
                  struct value *value)
{
    struct slice text = input->text;
    if (input->null || is_null_word(rule, text))
        return take_null(coerce, rule, input, value);
    if (!rule->text)
        text = trim(text);
    if (text.len != input->text.len && is_null_word(rule, text))
        return take_null(coerce, rule, input, value);
    if (!rule->simple || input->number)
        return coerce_slowly(coerce, rule, input, text, value);
    return parse(coerce, rule, input->text, text, value);
}
