/*
 * Writing JSON for programs: a value at a time into a buffer, commas placed by the writer.
 *
 *   json_open(&j, '{'); json_text(&j, "feed", s); json_count(&j, "rows", n); json_close(&j, '}');
 *
 * `name` is NULL for elements of an array. Nesting goes up to 32 levels.
 */
#ifndef DROPFOLD_BASE_JSON_H
#define DROPFOLD_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

struct json {
    struct buf *out;
    uint32_t filled; /* one bit a level: something stands there already */
    unsigned level;
};

void json_init(struct json *json, struct buf *out);
void json_open(struct json *json, const char *name, char bracket);
void json_close(struct json *json, char bracket);
void json_text(struct json *json, const char *name, struct slice value);
void json_count(struct json *json, const char *name, uint64_t value);
void json_bool(struct json *json, const char *name, bool value);
void json_null(struct json *json, const char *name);

/* A value that is JSON already. */
void json_raw(struct json *json, const char *name, struct slice value);

#endif
