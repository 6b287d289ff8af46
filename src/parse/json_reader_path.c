#include "parse/json_reader_path.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "parse/json_scan.h"
#include "parse/parser.h"
#include "parse/rowsink.h"

struct json_reader_paths {
    struct json_record record; /* an object on the way */
    struct json_member members[PARSER_COLUMNS_MAX];

    /* The array that makes rows: what comes next of it. */
    struct slice array_text;
    size_t array_at, array_place;
    struct json_scan scan;
    const cJSON *element;
};

struct json_reader_paths *json_reader_paths_new(void)
{
    struct json_reader_paths *paths = calloc(1, sizeof *paths);
    if (!paths)
        return NULL;
    paths->record.members = paths->members;
    paths->record.capacity = PARSER_COLUMNS_MAX;
    return paths;
}

void json_reader_paths_free(struct json_reader_paths *paths)
{
    free(paths);
}

/* --- the way of a path -------------------------------------------------------------------------------------------- */

/* From an object to its member `name`; from null to none. False with the reason when it is something else, or has the
   member twice. */
static bool step(struct json_reader_paths *paths, const struct descriptor *descriptor, struct slice name,
                 struct json_pick *at, struct json_path_fault *fault)
{
    char shown[ROWSINK_SHOWN_MAX];
    const cJSON *object = at->node;
    struct json_member member = at->member;
    size_t place = 0;
    text_escape(name, shown, sizeof shown);
    at->node = NULL;
    if (member.kind == JSON_NULL)
        return true;
    if (member.kind != JSON_OBJECT) {
        snprintf(fault->reason, sizeof fault->reason, "found %s, expected an object with \"%s\"",
                 json_kind_words(member.kind), shown);
        return false;
    }
    if (!json_record_read(&paths->record, member.value)) {
        snprintf(fault->reason, sizeof fault->reason, "expected %s", paths->record.expected);
        return false;
    }
    for (const cJSON *node = object->child; node; node = node->next, place++) {
        if (!descriptor_name_matches(descriptor, name, (struct slice){node->string, strlen(node->string)}))
            continue;
        if (at->node) {
            snprintf(fault->reason, sizeof fault->reason, "found \"%s\" twice, expected it once", shown);
            return false;
        }
        at->node = node;
        at->member = paths->members[place];
    }
    return true;
}

/* Takes *at along the steps, to the end of them or to nothing. */
static bool follow(struct json_reader_paths *paths, const struct descriptor *descriptor, const struct slice *steps,
                   size_t count, struct json_pick *at, struct json_path_fault *fault)
{
    for (size_t i = 0; i < count && at->node; i++) {
        if (step(paths, descriptor, steps[i], at, fault))
            continue;
        fault->column = at->place + 1;
        fault->field = SLICE("");
        return false;
    }
    return true;
}

/* No one member is to blame. */
PRINTF_LIKE(2, 3) static bool fail_record(struct json_path_fault *fault, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_format(fault->reason, sizeof fault->reason, format, args);
    va_end(args);
    fault->column = 0;
    fault->field = SLICE("");
    return false;
}

/* The member of the record that the path begins with; its node is NULL when there is none. False when two names count
   as this one. */
static bool find_head(const struct descriptor *descriptor, const struct descriptor_path *path,
                      const struct json_whole *whole, struct json_pick *head, struct json_path_fault *fault)
{
    char shown[ROWSINK_SHOWN_MAX];
    size_t place = 0;
    head->node = NULL;
    for (const cJSON *node = whole->object->child; node; node = node->next, place++) {
        if (!descriptor_name_matches(descriptor, path->steps[0], whole->names[place]->text))
            continue;
        if (head->node)
            return fail_record(fault, "found \"%s\" twice under names that count as one, expected it once",
                               text_escape(whole->names[place]->text, shown, sizeof shown));
        *head = (struct json_pick){node, whole->members[place], place, 0};
    }
    return true;
}

/* --- picks -------------------------------------------------------------------------------------------------------- */

bool json_reader_paths_pick(struct json_reader_paths *paths, const struct descriptor *descriptor,
                            const struct json_whole *whole, const struct json_pick *element, struct json_pick *picks,
                            struct json_path_fault *fault)
{
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct descriptor_field *field = &descriptor->fields[i];
        for (size_t k = 0; field->paths && k < field->from_count; k++) {
            const struct descriptor_path *path = &field->paths[k];
            struct json_pick at;
            if (path->count == 0 || (path->spread > 0) != (element != NULL))
                continue;
            if (picks[i].node && picks[i].rank <= k)
                break;
            if (element)
                at = *element;
            else if (!find_head(descriptor, path, whole, &at, fault))
                return false;
            size_t from = element ? path->spread : 1;
            if (!follow(paths, descriptor, path->steps + from, path->count - from, &at, fault)) {
                fault->field = slice_of(field->name);
                return false;
            }
            if (at.node)
                picks[i] = (struct json_pick){at.node, at.member, at.place, k};
        }
    }
    return true;
}

/* --- the array that makes rows ------------------------------------------------------------------------------------ */

/* The path that leads to it and on; NULL when the descriptor has none. */
static const struct descriptor_path *spread_path(const struct descriptor *d)
{
    for (size_t i = 0; d->spread.len > 0 && i < d->field_count; i++)
        for (size_t k = 0; d->fields[i].paths && k < d->fields[i].from_count; k++)
            if (d->fields[i].paths[k].spread > 0)
                return &d->fields[i].paths[k];
    return NULL;
}

/* Begins an array that has elements. */
static bool begin_array(struct json_reader_paths *paths, const struct json_whole *whole, const struct json_pick *array,
                        struct json_path_fault *fault)
{
    struct slice text = array->member.value;
    size_t count = (size_t)cJSON_GetArraySize(array->node);
    if (count > JSON_READER_ELEMENTS_MAX || (whole->text.len - text.len) * count > JSON_READER_SPREAD_MAX)
        return fail_record(
            fault,
            "found %zu elements in an array that makes rows, expected at most %d, and at most %d MiB of what "
            "stands around it repeated",
            count, JSON_READER_ELEMENTS_MAX, JSON_READER_SPREAD_MAX >> 20);
    paths->array_text = text;
    paths->array_at = 0;
    paths->array_place = array->place;
    paths->element = array->node->child;
    json_scan_start(&paths->scan, false, 1, 1);
    return true;
}

bool json_reader_paths_array(struct json_reader_paths *paths, const struct descriptor *descriptor,
                             const struct json_whole *whole, struct json_pick *array, struct json_path_fault *fault)
{
    const struct descriptor_path *path = spread_path(descriptor);
    array->node = NULL;
    if (!path)
        return true;
    if (!find_head(descriptor, path, whole, array, fault) ||
        !follow(paths, descriptor, path->steps + 1, path->spread - 1, array, fault))
        return false;
    if (!array->node)
        return true;
    if (array->member.kind == JSON_NULL || (array->member.kind == JSON_ARRAY && !array->node->child)) {
        array->node = NULL;
        return true;
    }
    if (array->member.kind == JSON_ARRAY)
        return begin_array(paths, whole, array, fault);
    return fail_record(fault, "found %s, expected the array %.*s", json_kind_words(array->member.kind),
                       (int)descriptor->spread.len, descriptor->spread.data);
}

/* Of a value that was read before as part of its record. */
static enum json_kind kind_of(struct json_reader_paths *paths, struct slice text)
{
    /* Of an object with too many members the kind is known all the same. */
    return json_record_read(&paths->record, text) ? paths->record.kind : JSON_OBJECT;
}

bool json_reader_paths_next(struct json_reader_paths *paths, struct json_pick *element)
{
    const cJSON *node = paths->element;
    if (!node || json_scan_next(&paths->scan, paths->array_text, &paths->array_at) != JSON_SCAN_ELEMENT)
        return false;
    struct slice text = {paths->array_text.data + paths->scan.begin, paths->array_at - paths->scan.begin};
    *element = (struct json_pick){node, {text, kind_of(paths, text)}, paths->array_place, 0};
    paths->element = node->next;
    return true;
}
