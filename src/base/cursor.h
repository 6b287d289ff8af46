/* Reading a text from its beginning on. */
#ifndef DROPFOLD_BASE_CURSOR_H
#define DROPFOLD_BASE_CURSOR_H

#include <stdbool.h>

struct cursor {
    const char *at, *end;
};

/* Whether this byte comes next; then it is passed. */
static inline bool cursor_take(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

#endif
