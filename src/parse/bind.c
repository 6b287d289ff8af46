#include "parse/bind.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "parse/parser.h"
#include "parse/rowsink.h"

#define NAMES_MAX ((size_t)FILE_UNKNOWN_COLUMNS_MAX * PARSER_RECORD_MAX)

enum {
    FOUND_MAX = 5,                 /* names of a header that are told */
    LACKS_MAX = 4 * ERROR_TEXT_MAX /* bytes: an error that ends before them says that it was cut */
};

static bool make_rules(struct bind *bind, size_t index, struct error *error)
{
    const struct feed_version *version = &bind->feed->versions[index];
    size_t count = version->descriptor->field_count;
    struct coerce_rule *rules = bind->rules[index] = calloc(count, sizeof *rules);
    struct value *fallbacks = bind->fallbacks[index] = calloc(count, sizeof *fallbacks);
    if (!rules || !fallbacks)
        return error_memory(error);
    size_t hidden = 0;
    for (size_t i = 0; i < count; i++) {
        if (!coerce_rule_init(&rules[i], bind->feed, version, i, &fallbacks[i], error))
            return false;
        if (!rules[i].target && rules[i].field->is_source)
            rules[i].target_index = (uint32_t)(COERCE_HIDDEN + hidden++);
    }
    return true;
}

bool bind_init(struct bind *bind, const struct feed *feed, struct error *error)
{
    *bind = (struct bind){.feed = feed};
    arena_init(&bind->names, NAMES_MAX);
    buf_init(&bind->lacks, LACKS_MAX);
    bind->rules = calloc(feed->version_count, sizeof(struct coerce_rule *));
    bind->fallbacks = calloc(feed->version_count, sizeof(struct value *));
    if (!bind->rules || !bind->fallbacks || !buf_reserve(&bind->lacks, LACKS_MAX))
        return error_memory(error);
    for (size_t i = 0; i < feed->version_count; i++)
        if (!make_rules(bind, i, error))
            return false;
    return true;
}

void bind_close(struct bind *bind)
{
    for (size_t i = 0; bind->rules && bind->fallbacks && i < bind->feed->version_count; i++) {
        free(bind->rules[i]);
        free(bind->fallbacks[i]);
    }
    free(bind->rules);
    free(bind->fallbacks);
    arena_close(&bind->names);
    buf_close(&bind->lacks);
}

void bind_start(struct bind *bind, uint32_t wanted)
{
    bind->wanted = wanted;
    bind->version = NULL;
    bind->chosen = NULL;
    bind->unknown_count = 0;
    bind->unknown_more = false;
    bind->name = (struct slice){NULL, 0};
    bind->first = bind->end = 0;
    bind->line = bind->column = 0;
    buf_reset(&bind->lacks);
    arena_reset(&bind->names);
}

bool bind_name(struct bind *bind, struct slice name)
{
    bind->name = arena_copy(&bind->names, name);
    return bind->name.data != NULL;
}

static bool allowed(const struct bind *bind, const struct descriptor *descriptor)
{
    return bind->wanted == 0 || bind->wanted == descriptor->version;
}

bool bind_reads(const struct bind *bind, enum descriptor_format format)
{
    for (size_t i = 0; i < bind->feed->version_count; i++) {
        const struct descriptor *descriptor = bind->feed->versions[i].descriptor;
        if (descriptor->format == format && allowed(bind, descriptor))
            return true;
    }
    return false;
}

/* The next version from `at` on that may be chosen, or their number. */
static size_t next_allowed(const struct bind *bind, size_t at)
{
    while (at < bind->feed->version_count && !allowed(bind, bind->feed->versions[at].descriptor))
        at++;
    return at;
}

bool bind_next_run(struct bind *bind)
{
    const struct feed *feed = bind->feed;
    bind->version = NULL;
    bind->chosen = NULL;
    bind->unknown_count = 0;
    bind->unknown_more = false;
    bind->noted = false;
    bind->first = next_allowed(bind, bind->end);
    bind->end = bind->first;
    while (bind->end < feed->version_count && allowed(bind, feed->versions[bind->end].descriptor) &&
           descriptor_same_form(feed->versions[bind->first].descriptor, feed->versions[bind->end].descriptor))
        bind->end++;
    return bind->first < bind->end;
}

bool bind_last_run(const struct bind *bind)
{
    return next_allowed(bind, bind->end) == bind->feed->version_count;
}

bool bind_last_of_format(const struct bind *bind)
{
    for (size_t i = next_allowed(bind, bind->end); i < bind->feed->version_count; i = next_allowed(bind, i + 1))
        if (bind->feed->versions[i].descriptor->format == bind_form(bind)->format)
            return false;
    return true;
}

const struct descriptor *bind_form(const struct bind *bind)
{
    return bind->feed->versions[bind->first].descriptor;
}

static void begin_note(struct bind *bind, size_t index)
{
    if (bind->lacks.len > 0)
        buf_put_text(&bind->lacks, "; ");
    buf_printf(&bind->lacks, "%u.json ", bind->feed->versions[index].descriptor->version);
}

void bind_note(struct bind *bind, const char *why)
{
    bind->noted = true;
    for (size_t i = bind->first; i < bind->end; i++) {
        begin_note(bind, i);
        buf_put_text(&bind->lacks, why);
    }
}

/* A header that is one column with signs in it which others cut at: most likely these do, too. "sep=;" is a line of
   Excel's before the header. */
static bool note_delimiter(struct bind *bind, struct slice name, bool alone)
{
    static const char marker[] = "sep=";
    char shown[ROWSINK_SHOWN_MAX];
    size_t at = 0;
    if (slice_starts_with(name, SLICE(marker))) {
        buf_put_text(&bind->lacks, " (its first line is no header but names the delimiter: \"skip\": 1)");
        return true;
    }
    while (at < name.len && !memchr(",;\t|", name.data[at], 4))
        at++;
    if (!alone || at == name.len)
        return false;
    buf_printf(&bind->lacks, " (found the one column \"%s\": is the \"delimiter\" another?)",
               text_escape(name, shown, sizeof shown));
    return true;
}

/* Whether some version of the run speaks of one of these columns, or has told them all. */
static bool knows_any(const struct bind *bind, const struct slice *names, size_t count)
{
    for (size_t i = bind->first; i < bind->end; i++) {
        const struct descriptor *descriptor = bind->feed->versions[i].descriptor;
        if (descriptor->unknown_rejected)
            return true;
        for (size_t k = 0; k < count; k++)
            if (descriptor_declares(descriptor, names[k]))
                return true;
    }
    return false;
}

/* Of a file of another kind what stands there instead: a row for a header, the columns of another feed. */
static void note_found(struct bind *bind, const struct slice *names, size_t count)
{
    char shown[ROWSINK_SHOWN_MAX];
    bool csv = bind_form(bind)->format == DESCRIPTOR_CSV;
    if (count == 0 || (csv && note_delimiter(bind, names[0], count == 1)) || knows_any(bind, names, count))
        return;
    for (size_t i = 0; i < count && i < FOUND_MAX; i++)
        buf_printf(&bind->lacks, "%s\"%s\"", i == 0 ? " (found " : ", ", text_escape(names[i], shown, sizeof shown));
    if (count > FOUND_MAX)
        buf_printf(&bind->lacks, " and %zu more", count - FOUND_MAX);
    buf_put_byte(&bind->lacks, ')');
}

static bool fits(struct bind *bind, size_t index, const struct slice *names, size_t count)
{
    const struct feed_version *version = &bind->feed->versions[index];
    size_t before = bind->lacks.len;
    begin_note(bind, index);
    if (!descriptor_bind(version->descriptor, names, count, bind->columns, &bind->lacks))
        return false;
    bind->lacks.len = before;
    bind->version = version;
    bind->chosen = bind->rules[index];
    return true;
}

bool bind_fail(const struct bind *bind, struct error *error)
{
    const struct buf *lacks = &bind->lacks;
    if (lacks->len == 0)
        return error_set(error, ERROR_DATA, "%s has no descriptor %u.json", bind->feed->name, bind->wanted);
    error_set(error, ERROR_DATA, "fits no descriptor of %s: %.*s", bind->feed->name, (int)lacks->len, lacks->data);
    if (bind->line > 0)
        error_wrap(error, "%ju:%ju", (uintmax_t)bind->line, (uintmax_t)bind->column);
    return false;
}

static void note_place(struct bind *bind, uint64_t line, uint64_t column)
{
    if (bind->line > 0)
        return;
    bind->line = line;
    bind->column = column;
}

bool bind_choose(struct bind *bind, const struct slice *names, size_t count, uint64_t line, uint64_t column,
                 struct error *error)
{
    bind->choices++;
    for (size_t i = bind->first; i < bind->end; i++)
        if (fits(bind, i, names, count))
            return true;
    note_found(bind, names, count);
    bind->noted = true;
    note_place(bind, line, column);
    return bind_fail(bind, error);
}

bool bind_refuse(struct bind *bind, const char *why, uint64_t line, uint64_t column, struct error *error)
{
    bind->version = NULL;
    bind->chosen = NULL;
    bind_note(bind, why);
    note_place(bind, line, column);
    return bind_fail(bind, error);
}

static bool fail_name(const struct bind *bind, const struct coerce_rule *rule, const char *reason, struct error *error)
{
    char shown[ROWSINK_SHOWN_MAX];
    return error_set(error, ERROR_DATA, "the file's name \"%s\" does not give %s: %s",
                     text_escape(bind->name, shown, sizeof shown), rule->field->name, reason);
}

/* The part of the file's name, cleaned as a column's value would be. */
static bool read_name(struct bind *bind, struct coerce *coerce, const struct coerce_rule *rule, struct error *error)
{
    struct coerce_input part = {.text = {NULL, 0}};
    struct value *value = &bind->row[rule->target_index];
    bool valid = bind->name.data && text_valid_utf8(bind->name) == bind->name.len;
    enum pattern_result result =
        valid ? pattern_extract(rule->field->cleaning->from_name, coerce->scratch, bind->name, &part.text)
              : PATTERN_NONE;
    if (result == PATTERN_MEMORY)
        return error_memory(error);
    if (result == PATTERN_NONE)
        return rule->fallback || !rule->field->required || fail_name(bind, rule, "it does not match", error);
    if (!coerce_field(coerce, rule, &part, value))
        return coerce->memory ? error_memory(error) : fail_name(bind, rule, coerce->reason, error);
    if (!rule->text || value->null)
        return true;
    value->text = arena_copy(&bind->names, value->text);
    return value->text.data || error_memory(error);
}

bool bind_row(struct bind *bind, struct coerce *coerce, struct error *error)
{
    const struct descriptor *descriptor = bind->version->descriptor;
    bind->row_end = bind->feed->field_count;
    for (size_t i = 0; i < COERCE_VALUES_MAX; i++)
        bind->row[i] = VALUE_NULL;
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct coerce_rule *rule = &bind->chosen[i];
        if (rule->target_index >= COERCE_HIDDEN)
            bind->row_end = rule->target_index + 1;
        if (rule->fallback)
            bind->row[rule->target_index] = *rule->fallback;
        if (rule->field->cleaning && rule->field->cleaning->from_name && !read_name(bind, coerce, rule, error))
            return false;
    }
    coerce_begin_row(coerce);
    return true;
}

bool bind_has_paths(const struct bind *bind)
{
    for (size_t i = 0; i < bind->feed->version_count; i++) {
        const struct descriptor *descriptor = bind->feed->versions[i].descriptor;
        for (size_t k = 0; k < descriptor->field_count; k++)
            if (descriptor->fields[k].paths)
                return true;
    }
    return false;
}

bool bind_repairs(const struct bind *bind)
{
    for (size_t i = 0; i < bind->feed->version_count; i++)
        if (bind->feed->versions[i].descriptor->repair_count > 0)
            return true;
    return false;
}

bool bind_named(const struct bind *bind)
{
    const struct descriptor *descriptor = bind->version->descriptor;
    for (size_t i = 0; i < descriptor->field_count; i++)
        if (descriptor->fields[i].cleaning && descriptor->fields[i].cleaning->from_name)
            return true;
    return false;
}

bool bind_declares(const struct bind *bind, struct slice name)
{
    return descriptor_declares(bind->version->descriptor, name);
}

bool bind_unknown(struct bind *bind, struct slice name)
{
    for (size_t i = 0; i < bind->unknown_count; i++) {
        if (slice_equal(bind->unknown[i], name)) {
            bind->again[i] = true;
            return true;
        }
    }
    if (bind->unknown_count == FILE_UNKNOWN_COLUMNS_MAX) {
        bind->unknown_more = true;
        return true;
    }
    struct slice copy = arena_copy(&bind->names, name);
    if (!copy.data)
        return false;
    bind->again[bind->unknown_count] = false;
    bind->unknown[bind->unknown_count++] = copy;
    return true;
}
