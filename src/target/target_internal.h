/*
 * Between the face (target.c) and its back ends.
 *
 * The face owns the state, the deadline and the answer; a back end owns a connection. A back end does what it is asked
 * and ends with one target_answer. When that is an error, or when the deadline or an abort came first, the face calls
 * `drop`: the connection is let go at once, answers no more, and dies on its own time (a thread that sits in DNS cannot
 * be interrupted). Until it is gone it holds the target, so that the close callback comes last.
 */
#ifndef DROPFOLD_TARGET_TARGET_INTERNAL_H
#define DROPFOLD_TARGET_TARGET_INTERNAL_H

#include "target/target.h"
#include "target/target_owner.h"
#include "target/target_shape.h"

enum {
    TARGET_NAME_SIZE = 512 /* bytes of a target's name, the NUL included */
};

enum target_state {
    TARGET_CLOSED,
    TARGET_OPENING,
    TARGET_IDLE,
    TARGET_BEGINNING,
    TARGET_DELIVERING,
    TARGET_WRITING,
    TARGET_COMPARING,
    TARGET_COMMITTING,
    TARGET_CLOSING
};

struct target_backend {
    /* Checks the address; fills target->name and target->data. */
    bool (*init)(struct target *target, const char *address, struct error *error);
    /* Each of these is answered by target_answer; open fills target->progress, target->rows, target->owner and
       target->missing first. A delivery to compare is begun and written to by the same two. */
    void (*open)(struct target *target);
    void (*begin)(struct target *target);                      /* target->delivery, target->patience */
    void (*write)(struct target *target, struct block *block); /* frees the block */
    void (*prepare)(struct target *target,
                    const struct block *block); /* as target_prepare; NULL: there is nothing to do */
    void (*commit)(struct target *target);
    /* As target.h has them; table is target->comparing. The first fills target->drift, the second target->page. */
    void (*compare)(struct target *target);
    void (*read_drift)(struct target *target, uint64_t after);
    void (*mend)(struct target *target);
    /* Lets go of the connection, if there is one. */
    void (*drop)(struct target *target);
    /* Frees target->data; no connection is left. */
    void (*close)(struct target *target);
};

struct target {
    uv_loop_t *loop;
    const struct pipeline *pipeline;
    const struct target_backend *backend;
    void *data; /* the back end's */
    char name[TARGET_NAME_SIZE];
    int64_t deadline;        /* microseconds an answer may take */
    bool folder, look, mend; /* as in target_options */
    int64_t patience;        /* the same for the call under way: more where it touches whole tables */

    enum target_state state;
    target_done done; /* of the call under way; NULL: none */
    void *context;
    bool failed;
    struct error error;
    struct error parting; /* why an idle connection was lost since the last open; ERROR_NONE: it was not */
    uv_timer_t timer;     /* the deadline; after that the answer's turn */

    const struct delivery *delivery;
    uint64_t upserts[PIPELINE_DELIVERED_MAX], deletes[PIPELINE_DELIVERED_MAX]; /* rows written in this delivery */
    struct progress progress;
    uint64_t rows[PIPELINE_DELIVERED_MAX];
    struct target_owner owner;
    const char *missing; /* a table that a look did not find */
    const char *remade;  /* as target_remade */
    bool views_stand;    /* an open found that they say what the pipeline does, or made them do so */
    struct error barred; /* what a look found that a delivery would be refused; ERROR_NONE: nothing */
    bool doubts;         /* a key was there that should not have been: until a commit works none is taken to be new */

    bool miscounted; /* no delivery worked since one ended with other rows than it should (target_miscounted) */

    size_t comparing; /* the table of the call under way */
    uint64_t drift[DRIFT_KINDS];
    struct drift_page *page;

    size_t holds; /* the timer and every connection that is not gone yet */
    void (*closed)(void *context);
    void *closed_context;
};

/* Ends the call under way: NULL when it worked. Its callback runs in a later turn of the loop. */
void target_answer(struct target *target, const struct error *error);

/* The connection was lost while nothing was asked of it: closed from here on, which nobody is told. */
void target_lost(struct target *target, const struct error *why);

/* A connection exists, and is gone. */
void target_hold(struct target *target);
void target_release(struct target *target);

/* ERROR_DIVERGED in the one wording. `found` is what the target holds, `wanted` what was expected. Numbers of rows
   count too: the ledger's go up while the sequence stays as it is, and an older dump may be of in between. */
bool target_diverged(const struct progress *found, const struct progress *wanted, struct error *error);

/* The same for a table that another pipeline took since it was opened. */
bool target_claimed(const struct target_owner *owner, struct error *error);

/* The same for a table that has no row although the delivery before left `rows` there. */
bool target_emptied(const char *table, uint64_t rows, struct error *error);

/* ERROR_REFUSED, for what a database answers as if it had worked: of the `sent` rows that were written `table` has
   `taken`; */
bool target_left_out(const char *table, uint64_t taken, uint64_t sent, enum target_dialect dialect,
                     struct error *error);
/* it still has `left` rows that were deleted. */
bool target_left_in(const char *table, uint64_t left, enum target_dialect dialect, struct error *error);

/* At the end of `delivery` a table with triggers has `found` rows, not delivery->to.rows. The first time that may be
   somebody's edit: ERROR_DIVERGED. In a full delivery, where all rows are its own, and when the delivery before failed
   so too (`again`), it is what a trigger took out: ERROR_REFUSED. Returns false. */
bool target_miscounted(const struct pipeline *pipeline, const struct delivery *delivery, size_t table, uint64_t found,
                       bool again, struct error *error);

extern const struct target_backend target_none, target_pg, target_sqlite;

#endif
