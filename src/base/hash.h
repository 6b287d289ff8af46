/*
 * Two hashes for two purposes.
 *
 * hash_* is XXH3 (64 bit): tables in memory and checksums of blobs, where speed counts and nobody attacks on purpose
 * what he can simply edit. digest_* is SHA-256: identities of files and of histories.
 */
#ifndef DROPFOLD_BASE_HASH_H
#define DROPFOLD_BASE_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

uint64_t hash_bytes(struct slice s, uint64_t seed);

/* One 64-bit value, by the finalizer of splitmix64 (Steele, Lea, Flood 2014): every input bit reaches every output bit.
 */
static inline uint64_t hash_u64(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

enum {
    DIGEST_SIZE = 32,    /* bytes of a SHA-256 */
    DIGEST_HEX_SIZE = 65 /* as hexadecimal text, NUL included */
};

struct digest {
    uint8_t bytes[DIGEST_SIZE];
};

/* A running SHA-256, from init to take or close. */
struct digester {
    void *state; /* OpenSSL's EVP_MD_CTX; NULL when closed */
};

/* False only when out of memory: all that a digest needs is there after it. */
bool digester_init(struct digester *d, struct error *error) MUST_USE;
/* Gives up what was added. A closed one, or one of zeros, may be closed again. */
void digester_close(struct digester *d);
void digester_add(struct digester *d, struct slice s);
/* A number as eight bytes, the least first: how lengths and counts enter a digest. */
void digester_add_u64(struct digester *d, uint64_t value);
/* A text's length, then its bytes. */
void digester_add_text(struct digester *d, struct slice text);
/* The digest of what was added; the digester is closed. */
struct digest digester_take(struct digester *d);

/* Its bytes. */
static inline struct slice digest_slice(const struct digest *d)
{
    return (struct slice){(const char *)d->bytes, DIGEST_SIZE};
}

bool digest_equal(const struct digest *a, const struct digest *b);
void digest_hex(const struct digest *d, char out[DIGEST_HEX_SIZE]);
/* False unless `s` is exactly 64 hexadecimal digits. */
bool digest_from_hex(struct slice s, struct digest *out) MUST_USE;

#endif
