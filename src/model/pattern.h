/*
 * A compiled regular expression (PCRE2, UTF-8), shared by any number of threads once made.
 *
 * `$` means the end of the text, never the place before a last newline.
 * Matching is bounded, so that no expression hangs on a hostile field: 10,000 steps from each place of the text at
 * which a match is tried, and of a text of 256 bytes or more 10,000,000 in all, the bytes that they pass counted too.
 */
#ifndef DROPFOLD_MODEL_PATTERN_H
#define DROPFOLD_MODEL_PATTERN_H

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

struct pattern;
struct pattern_scratch; /* what one thread needs to match; never shared */

/* NULL with "… at offset N" in `error` when it does not compile or has no capture group. */
struct pattern *pattern_new(struct slice expression, struct error *error) MUST_USE;
void pattern_free(struct pattern *pattern);

/* NULL when out of memory. */
struct pattern_scratch *pattern_scratch_new(void) MUST_USE;
void pattern_scratch_free(struct pattern_scratch *scratch);

enum pattern_result {
    PATTERN_FOUND,
    PATTERN_NONE,  /* it does not match, or not within the limits */
    PATTERN_MEMORY /* whether it matches is not known */
};

/* The first capture group of the match in `text`, a part of `text`. */
enum pattern_result pattern_extract(const struct pattern *pattern, struct pattern_scratch *scratch, struct slice text,
                                    struct slice *out) MUST_USE;

/* As pattern_new, but for replacing: it needs no group, and `by`, which must outlive it, is checked: $1 to $9 or ${1}
   to ${9} are groups it has, $$ is a dollar sign, and no other $ stands in it. */
struct pattern *pattern_new_replace(struct slice expression, struct slice by, struct error *error) MUST_USE;

/*
 * Writes *text (valid UTF-8) with every match replaced to `room`, which takes `size` bytes, a NUL at the end among
 * them. PATTERN_FOUND: *text is what stands there; it is as before when nothing matched. PATTERN_NONE: it needs more
 * room or too many steps, as *expected says in static words.
 */
enum pattern_result pattern_replace(const struct pattern *pattern, struct pattern_scratch *scratch, struct slice *text,
                                    char *room, size_t size, const char **expected) MUST_USE;

#endif
