/*
 * Fields that are read from deeper inside of a record: "customer.id", and "variants[].price" of an array whose elements
 * are rows.
 *
 * What a field is read from is its pick. json_reader.c picks among the record's own members by their names; here what
 * paths lead to is added. A path that ends at nothing or at null picks nothing; where something else stands in its way
 * the caller is told, who rejects the row.
 */
#ifndef DROPFOLD_PARSE_JSON_READER_PATH_H
#define DROPFOLD_PARSE_JSON_READER_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/slice.h"
#include "model/descriptor.h"
#include "parse/coerce.h"
#include "parse/json_names.h"
#include "parse/json_record.h"

enum {
    JSON_READER_ELEMENTS_MAX = 10000,         /* rows that one record's array can make */
    JSON_READER_SPREAD_MAX = 16 * 1024 * 1024 /* bytes of the rest of the record, repeated for each */
};

struct cJSON;

/* The member that a field is read from. */
struct json_pick {
    const struct cJSON *node; /* NULL: none so far */
    struct json_member member;
    size_t place; /* of the record's own member, in which it may lie deeper */
    size_t rank;  /* of the name among the field's */
};

/* A record in hand. The members of the object, as they stand in its text and by name, in the order of its children. */
struct json_whole {
    struct slice text;
    const struct cJSON *object;
    const struct json_member *members;
    struct json_name *const *names;
};

/* Why a row must be rejected. */
struct json_path_fault {
    size_t column;      /* the place of the record's own member, from 1; 0: none */
    struct slice field; /* may be empty */
    char reason[COERCE_REASON_MAX];
};

struct json_reader_paths;

struct json_reader_paths *json_reader_paths_new(void) MUST_USE;
void json_reader_paths_free(struct json_reader_paths *paths);

/* Adds what paths lead to from the record on to `picks`, one a field, where they hold nothing of a better rank; with an
   element of the array that makes rows, what those lead to that go through it, from there on. */
bool json_reader_paths_pick(struct json_reader_paths *paths, const struct descriptor *descriptor,
                            const struct json_whole *whole, const struct json_pick *element, struct json_pick *picks,
                            struct json_path_fault *fault) MUST_USE;

/* The array whose elements are rows, begun at its first; its node is NULL when the record is one row: no path has an
   array, or it is missing, null or empty. */
bool json_reader_paths_array(struct json_reader_paths *paths, const struct descriptor *descriptor,
                             const struct json_whole *whole, struct json_pick *array,
                             struct json_path_fault *fault) MUST_USE;

/* The next element of that array; false behind the last one. */
bool json_reader_paths_next(struct json_reader_paths *paths, struct json_pick *element);

#endif
