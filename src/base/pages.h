/* Memory by pages: asked for before they are needed, and huge ones. */
#ifndef DROPFOLD_BASE_PAGES_H
#define DROPFOLD_BASE_PAGES_H

#include <stddef.h>

#include "base/attr.h"

/*
 * Has the kernel give a block of `size` bytes all its pages now, where it has 64 KiB or more. Else each page costs a
 * fault when it is first written; where it was read before, as a hash map's are, one more and a word to every other
 * core. What is in the block stays. A hint (Linux 5.14, MADV_POPULATE_WRITE): where it is not heard the pages come one
 * by one.
 */
void pages_ask(void *block, size_t size);

/*
 * `size` zeroed bytes, more than 0; NULL when memory is out. 4 MiB or more are a mapping of their own, which begins at
 * a huge page and has such pages where the kernel has some to give (MADV_HUGEPAGE): of a block that is read here and
 * there, finding the page costs as much as the read.
 */
void *pages_new(size_t size) MUST_USE;

/* Gives back a block of that size, or NULL. */
void pages_free(void *block, size_t size);

/* Gives the kernel the pages back that lie wholly in a part of such a mapping. What is read there then is zero. */
void pages_drop(void *block, size_t size);

#endif
