/*
 * Second readers of CSV and JSON, written from the rules alone and for feeds of one kind, Words and Lines: three texts
 * a, b and c, none of them required, no null words, nothing cleaned.
 */
#ifndef DROPFOLD_TESTS_FUZZ_REFERENCE_H
#define DROPFOLD_TESTS_FUZZ_REFERENCE_H

#include "base/buf.h"
#include "fuzz.h"
#include "model/value.h"

enum { REFERENCE_FIELDS = 3 };

enum reference_verdict {
    REFERENCE_SOUND,  /* exactly these rows are accepted, that many are rejected */
    REFERENCE_FAULTY, /* the file is quarantined, or some row of it is rejected */
    REFERENCE_UNKNOWN /* no claim: the columns are others, or it is the other format */
};

struct reference {
    enum reference_verdict verdict;
    uint64_t accepted, refused;
    struct buf rows; /* as in struct parsing_result */
};

void reference_init(struct reference *reference);
void reference_close(struct reference *reference);

/* By RFC 3629, its code points counted out. */
bool reference_is_utf8(struct slice s);

/* Adds a row of three texts or nulls; refuses it when a text cannot be one. */
void reference_row(struct reference *reference, const struct value *values);

/* Refuses a row; too many of them make the file a faulty one. */
void reference_refuse(struct reference *reference);

/* What must come of `file`. */
void reference_csv(struct slice file, struct reference *reference);
void reference_json(struct slice file, struct reference *reference);
void reference_lines(struct slice file, struct reference *reference);

/* Takes a byte order mark and the blanks behind it off, and returns the next byte, or NUL when none is left. */
char reference_begin(struct slice *file);

#endif
