/* What the user asked for: flags over environment over defaults. Filled by cli, read by everything in app. */
#ifndef DROPFOLD_APP_SETTINGS_H
#define DROPFOLD_APP_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "model/pipeline.h"

enum {
    SETTINGS_PATH_SIZE = 4096, /* bytes, the NUL included */
    SETTINGS_THREADS_MAX = 64,
    SETTINGS_LIMIT_MAX = 1000000000 /* rows */
};

struct settings {
    const char *pipeline;    /* path of the pipeline file */
    const char *data;        /* folder of the landing folders */
    const char *checkpoints; /* folder of the store */
    const char *target;      /* address; NULL: see settings_target */
    unsigned threads;        /* that parse, and that make rows of deliveries */
    int64_t settle;          /* microseconds for every feed; -1: as the pipeline says */
    int64_t rescan;          /* microseconds */
    int64_t target_timeout;  /* microseconds the target may take for an answer */
    int64_t target_check;    /* microseconds between looks at a target that has nothing to take */
    size_t memory_limit;     /* bytes of the engine; 0: none */
    bool events;             /* use inotify */
    bool once;
    bool yes;
    bool json;
    bool log_json;                                      /* messages and lines a file as JSON */
    bool healthy, watch;                                /* status */
    bool rebind, accept_missing, rebuild, from_archive; /* replay */
    const char *feed;                                   /* schema; NULL: not said */
    const char *table;                                  /* explain; NULL: not said */
    int64_t from, to;                                   /* diff: sequences; -1: not said */
    bool all, dry_run, spreadsheet;                     /* rejects */
    bool export_json;                                   /* rejects export: JSON, else CSV */
    bool deep, repair;                                  /* verify */
    unsigned long limit;                                /* rows it lists of each table */
};

/* The defaults, then DROPFOLD_* of the environment, whose texts are borrowed. ERROR_USAGE names the one that is
   wrong. */
bool settings_init(struct settings *settings, struct error *error) MUST_USE;

/* Where the tables go: -t, else DROPFOLD_TARGET, else "" (all from PG* variables) when one of PGHOST, PGHOSTADDR,
   PGSERVICE or PGDATABASE is set, else sqlite:<data>/results/<pipeline>.db. `out` has SETTINGS_PATH_SIZE bytes;
   ERROR_USAGE when that is too little. */
bool settings_target(const struct settings *settings, const struct pipeline *pipeline, char *out,
                     struct error *error) MUST_USE;

/* Whether the folder of that last one is made when it is missing: where nobody named another. */
static inline bool settings_makes_folder(const struct settings *settings)
{
    return !settings->target;
}

/* Takes the word "text" or "json"; false for another. */
bool settings_log_format(struct settings *settings, const char *text) MUST_USE;

/* Reads a decimal number of seconds ("0.25") as microseconds, at most a day. False when it is none. */
bool settings_seconds(const char *text, int64_t *micros) MUST_USE;

/* Reads a number from `min` to `max`. False when it is none. */
bool settings_count(const char *text, unsigned long min, unsigned long max, unsigned long *out) MUST_USE;

/* Of the CPUs that may be used, those besides the caller's: for a command that has nothing else to do than one file. */
unsigned settings_spare(const struct settings *settings);

/* Loads the pipeline of the settings, with their `settle` for every feed; the caller frees it. NULL with ERROR_CONFIG:
   its mistakes are printed to stderr, a line each, and counted in `error`. */
struct pipeline *settings_pipeline(const struct settings *settings, struct error *error) MUST_USE;

#endif
