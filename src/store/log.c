/*
 * Damage in the log (-wal) that SQLite takes for its end.
 *
 * SQLite reads a log up to the first frame that fails its checksum, which chains over all frames before it: behind
 * that, it supposes, a crash came. A byte that changed on the disk looks the same, and every change behind it would be
 * gone without a word. But a crash can cost no more than the transaction that was being written: each one before it was
 * flushed when it was committed. So when two commits or more lie behind the frame that fails, it was not a crash.
 *
 * A header that fails its checksum is told from one that was being written when the power went by trying every other
 * value of each of its bytes.
 *
 * With one commit behind it nobody can tell: the power may have gone while it was being written. That change is then
 * gone; whoever has heard of it (a target that holds it, an archived file of it) tells that the store is behind.
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
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
    uint64_t most;    /* pages that the database can have after any commit of this log */
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

static bool read_header(struct log_reader *log, const uint8_t *header)
{
    uint32_t magic = number_at(header);
    log->page = number_at(header + 8);
    if ((magic & ~1u) != MAGIC || log->page < LOG_PAGE_MIN || log->page > LOG_PAGE_MAX ||
        (log->page & (log->page - 1)) != 0)
        return false;
    log->big = magic & 1;
    memcpy(log->salt, header + 16, sizeof log->salt);
    log->sum[0] = log->sum[1] = 0;
    add_sum(log, log->sum, header, HEADER_SUMMED);
    return is_sum(log->sum, header + HEADER_SUMMED);
}

/* Whether it would be a header but for one byte. */
static bool is_nearly_header(struct log_reader *log, const uint8_t *header)
{
    uint8_t tried[HEADER_SIZE];
    for (size_t i = 0; i < HEADER_SIZE; i++) {
        memcpy(tried, header, sizeof tried);
        for (unsigned change = 1; change < 256; change++) {
            tried[i] = (uint8_t)(header[i] ^ change);
            if (read_header(log, tried))
                return true;
        }
    }
    return false;
}

/* --- frames ------------------------------------------------------------------------------------------------------- */

static bool has_salt(const struct log_reader *log)
{
    return memcmp(log->frame + 8, log->salt, sizeof log->salt) == 0;
}

/* A frame's page is one of those that the database has after the commit. A power loss may garble the two numbers and
   leave the salts, which stand in the next sector: then they hardly ever are. */
static bool are_numbers(const struct log_reader *log, const uint8_t *head)
{
    uint32_t page = number_at(head), pages = number_at(head + 4);
    return page > 0 && page <= pages && pages <= log->most;
}

/* A commit of this log: frames of an earlier use of the file differ in both salts, one byte that changed in one. */
static bool is_commit(const struct log_reader *log)
{
    return are_numbers(log, log->frame) &&
           (memcmp(log->frame + 8, &log->salt[0], 4) == 0 || memcmp(log->frame + 12, &log->salt[1], 4) == 0);
}

/* Whether it would be one but for one byte of its numbers; what says that there is no commit is left to was_commit. */
static bool is_nearly_commit(const struct log_reader *log)
{
    uint8_t tried[FRAME_SUMMED];
    bool nearly = false;
    for (size_t i = 0; i < FRAME_SUMMED && has_salt(log) && number_at(log->frame + 4) != 0 && !nearly; i++) {
        memcpy(tried, log->frame, sizeof tried);
        for (unsigned change = 1; change < 256 && !nearly; change++) {
            tried[i] = (uint8_t)(log->frame[i] ^ change);
            nearly = are_numbers(log, tried);
        }
    }
    return nearly;
}

/* The sums of the frame that was read and of those before it; whether they are its own. */
static bool sum_frame(const struct log_reader *log, uint32_t sum[2])
{
    memcpy(sum, log->sum, sizeof log->sum);
    add_sum(log, sum, log->frame, FRAME_SUMMED);
    add_sum(log, sum, log->frame + FRAME_SIZE, log->page);
    return is_sum(sum, log->frame + 16);
}

/* Whether the frame goes on from those before it; then it is one of them. */
static bool is_whole(struct log_reader *log)
{
    uint32_t sum[2];
    if (!has_salt(log) || !sum_frame(log, sum))
        return false;
    memcpy(log->sum, sum, sizeof sum);
    return true;
}

/* Whether the first frame that is not whole may have been a commit, and the byte that changed the one that said so.
   (For SQLite's checksum a few other bytes of the page would do as well; what a power loss left would not.) */
static bool was_commit(struct log_reader *log)
{
    uint8_t *pages = log->frame + 4;
    uint32_t sum[2];
    bool was = false;
    for (size_t i = 0; i < 4 && number_at(pages) == 0 && !was; i++)
        for (unsigned value = 1; value < 256 && !was; value++) {
            pages[i] = (uint8_t)value;
            was = sum_frame(log, sum);
            pages[i] = 0;
        }
    return was;
}

static bool read_frame(struct log_reader *log)
{
    return fread(log->frame, FRAME_SIZE + log->page, 1, log->file) == 1;
}

/* Counts the commits from the first frame that fails on. */
static bool check_frames(const struct store *store, struct log_reader *log, struct error *error)
{
    uint64_t number = 0;
    unsigned commits = 0;
    bool more;
    while ((more = read_frame(log)) && is_whole(log))
        number++;
    if (more && !is_commit(log) && (is_nearly_commit(log) || was_commit(log)))
        commits++;
    for (; more && commits < LOST_COMMITS; more = read_frame(log))
        commits += is_commit(log);
    if (ferror(log->file))
        return error_errno(error, ERROR_IO, errno, "cannot read %s-wal", store->path);
    return commits < LOST_COMMITS ||
           store_corrupt(store, error,
                         "frame %" PRIu64 " of its log (%s-wal) fails its checksum, and changes lie behind it",
                         number + 1, store->path);
}

/* The database as it lies there, and a page more for each frame. */
static bool count_pages(const struct store *store, struct log_reader *log, struct error *error)
{
    struct stat database = {0}, frames;
    if ((stat(store->path, &database) != 0 && errno != ENOENT) || fstat(fileno(log->file), &frames) != 0)
        return error_errno(error, ERROR_IO, errno, "cannot look at %s and its log", store->path);
    log->most = ((uint64_t)database.st_size + (uint64_t)frames.st_size) / log->page + 1;
    return true;
}

/* Without a header there are no frames: the power went when it was first written, or anew over a log that was folded
   in. */
static bool check_log(const struct store *store, struct log_reader *log, struct error *error)
{
    uint8_t header[HEADER_SIZE];
    if (fread(header, HEADER_SIZE, 1, log->file) != 1)
        return !ferror(log->file) || error_errno(error, ERROR_IO, errno, "cannot read %s-wal", store->path);
    if (read_header(log, header))
        return count_pages(store, log, error) && check_frames(store, log, error);
    return !is_nearly_header(log, header) ||
           store_corrupt(store, error, "a byte in the header of its log (%s-wal) has changed", store->path);
}

bool store_log_check(struct store *store, struct error *error)
{
    char *path = NULL;
    if (asprintf(&path, "%s-wal", store->path) < 0)
        return error_memory(error);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    free(path);
    if (fd < 0)
        return errno == ENOENT || error_errno(error, ERROR_IO, errno, "cannot open %s-wal", store->path);
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

/* A reader that stands in the way keeps it from being cut, and a full disk from being folded in: then it stays for
   now. */
bool store_log_fold(struct store *store, struct error *error)
{
    struct error why;
    if (!store->log_found)
        return true;
    (void)sqlite3_busy_timeout(store->db, 0); /* no reader is waited for */
    int result = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    (void)sqlite3_busy_timeout(store->db, STORE_BUSY_WAIT);
    if (result == SQLITE_OK || (result & 0xff) == SQLITE_BUSY || store_fail(store, result, &why))
        return true;
    return why.kind == ERROR_FULL || error_set(error, why.kind, "%s", why.text);
}
