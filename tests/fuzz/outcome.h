/*
 * One reading of a file: all that a caller could see of it, so that readings can be held against each other. What every
 * reading must keep (parsing.h) is checked on the way.
 */
#ifndef DROPFOLD_TESTS_FUZZ_OUTCOME_H
#define DROPFOLD_TESTS_FUZZ_OUTCOME_H

#include "base/buf.h"
#include "fuzz.h"
#include "model/pipeline.h"
#include "parse/parser.h"

enum { OUTCOME_TRACE_MAX = 64 * 1024 * 1024 /* bytes of what is kept */ };

/* Set in `cuts`: parts of the file are read by another parser, and joined. */
#define OUTCOME_PARTS (UINT64_C(1) << 32)

/* What came of one reading. */
struct outcome {
    bool ok;
    bool bytes; /* the text that is read is the file's own bytes */
    uint64_t rows, rejected, accepted, line;
    struct buf trace;         /* of batches, facts and error: every byte that a caller could see */
    struct buf accepted_rows; /* each a chunk of its own, so that they can be compared between files */
};

/* Reads `file`, of the feed that the parser is for, in pieces that `cuts` tells; 0: in the largest ones. */
void outcome_read(struct outcome *outcome, struct parser *parser, const struct feed *feed, struct slice file,
                  uint64_t cuts);
void outcome_close(struct outcome *outcome);

#endif
