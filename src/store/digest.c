/*
 * The checksum of a chunk and the digest of a change. Both are formats: stores and targets compare them for years.
 *
 * Checksum of the chunk number `ordinal` (from 0) of a file of `feed` in change `sequence`:
 *
 *   XXH3_64(chunk, seed = XXH3_64(feed, seed = splitmix64(splitmix64(sequence) ^ ordinal)))
 *
 * so that a blob in the place of another is found too.
 *
 * Digests, all SHA-256; numbers are 8 bytes, the least first; text(x) is the number of its bytes, then the bytes:
 *
 *   digest(0) = of the epoch's text, 36 bytes
 *   digest(N) = of digest(N-1), N, and, of a change of files, for each of them in order of id:
 *                 for each chunk in order:  1, checksum, rows
 *                 then:  2, text(feed), text(name), content (32 bytes), version, descriptor (32 bytes), rows, applied,
 *                        unchanged, superseded, filtered, deleted, late, rejected
 *               and behind that, of a change that retries rejected rows of a file:
 *                        6, the file's id, the sequence of its change, content (32 bytes)
 *               or, of a change that replaces files, for each of those in order of id, and of one that forgets a file:
 *                        3, its id, the sequence of its change, content (32 bytes)
 *
 *               or, of a change that closes windows:
 *                        4, before, in microseconds
 *
 * Where a file is kept, whether it was replaced and whether it was forgotten since may change later and are no part of
 * its own change's digest; of the last, the digest of the change that forgets or replaces it tells.
 */
#include "store/store_internal.h"

enum { TAG_CHUNK = 1, TAG_FILE = 2, TAG_FORGET = 3, TAG_CLOSE = 4, TAG_RETRY = 6 };

uint64_t store_checksum(struct slice feed, uint64_t sequence, uint64_t ordinal, struct slice chunk)
{
    return hash_bytes(chunk, hash_bytes(feed, hash_u64(hash_u64(sequence) ^ ordinal)));
}

bool store_digest_epoch(const char *epoch, struct digest *digest, struct error *error)
{
    struct digester d;
    if (!digester_init(&d, error))
        return false;
    digester_add(&d, slice_of(epoch));
    *digest = digester_take(&d);
    return true;
}

bool store_digest_begin(struct digester *d, const struct digest *before, uint64_t sequence, struct error *error)
{
    if (!digester_init(d, error))
        return false;
    digester_add(d, digest_slice(before));
    digester_add_u64(d, sequence);
    return true;
}

void store_digest_chunk(struct digester *d, uint64_t checksum, uint64_t rows)
{
    digester_add_u64(d, TAG_CHUNK);
    digester_add_u64(d, checksum);
    digester_add_u64(d, rows);
}

void store_digest_file(struct digester *d, const struct file_record *file)
{
    const struct buckets *b = &file->buckets;
    const uint64_t counts[] = {file->rows,  b->applied, b->unchanged, b->superseded,
                               b->filtered, b->deleted, b->late,      b->rejected};
    digester_add_u64(d, TAG_FILE);
    digester_add_text(d, file->feed);
    digester_add_text(d, file->name);
    digester_add(d, digest_slice(&file->content));
    digester_add_u64(d, file->version);
    digester_add(d, digest_slice(&file->descriptor));
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        digester_add_u64(d, counts[i]);
}

void store_digest_retry(struct digester *d, const struct store_retry *retry)
{
    digester_add_u64(d, TAG_RETRY);
    digester_add_u64(d, retry->file);
    digester_add_u64(d, retry->sequence);
    digester_add(d, digest_slice(&retry->content));
}

void store_digest_forget(struct digester *d, const struct file_record *file)
{
    digester_add_u64(d, TAG_FORGET);
    digester_add_u64(d, file->id);
    digester_add_u64(d, file->sequence);
    digester_add(d, digest_slice(&file->content));
}

void store_digest_close(struct digester *d, int64_t before)
{
    digester_add_u64(d, TAG_CLOSE);
    digester_add_u64(d, (uint64_t)before);
}
