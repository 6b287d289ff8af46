/*
 * Which of a feed's forms a file has, where its versions read files of different forms.
 *
 * Runs of versions (bind.h) are tried one after another until one settles on a version. Until then the head of the file
 * is kept, and a failure sends it through the next run; what the last one says is final, and so is what goes wrong once
 * a version is chosen. Where there is one run only, nothing is kept and blocks go right through.
 */
#ifndef DROPFOLD_PARSE_TRIAL_H
#define DROPFOLD_PARSE_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "parse/bind.h"
#include "parse/form_reader.h"

struct trial {
    struct bind *bind;
    struct form_reader *reader;
    bool open;          /* no version is chosen, and another run may come */
    struct buf head;    /* what is kept */
    size_t head_at;     /* bytes of it that this run has read */
    size_t misfits;     /* runs whose versions lack columns */
    size_t faults;      /* runs that failed otherwise, each in its own way */
    struct error fault; /* the first of these */
};

/* What it is given must outlive it. */
void trial_init(struct trial *trial, struct bind *bind, struct form_reader *reader);
void trial_close(struct trial *trial);

/* Begins a file, once bind has begun it. */
void trial_start(struct trial *trial);

/* Whether kept bytes wait to be read: by trial_read, a block at a time, before more is fed or the file ends. */
bool trial_waits(const struct trial *trial);
bool trial_read(struct trial *trial, struct error *error) MUST_USE;

/* Reads a block of the file, or keeps it, to wait. */
bool trial_feed(struct trial *trial, struct slice block, struct error *error) MUST_USE;

/* The file ended; so it does for every run that the kept bytes go through then. */
bool trial_finish(struct trial *trial, struct error *error) MUST_USE;

#endif
