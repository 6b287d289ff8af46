/*
 * Member names seen in a JSON file, and the descriptor's fields that read them.
 *
 * Records of a file have mostly the same members in the same order: a name is first compared with the one that stood at
 * its place in the record before, and only then looked up. A file whose names never end is no leak: the table is
 * emptied between records when it holds more than one record may have.
 */
#ifndef DROPFOLD_PARSE_JSON_NAMES_H
#define DROPFOLD_PARSE_JSON_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/slice.h"
#include "parse/bind.h"
#include "parse/parser.h"

enum {
    JSON_NAMES_MAX = 2 * PARSER_COLUMNS_MAX,
    JSON_NAMES_SLOTS = 2 * JSON_NAMES_MAX /* a power of two */
};

/* A field that reads a name, as the `rank`th of its source names. */
struct json_use {
    uint16_t field, rank;
    struct json_use *next;
};

struct json_name {
    struct slice text;
    uint64_t hash;
    uint64_t record;       /* the last record it stood in, for duplicates */
    bool linked;           /* `uses` is known */
    bool strange;          /* then also: the version does not speak of it at all */
    struct json_use *uses; /* NULL: no field reads it */
};

struct json_names {
    struct json_name *names;
    size_t count;
    uint32_t *slots;                     /* place among `names` plus 1; 0: free */
    uint32_t before[PARSER_COLUMNS_MAX]; /* of the last record: the name at each place, plus 1; or 0 */
    struct arena arena;
};

bool json_names_init(struct json_names *names) MUST_USE;
void json_names_close(struct json_names *names);

/* Begins a file: everything is forgotten. */
void json_names_start(struct json_names *names);

/* Makes sure that a record's names fit. Names handed out before are void when it returns true. */
bool json_names_make_room(struct json_names *names);

/* The name `text` at place `place` of a record; NULL when out of memory. */
struct json_name *json_names_find(struct json_names *names, size_t place, struct slice text) MUST_USE;

/* Fills in `uses` by the version chosen, and notes a name that nobody declares. False when out of memory. */
bool json_names_link(struct json_names *names, struct json_name *name, struct bind *bind) MUST_USE;

#endif
