#include "parse/json_reader_path.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "parse/parser.h"
#include "parse/rowsink.h"

struct json_reader_paths {
    struct json_record record;
    struct json_member members[PARSER_COLUMNS_MAX];
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

enum json_kind json_reader_kind(struct json_reader_paths *paths, struct slice text)
{
    /* Of an object with too many members the kind is known all the same. */
    return json_record_read(&paths->record, text) ? paths->record.kind : JSON_OBJECT;
}

bool json_reader_step(struct json_reader_paths *paths, const struct descriptor *descriptor, struct slice name,
                      struct json_found *at, char *reason, size_t size)
{
    char shown[ROWSINK_SHOWN_MAX];
    struct json_found object = *at;
    size_t place = 0;
    text_escape(name, shown, sizeof shown);
    at->node = NULL;
    if (object.member.kind == JSON_NULL)
        return true;
    if (object.member.kind != JSON_OBJECT) {
        snprintf(reason, size, "found %s, expected an object with \"%s\"", json_kind_words(object.member.kind), shown);
        return false;
    }
    if (!json_record_read(&paths->record, object.member.value)) {
        snprintf(reason, size, "expected %s", paths->record.expected);
        return false;
    }
    for (const cJSON *node = object.node->child; node; node = node->next, place++) {
        if (!descriptor_name_matches(descriptor, name, (struct slice){node->string, strlen(node->string)}))
            continue;
        if (at->node) {
            snprintf(reason, size, "found \"%s\" twice, expected it once", shown);
            return false;
        }
        *at = (struct json_found){node, paths->members[place]};
    }
    return true;
}
