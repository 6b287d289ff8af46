/*
 * One pass over one descriptor: each block is hashed and parsed, so that identity and rows come from the same bytes. Of
 * a large file other threads do most of both where cores are idle (parts.h).
 *
 * A file stood still when fstat says the same before the first and after the last read and when exactly its size was
 * read. read(2) and never mmap: a file that is truncated while it is mapped kills the process by SIGBUS.
 */
#include "feed/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "feed/move.h"
#include "feed/parts.h"

enum {
    LARGE_BYTES = 8 * 1024 * 1024, /* a file that is worth a thread */
    FACTS_MAX = 32 * 1024 * 1024   /* bytes of the names of undeclared columns: 256 fields of the largest size, twice */
};

struct reading {
    int fd;
    bool regular;
    struct file_stat before;
    uint64_t expected, count; /* bytes: to read (of a regular file), read */
    bool bad;                 /* the parser gave up: the rest is hashed only */
    const struct intake_how *how;
    struct digester digester;
    struct error *error;
};

static enum intake_result failed(struct reading *reading, const char *what)
{
    (void)error_errno(reading->error, ERROR_IO, errno, "cannot %s", what);
    return INTAKE_FAILED;
}

/* What a parser's failure means: a bad file is read on, for its identity; anything else is our own trouble. */
static enum intake_result parser_failed(struct reading *reading, const struct error *why)
{
    *reading->error = *why;
    reading->bad = why->kind == ERROR_DATA;
    return reading->bad ? INTAKE_READ : INTAKE_FAILED;
}

/* Takes one batch and hands it on; *more tells whether there was one. */
static enum intake_result hand_on(struct reading *reading, bool *more)
{
    struct batch *batch = NULL;
    struct error why = {.kind = ERROR_NONE};
    *more = false;
    if (!parser_take(reading->how->parser, &batch, &why))
        return parser_failed(reading, &why);
    *more = batch != NULL;
    return !batch || reading->how->sink(reading->how->context, batch) ? INTAKE_READ : INTAKE_STOPPED;
}

static enum intake_result take_full(struct reading *reading)
{
    bool more = true;
    enum intake_result result = INTAKE_READ;
    while (result == INTAKE_READ && more && parser_full(reading->how->parser))
        result = hand_on(reading, &more);
    return result;
}

static enum intake_result parse_block(struct reading *reading, struct slice block)
{
    struct error why = {.kind = ERROR_NONE};
    if (reading->bad)
        return INTAKE_READ;
    return parser_feed(reading->how->parser, block, &why) ? take_full(reading) : parser_failed(reading, &why);
}

/* Reads up to `size` bytes; 0 at the end. A file that grows while it is read is left as soon as it is longer than it
   was: one that grows as fast as it is read would never end. */
static enum intake_result read_some(struct reading *reading, char *bytes, size_t size, size_t *len)
{
    ssize_t count;
    do
        count = read(reading->fd, bytes, size);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return failed(reading, "read");
    *len = (size_t)count;
    reading->count += *len;
    return reading->regular && reading->count > reading->expected ? INTAKE_CHANGED : INTAKE_READ;
}

/* --- by several threads ------------------------------------------------------------------------------------------- */

static enum intake_result fill(struct reading *reading, struct parts *parts, struct parts_bytes room)
{
    size_t len = 0, some = 1;
    enum intake_result result = INTAKE_READ;
    for (; result == INTAKE_READ && len < room.len && some > 0; len += some)
        result = read_some(reading, room.data + len, room.len - len, &some);
    if (result == INTAKE_READ)
        parts_filled(parts, len, some == 0);
    return result;
}

static enum intake_result feed(struct reading *reading, struct parts_bytes piece)
{
    enum intake_result result = INTAKE_READ;
    for (size_t at = 0, len; result == INTAKE_READ && at < piece.len; at += len) {
        len = piece.len - at < PARSER_INPUT_MAX ? piece.len - at : PARSER_INPUT_MAX;
        result = parse_block(reading, (struct slice){piece.data + at, len});
    }
    return result;
}

static enum intake_result read_parts(struct reading *reading, struct parts *parts)
{
    struct error why = {.kind = ERROR_NONE};
    enum intake_result result = INTAKE_READ;
    while (result == INTAKE_READ) {
        struct parts_bytes bytes;
        bool good = !reading->bad;
        switch (parts_next(parts, &bytes, &why)) {
        case PARTS_FILL:
            result = fill(reading, parts, bytes);
            break;
        case PARTS_FEED:
            result = feed(reading, bytes);
            break;
        case PARTS_TAKE:
            result = take_full(reading);
            break;
        case PARTS_FAILED:
            return parser_failed(reading, &why);
        case PARTS_END:
            return INTAKE_READ;
        }
        if (good && reading->bad)
            parts_hash_only(parts);
    }
    return result;
}

/* NULL where this thread is to read on alone: also when there is no memory or no thread for it. */
static struct parts *start_parts(struct reading *reading, struct slice head)
{
    if (reading->how->spare == 0 || !reading->regular || reading->expected < LARGE_BYTES)
        return NULL;
    return parts_start(reading->how->parser, head, &reading->digester, reading->how->spare, PARTS_PIECE_BYTES);
}

/* --- the file ----------------------------------------------------------------------------------------------------- */

/* Reads to the end. */
static enum intake_result read_all(struct reading *reading)
{
    struct parts *parts = NULL;
    size_t len = 1;
    enum intake_result result = INTAKE_READ;
    while (result == INTAKE_READ && len > 0 && !parts) {
        bool first = reading->count == 0;
        char bytes[PARSER_INPUT_MAX];
        result = read_some(reading, bytes, sizeof bytes, &len);
        if (result != INTAKE_READ)
            break;
        struct slice block = {bytes, len};
        digester_add(&reading->digester, block);
        result = parse_block(reading, block);
        if (first && result == INTAKE_READ)
            parts = start_parts(reading, block);
    }
    if (parts) {
        result = read_parts(reading, parts);
        parts_end(parts);
    }
    return result;
}

static enum intake_result check_still(struct reading *reading)
{
    struct stat stat;
    struct file_stat after;
    if (fstat(reading->fd, &stat) < 0)
        return failed(reading, "look at it again");
    file_stat_from(&stat, &after);
    if (!reading->regular || (file_stat_equal(&reading->before, &after) && reading->count == reading->expected))
        return INTAKE_READ;
    return stat.st_nlink > 0 && file_stat_same(&reading->before, &after) ? INTAKE_TOUCHED : INTAKE_CHANGED;
}

static enum intake_result finish(struct reading *reading)
{
    struct error why = {.kind = ERROR_NONE};
    if (!parser_finish(reading->how->parser, &why))
        return parser_failed(reading, &why);
    bool more = true;
    enum intake_result result = INTAKE_READ;
    while (result == INTAKE_READ && more)
        result = hand_on(reading, &more);
    return result;
}

static enum intake_result read_and_check(struct reading *reading)
{
    enum intake_result result = read_all(reading);
    if (result == INTAKE_READ)
        result = check_still(reading);
    if (result == INTAKE_READ && !reading->bad)
        result = finish(reading);
    return result;
}

static enum intake_result read_with_digest(struct reading *reading, struct file_facts *facts)
{
    enum intake_result result = read_and_check(reading);
    facts->content = digester_take(&reading->digester);
    facts->size = reading->count;
    if (result != INTAKE_READ)
        return result;
    if (!parser_facts(reading->how->parser, facts)) {
        (void)error_memory(reading->error);
        return INTAKE_FAILED;
    }
    return reading->bad ? INTAKE_BAD : INTAKE_READ;
}

static void facts_init(struct file_facts *facts)
{
    *facts = (struct file_facts){.size = 0};
    arena_init(&facts->arena, FACTS_MAX);
}

/* Reads from where the descriptor stands; `reading->before` is known. */
static enum intake_result read_open(struct reading *reading, const char *name, struct file_facts *facts)
{
    off_t at = lseek(reading->fd, 0, SEEK_CUR);
    uint64_t skipped = at > 0 ? (uint64_t)at : 0;
    reading->expected = reading->before.size > skipped ? reading->before.size - skipped : 0;
    (void)posix_fadvise(reading->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    if (!digester_init(&reading->digester, reading->error))
        return INTAKE_FAILED;
    parser_start(reading->how->parser, reading->how->version);
    if (!parser_name(reading->how->parser, slice_of(name), reading->error)) {
        digester_close(&reading->digester);
        return INTAKE_FAILED;
    }
    return read_with_digest(reading, facts);
}

enum intake_result intake_read_fd(int fd, const char *name, const struct intake_how *how, struct file_facts *facts,
                                  struct error *error)
{
    struct reading reading = {.fd = fd, .how = how, .error = error};
    struct stat stat;
    facts_init(facts);
    if (fstat(fd, &stat) < 0)
        return failed(&reading, "look at it");
    file_stat_from(&stat, &reading.before);
    reading.regular = S_ISREG(stat.st_mode);
    enum intake_result result = read_open(&reading, name, facts);
    if (result != INTAKE_CHANGED && result != INTAKE_TOUCHED)
        return result;
    (void)error_set(error, ERROR_IO, "it changed while it was read");
    return INTAKE_CHANGED;
}

static enum intake_result not_opened(int number)
{
    switch (number) {
    case ENOENT:
        return INTAKE_GONE;
    case ELOOP:
    case EISDIR:
    case ENOTSUP:
        return INTAKE_ODD;
    case EACCES:
    case EPERM:
        return INTAKE_REFUSED;
    default:
        return INTAKE_FAILED;
    }
}

bool intake_has_ended(enum intake_result result)
{
    return result == INTAKE_READ || result == INTAKE_BAD;
}

/* The change must not outlive what it was made of: a producer that flushes nothing, and then a power loss, would leave
   a committed change whose file is empty; or a bad file of which nothing is left but that it was quarantined. */
static enum intake_result flush(struct reading *reading, enum intake_result result)
{
    int code = move_sync(reading->fd);
    if (code == 0)
        return result;
    errno = code;
    return failed(reading, "flush");
}

enum intake_result intake_read(const struct landing *landing, const char *name, struct file_stat *stat,
                               const struct intake_how *how, struct file_facts *facts, struct error *error)
{
    struct reading reading = {.regular = true, .how = how, .error = error};
    int number;
    facts_init(facts);
    reading.fd = landing_open_file(landing, name, &reading.before, &number, error);
    if (reading.fd < 0)
        return not_opened(number);
    enum intake_result result = INTAKE_CHANGED;
    if (!stat || file_stat_same(stat, &reading.before)) {
        if (stat)
            *stat = reading.before;
        result = read_open(&reading, name, facts);
    }
    if (intake_has_ended(result) && how->flushes)
        result = flush(&reading, result);
    close(reading.fd);
    return result;
}
