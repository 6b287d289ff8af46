/*
 * The reading of one ready file, on a worker thread: open, read, hash, parse, and look whether it stood still.
 */
#ifndef DROPFOLD_FEED_INTAKE_H
#define DROPFOLD_FEED_INTAKE_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "feed/landing.h"
#include "model/batch.h"
#include "parse/parser.h"

enum intake_result {
    INTAKE_READ, /* all of it was handed on; the facts are complete */
    INTAKE_BAD,  /* cannot be read as its format or fits no descriptor: `error` says why; content and size are complete
                    (the rest of the file is hashed), so that it can be quarantined by identity */
    INTAKE_CHANGED, /* changed while it was read, or is no longer what the candidate was: settle again */
    INTAKE_TOUCHED, /* its mode, owner or links were changed while it was read, or its content and then its times: what was read
                       may be none of its versions, and it can be read again at once (intake_read only) */
    INTAKE_GONE,    /* is not there any more */
    INTAKE_ODD,     /* not a regular file */
    INTAKE_FAILED,  /* an I/O error, or memory or file descriptors are out: it may be read before long */
    INTAKE_REFUSED, /* it must not be read (intake_read only): try later */
    INTAKE_STOPPED  /* the sink said so */
};

/* Whether it came to its end, and will not be read again where it lies. */
bool intake_has_ended(enum intake_result result);

/* Takes a batch over; may block (backpressure). False ends the reading. */
typedef bool (*intake_sink)(void *context, struct batch *batch);

/* How a file is read, and by whom. */
struct intake_how {
    struct parser *parser;
    intake_sink sink;
    void *context;    /* of the sink */
    uint32_t version; /* of the descriptor, as in parser_start; 0: the best one */
    /* intake_read: to disk, before it is told to be read, or bad; else whoever commits what it held does that first
       (landing_flush). */
    bool flushes;
    unsigned spare; /* cores that have nothing else to do: so many threads more hash and parse a large file (parts.h) */
};

/* Reads `name` of `landing`. `stat` is the candidate's (NULL for none). One whose mode, owner or links were changed
   while it waited is read all the same, for if it had to settle anew those behind it would overtake it; `stat` has the
   ctime then with which it was read. `facts->arena` is made here whatever the result; the caller closes it. Batches
   that the sink took before any result but INTAKE_READ are void. */
enum intake_result intake_read(const struct landing *landing, const char *name, struct file_stat *stat,
                               const struct intake_how *how, struct file_facts *facts, struct error *error) MUST_USE;

/* The same for any open file (`check FILE`, replay from the archive): reads from where fd stands to its end. A pipe
   can't change and is read as it comes. `name` is what it is, was or would be called in the landing folder. `error`
   says it too when the file changed. */
enum intake_result intake_read_fd(int fd, const char *name, const struct intake_how *how, struct file_facts *facts,
                                  struct error *error) MUST_USE;

#endif
