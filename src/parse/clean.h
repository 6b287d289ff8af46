/*
 * The steps of a field's cleaning that make new text: unicode, replace, split and join.
 *
 * New text lies in the room, which holds all of a row and does not move.
 */
#ifndef DROPFOLD_PARSE_CLEAN_H
#define DROPFOLD_PARSE_CLEAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/slice.h"
#include "model/cleaning.h"

enum { CLEAN_ROOM_SIZE = 1024 * 1024 /* bytes of new text in one row */ };

struct clean_room {
    char *data; /* CLEAN_ROOM_SIZE bytes */
    size_t len;
};

bool clean_room_init(struct clean_room *room) MUST_USE;
void clean_room_close(struct clean_room *room);

/* Takes characters beyond ASCII out, then replaces. False with *expected, static words, or NULL when out
   of memory. */
bool clean_replace(const struct cleaning *cleaning, struct clean_room *room, struct pattern_scratch *scratch,
                   struct slice *text, const char **expected) MUST_USE;

/* Parts without blanks around them and without empty ones, joined again; the same text when there is nothing to
   split. */
bool clean_split(const struct cleaning *cleaning, struct clean_room *room, struct slice *text,
                 const char **expected) MUST_USE;

#endif
