/*
 * XXH3 is compiled in from its header, which lets short keys be hashed without a call.
 *
 * Once a digester exists, SHA-256 over memory has no way to fail: only beginning one takes memory, which is why each is
 * for one digest. Should OpenSSL ever say that it did fail, the process ends: a wrong digest would be taken for the
 * identity of a file, and a restart is the recovery that is always safe.
 */
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/text.h"

uint64_t hash_bytes(struct slice s, uint64_t seed)
{
    return XXH3_64bits_withSeed(s.data, s.len, seed);
}

static void must(int success)
{
    if (success != 1)
        abort();
}

bool digester_init(struct digester *d, struct error *error)
{
    d->state = EVP_MD_CTX_new();
    if (d->state && EVP_DigestInit_ex(d->state, EVP_sha256(), NULL) == 1)
        return true;
    /* Every OpenSSL has SHA-256, but its first use loads a good deal, and does not always say that memory was short. */
    digester_close(d);
    return error_memory(error);
}

void digester_close(struct digester *d)
{
    EVP_MD_CTX_free(d->state);
    d->state = NULL;
}

void digester_add(struct digester *d, struct slice s)
{
    if (s.len > 0)
        must(EVP_DigestUpdate(d->state, s.data, s.len));
}

void digester_add_u64(struct digester *d, uint64_t value)
{
    char bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(value >> (8 * i) & 0xff);
    digester_add(d, (struct slice){bytes, sizeof bytes});
}

void digester_add_text(struct digester *d, struct slice text)
{
    digester_add_u64(d, text.len);
    digester_add(d, text);
}

struct digest digester_take(struct digester *d)
{
    struct digest digest;
    must(EVP_DigestFinal_ex(d->state, digest.bytes, NULL));
    digester_close(d);
    return digest;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return memcmp(a->bytes, b->bytes, DIGEST_SIZE) == 0;
}

void digest_hex(const struct digest *d, char out[DIGEST_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        out[2 * i] = digits[d->bytes[i] >> 4];
        out[2 * i + 1] = digits[d->bytes[i] & 15];
    }
    out[DIGEST_HEX_SIZE - 1] = '\0';
}

bool digest_from_hex(struct slice s, struct digest *out)
{
    if (s.len != DIGEST_HEX_SIZE - 1)
        return false;
    struct digest digest;
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        int high = text_hex_value(s.data[2 * i]);
        int low = text_hex_value(s.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        digest.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *out = digest;
    return true;
}
