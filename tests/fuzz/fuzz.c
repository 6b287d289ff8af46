#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

void fuzz_fail(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

uint64_t fuzz_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

bool fuzz_section(struct slice *rest, struct slice *section)
{
    if (!rest->data)
        return false;
    const char *nul = rest->len > 0 ? memchr(rest->data, '\0', rest->len) : NULL;
    *section = nul ? (struct slice){rest->data, (size_t)(nul - rest->data)} : *rest;
    *rest = nul ? (struct slice){nul + 1, rest->len - section->len - 1} : (struct slice){NULL, 0};
    return true;
}

char *fuzz_copy(struct slice bytes)
{
    char *copy = malloc(bytes.len > 0 ? bytes.len : 1);
    check(copy);
    if (bytes.len > 0)
        memcpy(copy, bytes.data, bytes.len);
    return copy;
}

void fuzz_file_open(int number)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    check(fd >= 0);
    check(dup2(fd, number) == number);
    close(fd);
}

void fuzz_file_write(int number, struct slice text)
{
    check(ftruncate(number, 0) == 0);
    check(pwrite(number, text.data, text.len, 0) == (ssize_t)text.len);
}
