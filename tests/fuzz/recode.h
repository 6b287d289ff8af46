/* Files in other forms that say the same: packed, or in UTF-16. */
#ifndef DROPFOLD_TESTS_FUZZ_RECODE_H
#define DROPFOLD_TESTS_FUZZ_RECODE_H

#include "base/buf.h"
#include "fuzz.h"

enum recode_way { RECODE_UTF16LE, RECODE_UTF16BE, RECODE_GZIP, RECODE_ZSTD, RECODE_WAYS };

/* Whether the file begins as one of gzip or zstd does. */
bool recode_is_packed(struct slice file);

/* Whether it begins with the byte order mark of UTF-8 or UTF-16. */
bool recode_is_marked(struct slice file);

/* Writes `file`, which is neither, in two members, or in UTF-16 with its mark. False when that cannot say it: what is
   no UTF-8 is nothing in UTF-16. */
bool recode(struct slice file, enum recode_way way, struct buf *out);

#endif
