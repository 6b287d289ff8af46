/*
 * Asking for memory before it is needed.
 *
 * A bare __builtin_prefetch is not enough: to gcc a function that only reads and prefetches has no effect, and it drops
 * the calls of such functions unless it happens to inline them. The empty volatile statement is an effect.
 */
#ifndef DROPFOLD_BASE_PREFETCH_H
#define DROPFOLD_BASE_PREFETCH_H

static inline void prefetch(const void *address)
{
    __builtin_prefetch(address);
    __asm__ volatile("");
}

#endif
