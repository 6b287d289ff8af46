/*
 * What a file's parsing must keep, whatever is in the file. Shared by the targets that parse files.
 *
 *   - Read in pieces of any size it ends as when it is read whole: the same rows, rejects, facts, message. So the fast way
 *     through CSV (csv_scan.h), which needs whole records, is held against libcsv.
 *   - So it does when parts of it are read by another parser and joined (parser.h), wherever they begin and end.
 *   - Rows are numbered without a gap; each is accepted or rejected, never both; lines never fall.
 *   - Accepted rows decode from their chunk, and encode to the same bytes again.
 *   - Accepted rows written anew as CSV or JSON, plainly, are all accepted and have the same values.
 *   - What a reject shows as its row stands in the file.
 *
 * A feed's fields are typed and cleaned as its descriptors say; its plain twin has the same fields with no cleaning and
 * no null words, and reads what was written anew.
 */
#ifndef DROPFOLD_TESTS_FUZZ_PARSING_H
#define DROPFOLD_TESTS_FUZZ_PARSING_H

#include "base/buf.h"
#include "fuzz.h"
#include "model/pipeline.h"

struct parsing;

/* Parsers of the feed, which must outlive it, and of its plain twins. */
struct parsing *parsing_new(const struct feed *feed);
void parsing_free(struct parsing *parsing);

struct parsing_result {
    bool ok; /* the file was not quarantined as a whole */
    uint64_t rejected;
    struct buf rows; /* the accepted ones, each as a chunk of its own with row 1 and line 0 */
};

/* Reads `file` whole and in pieces that `cuts` tells, and checks all of the above. What came of it goes to `result`
   unless that is NULL; its rows are the caller's to close. */
void parsing_check(struct parsing *parsing, struct slice file, uint64_t cuts, struct parsing_result *result);

/* The feed `name` of tests/fuzz/schemas/feeds.json, loaded at the first call. */
const struct feed *parsing_shared_feed(const char *name);

struct reference;

/* A feed, and who says what must come of a file of it, see reference.h; or NULL. */
struct parsing_feed {
    const char *name;
    void (*refer)(struct slice file, struct reference *reference);
    struct parsing *parsing; /* made when it is first needed */
};

/* An input is a byte that chooses among the feeds, a byte for the cuts, then the file. */
void parsing_check_input(struct parsing_feed *feeds, size_t count, const uint8_t *data, size_t size);

#endif
