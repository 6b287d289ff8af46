/*
 * A JSON document that a person wrote, with the line and column of every node: descriptors and pipelines are read from
 * it.
 *
 * All mistakes of a document are collected, each as "file:line:column: message", so that one run shows them all.
 */
#ifndef DROPFOLD_MODEL_DOC_H
#define DROPFOLD_MODEL_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"

enum {
    DOC_SIZE_MAX = 1024 * 1024, /* bytes of a document */
    DOC_DEPTH_MAX = 32,
    DOC_PROBLEMS_MAX = 100, /* further ones are counted, not kept */
    DOC_SHOWN_MAX = 80      /* bytes of a user's word in a message, escaped */
};

/* Problems found so far, over any number of documents. */
struct doc_problems {
    struct buf text; /* one line each, each ending in '\n' */
    size_t count;
    bool memory; /* it ran out: what seems wrong from there on may not be, and is counted only */
};

void doc_problems_init(struct doc_problems *problems);
void doc_problems_close(struct doc_problems *problems);

enum doc_kind { DOC_OBJECT, DOC_ARRAY, DOC_STRING, DOC_NUMBER, DOC_BOOL, DOC_NULL };

/* A node of the tree; lives in the arena that doc_parse was given. Children in the order of the file. */
struct doc_node {
    enum doc_kind kind;
    struct slice name; /* of an object's member; else empty */
    struct slice text; /* a string decoded; a number as it was written */
    bool truth;        /* of a DOC_BOOL */
    struct doc_node *child, *next;
    size_t count; /* children */
    const struct doc *doc;
    uint32_t line, column;           /* of the value, from 1; columns count bytes */
    uint32_t name_line, name_column; /* of the member's name */
};

struct doc {
    const char *path; /* as messages name it */
    struct doc_problems *problems;
    struct arena *arena;
    struct slice text;     /* its bytes, in the arena */
    struct doc_node *root; /* NULL when it did not parse; the problem was then added */
};

/* Parses `text` (cJSON decodes it); everything is allocated in `arena`, `path` is copied. Duplicate member names, NUL,
   invalid UTF-8 and trailing text are problems. A byte order mark is skipped. False when there is no root. */
bool doc_parse(struct doc *doc, const char *path, struct slice text, struct arena *arena,
               struct doc_problems *problems) MUST_USE;

/* Reads the file first: regular, at most DOC_SIZE_MAX bytes. */
bool doc_load(struct doc *doc, const char *path, struct arena *arena, struct doc_problems *problems) MUST_USE;

/* Fills `data` from `fd` until the end of the file or `size` bytes, whose number it returns. -1 with errno on an
   error. */
ptrdiff_t doc_read_all(int fd, char *data, size_t size) MUST_USE;

/* Whether there is a file at `path`. */
bool doc_exists(const char *path) MUST_USE;

/* Adds "path:line:column: message", once. Returns false. `node` may be NULL: then line 1, column 1. */
bool doc_problem(const struct doc *doc, const struct doc_node *node, const char *format, ...) PRINTF_LIKE(3, 4);

/* The same at a place of the document. */
bool doc_problem_at(const struct doc *doc, uint32_t line, uint32_t column, const char *format, ...) PRINTF_LIKE(4, 5);

/* Out of memory, in the one wording, as the last problem that is told. Returns false. */
bool doc_memory(const struct doc *doc);
/* The same of a document for which there is not even a place. */
void doc_problems_memory(struct doc_problems *problems, const char *path);

/* "an object", "a list" and so on. */
const char *doc_kind_name(enum doc_kind kind);

/* As doc_problem at the member's name: `unknown word "feild", expected one of ...; did you mean "field"?` */
bool doc_unknown(const struct doc_node *member, const char *const *words, size_t count);

/* Whether the name is one of the words; *place, unless NULL, is then which. */
bool doc_among(struct slice name, const char *const *words, size_t count, size_t *place);

/* The member `name` of an object, or NULL. */
const struct doc_node *doc_member(const struct doc_node *object, const char *name);

/* Reports every member of `object` whose name is not among `words`. False when there was one. */
bool doc_only(const struct doc_node *object, const char *const *words, size_t count);

/* The same for a field whose member `key` leaves it without a column, and so without all else that is known but not
   among `words`: `"from" does not go with "constant", which reads no column`. */
bool doc_only_beside(const struct doc_node *object, const char *const *words, size_t count, const char *key);

/* Member `name` as the kind wanted. A missing optional member leaves *out alone and gives true; a wrong kind, or a
   missing required one, is reported and gives false. Strings are C strings in the arena. */
bool doc_string(const struct doc_node *object, const char *name, bool required, const char **out) MUST_USE;
bool doc_integer(const struct doc_node *object, const char *name, bool required, int64_t min, int64_t max,
                 int64_t *out) MUST_USE;
bool doc_bool(const struct doc_node *object, const char *name, bool *out) MUST_USE;
/* A string that is one of `words`: its place among them. */
bool doc_choice(const struct doc_node *object, const char *name, bool required, const char *const *words, size_t count,
                size_t *out) MUST_USE;
/* An array of strings; a single string counts as an array of one. */
bool doc_strings(const struct doc_node *object, const char *name, bool required, const char ***out,
                 size_t *count) MUST_USE;
/* The same as slices; never required. */
bool doc_slices(const struct doc_node *object, const char *name, struct slice **out, size_t *count) MUST_USE;
/* The same where an empty list or an empty text makes no sense, which is reported. */
bool doc_filled_slices(const struct doc_node *object, const char *name, struct slice **out, size_t *count) MUST_USE;
/* An object. */
bool doc_object(const struct doc_node *object, const char *name, bool required, const struct doc_node **out) MUST_USE;

/* The text of a DOC_STRING or DOC_NUMBER as a C string in the arena; it holds no NUL. */
const char *doc_text(const struct doc_node *node);

#endif
