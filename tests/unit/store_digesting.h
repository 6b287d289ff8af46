/* Digests of changes by their published definition (store/digest.c), computed without the store. */
#ifndef DROPFOLD_TESTS_STORE_DIGESTING_H
#define DROPFOLD_TESTS_STORE_DIGESTING_H

#include "store_testing.h"

#include "base/hash.h"

static inline void digesting_digest(struct digester *d, const struct digest *digest)
{
    digester_add(d, (struct slice){(const char *)digest->bytes, DIGEST_SIZE});
}

static inline void digesting_text(struct digester *d, const char *text)
{
    digester_add_u64(d, strlen(text));
    digester_add(d, slice_of(text));
}

/* Of the change `sequence` after one whose digest is `before`. */
static inline void digesting_begin(struct digester *d, const struct digest *before, uint64_t sequence)
{
    struct error error = {0};
    assert_ok(digester_init(d, &error), &error);
    digesting_digest(d, before);
    digester_add_u64(d, sequence);
}

/* The first chunk of a file of Orders. */
static inline void digesting_chunk(struct digester *d, uint64_t sequence, const struct buf *chunk, uint64_t rows)
{
    digester_add_u64(d, 1);
    digester_add_u64(d, hash_bytes(buf_slice(chunk), hash_bytes(SLICE("Orders"), hash_u64(hash_u64(sequence) ^ 0))));
    digester_add_u64(d, rows);
}

/* A file of Orders, as testing_record makes it; the numbers are its rows and those in each bucket. */
static inline void digesting_file(struct digester *d, const char *name, uint8_t seed, uint64_t version,
                                  const uint64_t numbers[8])
{
    struct digest content = testing_digest(seed), descriptor = testing_digest(9);
    digester_add_u64(d, 2);
    digesting_text(d, "Orders");
    digesting_text(d, name);
    digesting_digest(d, &content);
    digester_add_u64(d, version);
    digesting_digest(d, &descriptor);
    for (int i = 0; i < 8; i++)
        digester_add_u64(d, numbers[i]);
}

/* A file of an earlier change that is taken back (3) or retried (6). */
static inline void digesting_earlier(struct digester *d, uint64_t tag, uint64_t id, uint64_t sequence, uint8_t seed)
{
    struct digest content = testing_digest(seed);
    digester_add_u64(d, tag);
    digester_add_u64(d, id);
    digester_add_u64(d, sequence);
    digesting_digest(d, &content);
}

/* What was added is the digest of the store's last change. */
static inline void digesting_end(struct digester *d, const struct store *store)
{
    struct digest wanted = digester_take(d);
    assert_true(digest_equal(&wanted, &store_progress(store)->digest));
}

#endif
