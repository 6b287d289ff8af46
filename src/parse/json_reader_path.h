/* The way of a path into nested objects, as far as cJSON is needed for it; private to json_reader.c. */
#ifndef DROPFOLD_PARSE_JSON_READER_PATH_H
#define DROPFOLD_PARSE_JSON_READER_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/slice.h"
#include "model/descriptor.h"
#include "parse/json_record.h"

enum {
    JSON_READER_ELEMENTS_MAX = 10000,         /* rows that one record's array can make */
    JSON_READER_SPREAD_MAX = 16 * 1024 * 1024 /* bytes of the rest of the record, repeated for each */
};

struct cJSON;

/* A value, decoded and as it stands in the record. */
struct json_found {
    const struct cJSON *node; /* NULL: there is none */
    struct json_member member;
};

struct json_reader_paths;

struct json_reader_paths *json_reader_paths_new(void) MUST_USE;
void json_reader_paths_free(struct json_reader_paths *paths);

/* From an object to its member `name`; from null to none. False with the reason when it is something else, or has the
   member twice. */
bool json_reader_step(struct json_reader_paths *paths, const struct descriptor *descriptor, struct slice name,
                      struct json_found *at, char *reason, size_t size) MUST_USE;

/* Of a value that was read before as part of its record. */
enum json_kind json_reader_kind(struct json_reader_paths *paths, struct slice text);

#endif
