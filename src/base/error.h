/*
 * What went wrong, as data: a kind that decides what happens next, and a sentence for the person who must act.
 *
 * The caller owns the struct; whoever fails fills it and returns false. An error is logged once, where it is finally
 * handled. `error_set` and `error_wrap` return false so that `return error_set(...)` reads well.
 */
#ifndef DROPFOLD_BASE_ERROR_H
#define DROPFOLD_BASE_ERROR_H

#include <stdbool.h>

#include "base/attr.h"

enum {
    ERROR_TEXT_MAX = 1024 /* bytes of text, the NUL included; longer text is cut and ends in "..." */
};

enum error_kind {
    ERROR_NONE,
    ERROR_USAGE,    /* the command line is wrong */
    ERROR_CONFIG,   /* descriptors, pipeline or settings are wrong */
    ERROR_DATA,     /* an input file or row is wrong */
    ERROR_IO,       /* the operating system refused */
    ERROR_FULL,     /* no space left: worth waiting for */
    ERROR_MEMORY,   /* out of memory, or a stated limit was reached */
    ERROR_CORRUPT,  /* the checkpoint store fails its own checks */
    ERROR_LOCKED,   /* somebody else holds it */
    ERROR_TARGET,   /* the target cannot be reached now: worth trying again */
    ERROR_REFUSED,  /* the target or its data says no: trying again does not help */
    ERROR_DIVERGED, /* target and store tell different histories */
    ERROR_BUG       /* a promise of our own code does not hold */
};

struct error {
    enum error_kind kind;
    char text[ERROR_TEXT_MAX];
};

/* Fills `error` (which may be NULL). Always returns false. */
bool error_set(struct error *error, enum error_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);

/* Whether an errno says that there is no room: ENOSPC, EDQUOT or EFBIG. */
bool error_is_full(int number);

/* As error_set, with ": " and strerror(number) behind. What error_is_full becomes ERROR_FULL, ENOMEM becomes
   ERROR_MEMORY. */
bool error_errno(struct error *error, enum error_kind kind, int number, const char *format, ...) PRINTF_LIKE(4, 5);

/* Puts "context: " before the text that is there. Always returns false. */
bool error_wrap(struct error *error, const char *format, ...) PRINTF_LIKE(2, 3);

/* Puts the file's path before the text: "x.csv:2:5: found ..." where that begins with a place in it, as a parser's does, else
 * "x.csv: found ...". Always returns false. */
bool error_in_file(struct error *error, const char *path);

/* "out of memory" in the one wording. Always returns false. */
bool error_memory(struct error *error);

/* The process exit code for a kind, as sysexits(3), docs/operations.md and `dropfold --help` have it: 0, 1, 64, 65, 69,
   75 or 78. */
int error_exit_code(enum error_kind kind);

#endif
