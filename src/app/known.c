#include "app/known.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/list.h"

static struct known_key key_of(struct slice feed, struct slice name, const struct file_stat *stat)
{
    const uint64_t numbers[] = {stat->size, (uint64_t)stat->mtime_ns, (uint64_t)stat->ctime_ns, (uint64_t)stat->inode,
                                hash_bytes(feed, 1)};
    struct slice bytes = {(const char *)numbers, sizeof numbers};
    return (struct known_key){hash_bytes(name, hash_bytes(bytes, 2)), hash_bytes(name, hash_bytes(bytes, 3))};
}

static int compare(const void *a, const void *b)
{
    const struct known_key *left = a, *right = b;
    if (left->high != right->high)
        return left->high < right->high ? -1 : 1;
    return left->low < right->low ? -1 : left->low > right->low;
}

static bool add(void *context, const struct file_record *file)
{
    struct known *known = context;
    struct known_key *keys = list_grow(known->keys, known->count, &known->capacity, sizeof *keys);
    known->failed = !keys;
    if (!keys)
        return false;
    known->keys = keys;
    struct file_stat stat = {.device = file->device,
                             .inode = file->inode,
                             .size = file->size,
                             .mtime_ns = file->mtime_ns,
                             .ctime_ns = file->ctime_ns};
    known->keys[known->count++] = key_of(file->feed, file->name, &stat);
    return true;
}

bool known_load(struct known *known, struct store *store, struct error *error)
{
    *known = (struct known){0};
    if (!store_each_file(store, add, known, error))
        return false;
    if (known->failed)
        return error_memory(error);
    if (known->count > 0)
        qsort(known->keys, known->count, sizeof *known->keys, compare);
    return true;
}

void known_close(struct known *known)
{
    free(known->keys);
    *known = (struct known){0};
}

bool known_has(const struct known *known, const char *feed, const char *name, const struct file_stat *stat)
{
    struct known_key key = key_of(slice_of(feed), slice_of(name), stat);
    return known->count > 0 && bsearch(&key, known->keys, known->count, sizeof key, compare) != NULL;
}
