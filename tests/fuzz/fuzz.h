/*
 * What the fuzz targets share: a check that makes a broken promise a finding, inputs in sections, files that are not on
 * any disk.
 *
 * Each target is one file that defines LLVMFuzzerTestOneInput(data, size), which libFuzzer calls with bytes it made up.
 */
#ifndef DROPFOLD_TESTS_FUZZ_H
#define DROPFOLD_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process, which libFuzzer reports and keeps the input of, unless the condition holds. */
#define check(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))

_Noreturn void fuzz_fail(const char *file, int line, const char *condition);

/* splitmix64: the next number of a sequence that its state tells. */
uint64_t fuzz_random(uint64_t *state);

/* The bytes up to the next NUL, or to the end; *rest goes behind it. False when nothing is left, not even a NUL. */
bool fuzz_section(struct slice *rest, struct slice *section);

/* A copy in memory of its own, so that AddressSanitizer sees a read beyond it; freed by the caller. */
char *fuzz_copy(struct slice bytes);

/* A file in memory that can be opened as /proc/self/fd/`number`. */
void fuzz_file_open(int number);

/* Makes `text` its contents. */
void fuzz_file_write(int number, struct slice text);

#endif
