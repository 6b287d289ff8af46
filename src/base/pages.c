#include "base/pages.h"

#include <stdint.h>
#include <sys/mman.h>

enum { PAGE = 4096, WORTH_A_CALL = 64 * 1024, WORTH_HUGE_PAGES = 4 * 1024 * 1024 };

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

void pages_ask(void *block, size_t size)
{
    uintptr_t first = ((uintptr_t)block + PAGE - 1) / PAGE * PAGE, end = ((uintptr_t)block + size) / PAGE * PAGE;
    if (size >= WORTH_HUGE_PAGES)
        (void)madvise((void *)first, end - first, MADV_HUGEPAGE);
    if (size >= WORTH_A_CALL)
        (void)madvise((void *)first, end - first, MADV_POPULATE_WRITE);
}
