/*
 * An element's text goes two ways: through json_record, which checks it and cuts out the members' tokens, and through
 * cJSON, which decodes names and strings. Both list the members in the order of the text, so they are walked in step.
 *
 * cJSON keeps its last error in a global that its parse functions write without a lock. Nothing here reads it.
 */
#include "parse/json_reader.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "parse/derivation.h"
#include "parse/json_names.h"
#include "parse/json_reader_path.h"
#include "parse/json_record.h"
#include "parse/json_scan.h"
#include "parse/parser.h"

enum {
    CARRY_MAX = PARSER_RECORD_MAX + 2 * PARSER_INPUT_MAX, /* a record before it is found to be too long */
    FOUND_MAX = 16                                        /* bytes shown of what is malformed */
};

struct json_reader {
    struct bind *bind;
    struct coerce *coerce;
    struct rowsink *sink;
    struct json_scan scan;
    struct buf carry;      /* the part of an element that lies in earlier blocks */
    struct buf short_text; /* json_record's, for cJSON */
    struct json_names names;
    struct json_record record;
    struct json_member members[PARSER_COLUMNS_MAX];
    struct json_name *member_names[PARSER_COLUMNS_MAX];
    bool first;                                    /* the first record must tell the version */
    bool ends;                                     /* the file does, behind the element in hand */
    uint64_t record_number;                        /* of object records, for duplicates */
    struct slice raw;                              /* the element in hand */
    struct json_reader_paths *paths;               /* NULL: no version has any */
    struct json_pick outer[DESCRIPTOR_FIELDS_MAX]; /* the picks that all rows of a record share */
    size_t element;                                /* of the array that makes rows: which one, from 1; 0: none */
    struct json_pick picks[DESCRIPTOR_FIELDS_MAX];
    struct value values[COERCE_VALUES_MAX];
    struct error *error;
};

/* --- what becomes of an element ----------------------------------------------------------------------------------- */

static bool reject(struct json_reader *r, size_t column, struct slice field, const char *reason)
{
    if (r->first && !r->bind->version)
        return error_set(r->error, ERROR_DATA, "its first record cannot be read: %s", reason);
    char told[COERCE_REASON_MAX];
    if (r->element > 0) {
        struct slice spread = r->bind->version->descriptor->spread;
        reason =
            text_print(told, sizeof told, "element %zu of %.*s: %s", r->element, (int)spread.len, spread.data, reason);
    }
    struct reject made = {.line = r->scan.element_line,
                          .column = (uint32_t)column,
                          .field = field,
                          .reason = slice_of(reason),
                          .raw = r->raw};
    if (!rowsink_reject(r->sink, made))
        return error_memory(r->error);
    return rowsink_check(r->sink, &made, r->error);
}

PRINTF_LIKE(2, 3) static bool reject_row(struct json_reader *r, const char *format, ...)
{
    char reason[COERCE_REASON_MAX];
    va_list args;
    va_start(args, format);
    text_format(reason, sizeof reason, format, args);
    va_end(args);
    return reject(r, 0, SLICE(""), reason);
}

static bool accept(struct json_reader *r)
{
    switch (rowsink_accept(r->sink, r->scan.element_line, r->values)) {
    case ROWSINK_OK:
        coerce_count_row(r->coerce);
        return true;
    case ROWSINK_UNFIT:
        return reject(r, 0, SLICE(""), ROWSINK_UNFIT_WORDS);
    case ROWSINK_MEMORY:
        break;
    }
    return error_memory(r->error);
}

/* The element is malformed at `at`; its place is given in the file. */
static bool reject_malformed(struct json_reader *r, size_t at, const char *expected)
{
    char shown[ROWSINK_SHOWN_MAX];
    uint64_t line = r->scan.element_line, column = r->scan.element_column;
    for (size_t i = 0; i < at; i++) {
        column++;
        if (r->raw.data[i] == '\n') {
            line++;
            column = 1;
        }
    }
    struct slice found = {r->raw.data + at, r->raw.len - at};
    if (found.len > FOUND_MAX)
        found.len = FOUND_MAX;
    if (found.len == 0)
        return reject_row(r, "%ju:%ju: found the end of the value, expected %s", (uintmax_t)line, (uintmax_t)column,
                          expected);
    return reject_row(r, "%ju:%ju: found \"%s\", expected %s", (uintmax_t)line, (uintmax_t)column,
                      text_escape(found, shown, sizeof shown), expected);
}

/* --- members to values -------------------------------------------------------------------------------------------- */

static bool coerce_member(struct json_reader *r, const struct coerce_rule *rule, const struct json_pick *pick,
                          struct value *value)
{
    const struct json_member *member = &pick->member;
    struct coerce_input input = {.text = member->value};
    switch (member->kind) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        coerce_fail(r->coerce, "found %s, expected %s", json_kind_words(member->kind),
                    value_type_text(rule->type, (char[VALUE_TYPE_TEXT_SIZE]){0}));
        return coerce_instead(r->coerce, rule, value);
    case JSON_STRING:
        input.text = slice_of(pick->node->valuestring);
        break;
    case JSON_NULL:
        input.null = true;
        break;
    case JSON_NUMBER:
        input.number = true;
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        break;
    }
    return coerce_field(r->coerce, rule, &input, value);
}

/* False when out of memory; *bad when the row was rejected for this field. */
static bool read_field(struct json_reader *r, size_t field, bool *bad)
{
    const struct coerce_rule *rule = &r->bind->chosen[field];
    const struct json_pick *pick = &r->picks[field];
    struct value value = VALUE_NULL;
    struct slice name = slice_of(rule->field->name);
    *bad = true;
    if (!pick->node && descriptor_field_needs_column(rule->field))
        return reject(r, 0, name, "is missing, required");
    if (pick->node && !coerce_member(r, rule, pick, &value))
        return r->coerce->memory ? error_memory(r->error) : reject(r, pick->place + 1, name, r->coerce->reason);
    *bad = false;
    if (!pick->node)
        return true;
    r->values[rule->target_index] = value;
    return true;
}

static bool read_fields(struct json_reader *r)
{
    bool bad = false;
    const struct coerce_rule *underivable;
    bind_begin_row(r->bind, r->values);
    coerce_begin_row(r->coerce);
    for (size_t i = 0; i < r->bind->version->descriptor->field_count; i++) {
        if (!read_field(r, i, &bad))
            return false;
        if (bad)
            return true;
    }
    if (derivation_row(r->bind, r->coerce, r->values, &underivable))
        return accept(r);
    return reject(r, 0, slice_of(underivable->field->name), r->coerce->reason);
}

/* Gives the member to the fields that read its name and found no better one. False when two names stand for one. */
static bool offer(struct json_reader *r, const struct json_name *name, const cJSON *node, size_t place)
{
    for (const struct json_use *use = name->uses; use; use = use->next) {
        struct json_pick *pick = &r->picks[use->field];
        if (pick->node && pick->rank == use->rank)
            return false;
        if (!pick->node || use->rank < pick->rank)
            *pick = (struct json_pick){node, r->members[place], place, use->rank};
    }
    return true;
}

/* A row for each element. What a reject keeps as its raw text is the element. */
static bool read_array(struct json_reader *r)
{
    const struct descriptor *descriptor = r->bind->version->descriptor;
    size_t size = descriptor->field_count * sizeof *r->picks;
    struct slice whole = r->raw;
    struct json_path_fault fault;
    struct json_pick element;
    bool ok = true;
    memcpy(r->outer, r->picks, size);
    while (ok && json_reader_paths_next(r->paths, &element)) {
        r->raw = element.member.value;
        r->element++;
        memcpy(r->picks, r->outer, size);
        ok = json_reader_paths_pick(r->paths, descriptor, NULL, &element, r->picks, &fault)
                 ? read_fields(r)
                 : reject(r, fault.column, fault.field, fault.reason);
    }
    r->element = 0;
    r->raw = whole;
    return ok;
}

static bool read_paths(struct json_reader *r, const cJSON *object)
{
    const struct descriptor *descriptor = r->bind->version->descriptor;
    struct json_whole whole = {r->raw, object, r->members, r->member_names};
    struct json_path_fault fault;
    struct json_pick array;
    if (!json_reader_paths_pick(r->paths, descriptor, &whole, NULL, r->picks, &fault) ||
        !json_reader_paths_array(r->paths, descriptor, &whole, &array, &fault))
        return reject(r, fault.column, fault.field, fault.reason);
    return array.node ? read_array(r) : read_fields(r);
}

static bool read_members(struct json_reader *r, const cJSON *object)
{
    char shown[ROWSINK_SHOWN_MAX];
    size_t place = 0;
    memset(r->picks, 0, r->bind->version->descriptor->field_count * sizeof *r->picks);
    for (const cJSON *node = object->child; node; node = node->next, place++) {
        struct json_name *name = r->member_names[place];
        if (!name->linked && !json_names_link(&r->names, name, r->bind))
            return error_memory(r->error);
        if (name->strange && r->bind->version->descriptor->unknown_rejected)
            return reject_row(r, "found \"%s\", which no field declares", text_escape(name->text, shown, sizeof shown));
        if (!offer(r, name, node, place))
            return reject_row(r, "found \"%s\" twice under names that count as one, expected it once",
                              text_escape(name->text, shown, sizeof shown));
    }
    return r->paths ? read_paths(r, object) : read_fields(r);
}

/* --- objects ------------------------------------------------------------------------------------------------------ */

static bool choose_version(struct json_reader *r, size_t count)
{
    struct slice *names = calloc(count > 0 ? count : 1, sizeof *names);
    if (!names)
        return error_memory(r->error);
    for (size_t i = 0; i < count; i++)
        names[i] = r->member_names[i]->text;
    bool ok = bind_choose(r->bind, names, count, r->scan.element_line, r->scan.element_column, r->error);
    free(names);
    return ok && bind_row(r->bind, r->coerce, r->error);
}

static bool read_tree(struct json_reader *r, const cJSON *object)
{
    char shown[ROWSINK_SHOWN_MAX];
    size_t place = 0;
    json_names_make_room(&r->names);
    r->record_number++;
    for (const cJSON *node = object->child; node; node = node->next, place++) {
        struct json_name *name = json_names_find(&r->names, place, slice_of(node->string));
        if (!name)
            return error_memory(r->error);
        if (name->record == r->record_number)
            return reject_row(r, "found \"%s\" twice, expected it once", text_escape(name->text, shown, sizeof shown));
        name->record = r->record_number;
        r->member_names[place] = name;
    }
    if (!r->bind->version && !choose_version(r, place))
        return false;
    return read_members(r, object);
}

static bool read_object(struct json_reader *r)
{
    const char *end = NULL;
    struct slice text = r->short_text.len > 0 ? buf_slice(&r->short_text) : r->raw;
    if (r->short_text.failed)
        return error_memory(r->error);
    cJSON *tree = cJSON_ParseWithLengthOpts(text.data, text.len, &end, 0);
    /* json_record let it pass, so only memory can be missing. */
    if (!tree)
        return error_memory(r->error);
    bool whole =
        end == text.data + text.len && cJSON_IsObject(tree) && (size_t)cJSON_GetArraySize(tree) == r->record.count;
    bool ok = whole ? read_tree(r, tree) : reject_malformed(r, (size_t)(end - text.data), "the end of the object");
    cJSON_Delete(tree);
    return ok;
}

/* The blanks behind a line's record; before it there are none. */
static void trim_end(struct slice *raw)
{
    while (raw->len > 0 && memchr(" \t\r", raw->data[raw->len - 1], 3))
        raw->len--;
}

/* A malformed last line that has no line end. */
static bool is_cut(const struct json_reader *r)
{
    return r->ends && r->scan.lines && (r->record.fault == r->raw.len || r->raw.data[r->raw.len - 1] != '}');
}

static bool fail_cut(struct json_reader *r)
{
    return error_set(r->error, ERROR_DATA,
                     "%ju:%ju: found a last line without a line end, which is no whole record: it is cut",
                     (uintmax_t)r->scan.element_line, (uintmax_t)r->scan.element_column);
}

/* `part` ends an element. */
static bool read_element(struct json_reader *r, struct slice part)
{
    r->raw = part;
    if (r->carry.len > 0) {
        buf_put_slice(&r->carry, part);
        r->raw = buf_slice(&r->carry);
    }
    if (r->carry.failed)
        return error_memory(r->error);
    bool ok;
    if (r->scan.lines)
        trim_end(&r->raw);
    if (!json_record_read(&r->record, r->raw))
        ok = is_cut(r) ? fail_cut(r) : reject_malformed(r, r->record.fault, r->record.expected);
    else if (r->record.kind != JSON_OBJECT)
        ok = reject_row(r, "found %s, expected an object", json_kind_words(r->record.kind));
    else
        ok = read_object(r);
    buf_reset(&r->carry);
    return ok;
}

/* --- blocks ------------------------------------------------------------------------------------------------------- */

static bool fail_scan(struct json_reader *r, struct slice block, size_t at)
{
    char shown[ROWSINK_SHOWN_MAX];
    /* One byte and no more: what follows may lie in the next block. */
    return error_set(r->error, ERROR_DATA, "%ju:%ju: found \"%s\", expected %s", (uintmax_t)r->scan.line,
                     (uintmax_t)json_scan_column(&r->scan, at),
                     text_escape((struct slice){block.data + at, 1}, shown, sizeof shown), r->scan.expected);
}

static bool fail_long(struct json_reader *r)
{
    return error_set(r->error, ERROR_DATA, "%ju:%ju: found a record longer than %d bytes, expected it to end%s",
                     (uintmax_t)r->scan.element_line, (uintmax_t)r->scan.element_column, PARSER_RECORD_MAX,
                     r->scan.lines ? "" : "; a quote or brace in it may never close");
}

static bool take_element(struct json_reader *r, struct slice part)
{
    if (r->carry.len + part.len > PARSER_RECORD_MAX)
        return fail_long(r);
    return read_element(r, part);
}

/* Keeps the begun element's part of a block that is used up. */
static bool carry_over(struct json_reader *r, struct slice block)
{
    if (json_scan_inside(&r->scan)) {
        buf_put(&r->carry, block.data + r->scan.begin, block.len - r->scan.begin);
        if (r->carry.failed)
            return error_memory(r->error);
        if (r->carry.len > PARSER_RECORD_MAX)
            return fail_long(r);
    }
    json_scan_advance(&r->scan, block.len);
    return true;
}

bool json_reader_feed(struct json_reader *r, struct slice block, struct error *error)
{
    r->error = error;
    for (size_t at = 0;;) {
        switch (json_scan_next(&r->scan, block, &at)) {
        case JSON_SCAN_MORE:
            return carry_over(r, block);
        case JSON_SCAN_FAULT:
            return fail_scan(r, block, at);
        case JSON_SCAN_ELEMENT:
            if (!take_element(r, (struct slice){block.data + r->scan.begin, at - r->scan.begin}))
                return false;
            break;
        }
    }
}

bool json_reader_finish(struct json_reader *r, struct error *error)
{
    uintmax_t line = r->scan.line, column = json_scan_column(&r->scan, 0);
    bool inside = json_scan_inside(&r->scan);
    r->error = error;
    switch (json_scan_finish(&r->scan)) {
    case JSON_SCAN_MORE:
        return true;
    case JSON_SCAN_ELEMENT:
        r->ends = true;
        return take_element(r, SLICE(""));
    case JSON_SCAN_FAULT:
        break;
    }
    if (r->scan.state == JSON_SCAN_START)
        return error_set(error, ERROR_DATA, "empty file, expected %s", r->scan.expected);
    if (inside)
        return error_set(error, ERROR_DATA,
                         "%ju:%ju: found the end of the file, expected %s: the record that begins at %ju:%ju is cut",
                         line, column, r->scan.expected, (uintmax_t)r->scan.element_line,
                         (uintmax_t)r->scan.element_column);
    return error_set(error, ERROR_DATA, "%ju:%ju: found the end of the file, expected %s", line, column,
                     r->scan.expected);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

struct json_reader *json_reader_new(struct bind *bind, struct coerce *coerce, struct rowsink *sink, struct error *error)
{
    struct json_reader *r = calloc(1, sizeof *r);
    if (r && bind_has_paths(bind))
        r->paths = json_reader_paths_new();
    if (!r || !json_names_init(&r->names) || (bind_has_paths(bind) && !r->paths)) {
        json_reader_free(r);
        error_memory(error);
        return NULL;
    }
    r->bind = bind;
    r->coerce = coerce;
    r->sink = sink;
    r->record.members = r->members;
    r->record.capacity = PARSER_COLUMNS_MAX;
    buf_init(&r->carry, CARRY_MAX);
    buf_init(&r->short_text, PARSER_RECORD_MAX);
    r->record.short_text = &r->short_text;
    return r;
}

void json_reader_free(struct json_reader *r)
{
    if (!r)
        return;
    json_names_close(&r->names);
    json_reader_paths_free(r->paths);
    buf_close(&r->short_text);
    buf_close(&r->carry);
    free(r);
}

void json_reader_start(struct json_reader *r, bool lines, bool first, uint64_t line, uint64_t column)
{
    r->first = first;
    r->ends = false;
    json_scan_start(&r->scan, lines, line, column);
    json_names_start(&r->names);
    buf_reset(&r->carry);
    r->record_number = 0;
}
