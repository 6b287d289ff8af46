/*
 * Damage in the log (-wal) that SQLite takes for its end.
 *
 * SQLite reads a log up to the first frame that fails its checksum, which chains over all frames before it: behind that,
 * it supposes, a crash came. A byte that changed on the disk looks the same, and every change behind it would be gone
 * without a word. But a crash can cost no more than the transaction that was being written: each one before it was flushed
 * when it was committed. So when two commits or more lie behind the frame that fails, it was not a crash.
 *
 * With one commit behind it nobody can tell: the power may have gone while it was being written. That change is then gone;
 * whoever has heard of it (a target that holds it, an archived file of it) tells that the store is behind.
 *
 * What a crash left of a transaction that was never committed must not be counted later, when other frames were written
 * over its beginning: so a log that was found is folded in and cut right after it was opened.
 *
 * The format, of sqlite.org/fileformat2.html, all numbers big-endian:
 *
 *   header   magic, version, page size, checkpoint number, salt (2), checksum (2) of what is before
 *   frame    page number, pages of the database after a commit or 0, salt (2) of the header, checksum (2); the page
 */
#include "store/store_internal.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    HEADER_SIZE = 32,
    HEADER_SUMMED = 24, /* bytes of it under its checksum */
    FRAME_SIZE = 24,
    FRAME_SUMMED = 8,
    LOG_PAGE_MIN = 512,
    LOG_PAGE_MAX = 65536,
    MAGIC = 0x377f0682, /* its last bit: checksums of big-endian words */
    LOST_COMMITS = 2
};

struct log_reader {
    FILE *file;
    bool big;         /* words of the checksums */
    size_t page;      /* bytes */
    uint32_t salt[2]; /* as they stand in the header */
    uint32_t sum[2];  /* up to the last frame that was whole */
    uint8_t frame[FRAME_SIZE + LOG_PAGE_MAX];
};

static uint32_t number_at(const uint8_t *bytes)
{
    uint32_t number;
    memcpy(&number, bytes, sizeof number);
    return be32toh(number);
}

static void add_sum(const struct log_reader *log, uint32_t sum[2], const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i += 2 * sizeof(uint32_t)) {
        uint32_t words[2];
        memcpy(words, bytes + i, sizeof words);
        sum[0] += (log->big ? be32toh(words[0]) : le32toh(words[0])) + sum[1];
        sum[1] += (log->big ? be32toh(words[1]) : le32toh(words[1])) + sum[0];
    }
}

static bool is_sum(const uint32_t sum[2], const uint8_t *bytes)
{
    return sum[0] == number_at(bytes) && sum[1] == number_at(bytes + 4);
}

/* --- header ------------------------------------------------------------------------------------------------------- */

static bool is_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static bool read_header(struct log_reader *log)
{
    const uint8_t *header = log->frame;
    uint32_t magic = number_at(header);
    log->page = number_at(header + 8);
    if ((magic & ~1u) != MAGIC || log->page < LOG_PAGE_MIN || log->page > LOG_PAGE_MAX ||
        (log->page & (log->page - 1)) != 0)
        return false;
    log->big = magic & 1;
    memcpy(log->salt, header + 16, sizeof log->salt);
    add_sum(log, log->sum, header, HEADER_SUMMED);
    return is_sum(log->sum, header + HEADER_SUMMED);
}

/* --- frames ------------------------------------------------------------------------------------------------------- */

static bool has_salt(const struct log_reader *log)
{
    return memcmp(log->frame + 8, log->salt, sizeof log->salt) == 0;
}

/* A commit of this log: frames of an earlier use of the file differ in both salts, one byte that changed in one. */
static bool is_commit(const struct log_reader *log)
{
    return number_at(log->frame + 4) != 0 &&
           (memcmp(log->frame + 8, &log->salt[0], 4) == 0 || memcmp(log->frame + 12, &log->salt[1], 4) == 0);
}

/* Whether the frame that was read goes on from those before it; then it is one of them. */
static bool is_whole(struct log_reader *log)
{
    uint32_t sum[2] = {log->sum[0], log->sum[1]};
    add_sum(log, sum, log->frame, FRAME_SUMMED);
    add_sum(log, sum, log->frame + FRAME_SIZE, log->page);
    if (!has_salt(log) || !is_sum(sum, log->frame + 16))
        return false;
    memcpy(log->sum, sum, sizeof sum);
    return true;
}

static bool read_frame(struct log_reader *log)
{
    return fread(log->frame, FRAME_SIZE + log->page, 1, log->file) == 1;
}

/* Counts the commits from the first frame that fails on. */
static bool check_frames(const struct store *store, struct log_reader *log, struct error *error)
{
    unsigned long long number = 0;
    unsigned commits = 0;
    bool more;
    while ((more = read_frame(log)) && is_whole(log))
        number++;
    for (; more && commits < LOST_COMMITS; more = read_frame(log))
        commits += is_commit(log);
    if (ferror(log->file))
        return error_errno(error, ERROR_IO, errno, "Cannot read %s-wal", store->path);
    return commits < LOST_COMMITS ||
           store_corrupt(store, error, "frame %llu of its log (%s-wal) fails its checksum, and changes lie behind it",
                         number + 1, store->path);
}

/* One that is too short, or all zeros, was never begun; the header is flushed before there are frames. */
static bool check_log(const struct store *store, struct log_reader *log, struct error *error)
{
    if (fread(log->frame, HEADER_SIZE, 1, log->file) != 1 || is_zero(log->frame, HEADER_SIZE))
        return true;
    if (!read_header(log))
        return store_corrupt(store, error, "the header of its log (%s-wal) fails its checksum", store->path);
    return check_frames(store, log, error);
}

bool store_log_check(struct store *store, struct error *error)
{
    char *path = NULL;
    if (asprintf(&path, "%s-wal", store->path) < 0)
        return error_memory(error);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    free(path);
    if (fd < 0)
        return errno == ENOENT || error_errno(error, ERROR_IO, errno, "Cannot open %s-wal", store->path);
    struct log_reader *log = calloc(1, sizeof *log);
    if (log)
        log->file = fdopen(fd, "rb");
    bool good = log && log->file ? check_log(store, log, error) : error_memory(error);
    if (log && log->file)
        (void)fclose(log->file);
    else
        (void)close(fd);
    free(log);
    store->log_found = true;
    return good;
}

bool store_log_fold(struct store *store, struct error *error)
{
    if (!store->log_found)
        return true;
    int result = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    /* A reader that stands in the way keeps it from being cut, not from being folded in. */
    return result == SQLITE_OK || (result & 0xff) == SQLITE_BUSY || store_fail(store, result, error);
}
