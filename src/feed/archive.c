#include "feed/archive_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "feed/move.h"

enum {
    HASH_DIGITS = 8,
    UTF8_BYTES_MAX = 4 /* of a character */
};

/* --- names --- */

/* Where a UTF-8 character begins that ends behind `len`. In other bytes there may be none. */
static size_t cut_between(const char *name, size_t len)
{
    for (size_t back = 0; back < UTF8_BYTES_MAX && back < len; back++)
        if (!text_goes_on(name[len - back]))
            return len - back;
    return len;
}

void archive_append_cut(char *out, size_t max, const char *name)
{
    size_t used = strlen(out), len = strlen(name);
    if (len > max - used)
        len = cut_between(name, max - used);
    memcpy(out + used, name, len);
    out[used + len] = '\0';
}

void archive_join_name(const char *tag, const char *name, char out[ARCHIVE_NAME_SIZE])
{
    snprintf(out, ARCHIVE_NAME_SIZE, "%s-", tag);
    archive_append_cut(out, ARCHIVE_NAME_MAX, name);
}

void archive_name(uint64_t sequence, const struct digest *content, const char *name, char out[ARCHIVE_NAME_SIZE])
{
    char hex[DIGEST_HEX_SIZE], tag[64];
    digest_hex(content, hex);
    snprintf(tag, sizeof tag, "%06" PRIu64 "-%.*s", sequence, HASH_DIGITS, hex);
    archive_join_name(tag, name, out);
}

const char *archive_split_name(const char *archived, uint64_t *sequence)
{
    char *end;
    if (*archived < '0' || *archived > '9')
        return NULL;
    errno = 0;
    *sequence = strtoull(archived, &end, 10);
    if (errno || *end != '-' || strspn(end + 1, "0123456789abcdef") != HASH_DIGITS || end[1 + HASH_DIGITS] != '-')
        return NULL;
    return end + 1 + HASH_DIGITS + 1;
}

static void delete_tag(const struct file_stat *stat, char *out, size_t size)
{
    snprintf(out, size, "%s%" PRIx64, archive_delete_prefix, (uint64_t)stat->ctime_ns);
}

void archive_tag(const char *archived, char *out, size_t size)
{
    const char *first = strchr(archived, '-'), *second = first ? strchr(first + 1, '-') : NULL;
    snprintf(out, size, "%.*s", second ? (int)(second - archived) : 0, archived);
}

/* --- folders --- */

/* Opens a folder inside another, made when missing, never through a symlink. */
static int enter(int parent, const char *name, int *folder)
{
    bool made = mkdirat(parent, name, 0755) == 0;
    int code = made || errno == EEXIST ? 0 : errno;
    if (made)
        code = move_sync(parent);
    *folder = code ? -1 : openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return code == 0 && *folder < 0 ? errno : code;
}

int archive_open_store(const struct landing *landing, const char *kind, struct error *error)
{
    const char *data = landing->data, *feed = landing->feed->name;
    int folder = -1, middle = -1;
    int top = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code = top < 0 ? errno : enter(top, kind, &middle);
    if (code == 0)
        code = enter(middle, feed, &folder);
    if (middle >= 0)
        close(middle);
    if (top >= 0)
        close(top);
    if (code == ENOTDIR || code == ELOOP)
        (void)error_set(error, ERROR_IO,
                        "cannot open %s/%s/%s: something else lies there; a symbolic link is not followed (mount the "
                        "folder there instead)",
                        data, kind, feed);
    else if (code)
        (void)error_errno(error, ERROR_IO, code, "cannot open %s/%s/%s", data, kind, feed);
    return folder;
}

/* --- moves --- */

void archive_explain(int code, const char *what, struct error *error)
{
    if (code == EEXIST)
        (void)error_set(error, ERROR_IO, "cannot %s: another file has its name there", what);
    else
        (void)error_errno(error, ERROR_IO, code, "cannot %s", what);
}

enum archive_result archive_give_up(struct hidden *hidden, int code, const char *what, struct error *error)
{
    struct error second;
    archive_explain(code, what, error);
    if (!hidden_put_back(hidden, &second)) {
        (void)error_wrap(error, "%s; before that", second.text);
        return ARCHIVE_HIDDEN;
    }
    return code == ESTALE ? ARCHIVE_REPLACED : ARCHIVE_FAILED;
}

enum archive_result archive_stay_hidden(struct hidden *hidden, int code, const char *what, struct error *error)
{
    if (code == ESTALE)
        return archive_give_up(hidden, code, what, error);
    archive_explain(code, what, error);
    hidden_leave(hidden);
    return ARCHIVE_HIDDEN;
}

enum archive_result archive_not_taken(enum hidden_result result)
{
    switch (result) {
    case HIDDEN_GONE:
    case HIDDEN_REPLACED:
        return ARCHIVE_REPLACED;
    case HIDDEN_REFUSED:
        return ARCHIVE_LEFT;
    case HIDDEN_KEPT:
        return ARCHIVE_HIDDEN;
    case HIDDEN_FAILED:
    case HIDDEN_TAKEN:
        break;
    }
    return ARCHIVE_FAILED;
}

bool archive_can_write(const struct landing *landing, struct error *error)
{
    return landing->writable || error_set(error, ERROR_IO, "%s cannot be written", landing->path);
}

/* The file is not there: an earlier try may have moved it and failed after that. */
static enum archive_result find_archived(const struct landing *landing, int folder, const char *archived,
                                         struct error *error)
{
    bool there;
    int code = move_find(folder, archived, &there);
    if (code == 0)
        return there ? ARCHIVE_MOVED : ARCHIVE_REPLACED;
    char shown[4 * ARCHIVE_NAME_SIZE];
    text_escape(slice_of(archived), shown, sizeof shown);
    (void)error_errno(error, ERROR_IO, code, "cannot look for archive/%s/%s", landing->feed->name, shown);
    return ARCHIVE_FAILED;
}

enum archive_result archive_end(struct hidden *hidden, int code, struct error *error)
{
    bool closed = hidden_close(hidden, error);
    if (code)
        archive_explain(code, "flush its new folder", error);
    return closed && code == 0 ? ARCHIVE_MOVED : ARCHIVE_UNSURE;
}

enum archive_result archive_finish_move(struct hidden *hidden, int folder, const char *archived, struct error *error)
{
    int code = move_into(hidden->fd, hidden->inner, &hidden->stat, folder, archived);
    if (code)
        return archive_stay_hidden(hidden, code, "archive it", error);
    return archive_end(hidden, hidden->shared ? 0 : move_sync(folder), error);
}

static enum archive_result move_to(const struct landing *landing, int folder, const char *name,
                                   const struct file_stat *stat, const char *archived, struct error *error)
{
    struct hidden hidden;
    char tag[sizeof hidden.tag];
    archive_tag(archived, tag, sizeof tag);
    enum hidden_result result = hidden_take(&hidden, landing, name, stat, tag, error);
    if (result == HIDDEN_GONE)
        return find_archived(landing, folder, archived, error);
    return result == HIDDEN_TAKEN ? archive_finish_move(&hidden, folder, archived, error) : archive_not_taken(result);
}

enum archive_result archive_move(const struct landing *landing, const char *name, const struct file_stat *stat,
                                 const char *archived, struct error *error)
{
    if (!archive_can_write(landing, error))
        return ARCHIVE_LEFT;
    /* Opened before the file is touched: where there is no archive the file stays in sight. */
    int folder = archive_open_store(landing, "archive", error);
    if (folder < 0)
        return ARCHIVE_FAILED;
    enum archive_result result = move_to(landing, folder, name, stat, archived, error);
    close(folder);
    return result;
}

bool archive_set_takes(const struct landing *landing)
{
    return landing->feed->after != FEED_LEAVE && landing->feed->ready != FEED_READY_DONE_MARKER;
}

static bool deletes(const struct archive_set *set)
{
    return set->landing->feed->after == FEED_DELETE;
}

void archive_set_begin(struct archive_set *set, const struct landing *landing, uint64_t number)
{
    *set = (struct archive_set){.landing = landing, .folder = -1, .none = ARCHIVE_MOVED};
    set->hidden.fd = -1;
    if (!archive_can_write(landing, &set->error)) {
        set->none = ARCHIVE_LEFT;
        return;
    }
    if (!deletes(set))
        set->folder = archive_open_store(landing, "archive", &set->error);
    bool ready = deletes(set) || set->folder >= 0;
    int code = ready ? hidden_folder_open(&set->hidden, landing, number) : 0;
    if (code)
        (void)error_errno(&set->error, ERROR_IO, code, "cannot move files of %s", landing->path);
    if (!ready || code)
        set->none = code == EROFS || code == EACCES || code == EPERM ? ARCHIVE_LEFT : ARCHIVE_FAILED;
}

/* One that is to be deleted. Gone is what it was to be. */
static enum archive_result after_hiding(struct hidden *hidden, enum hidden_result result, struct error *error)
{
    if (result == HIDDEN_GONE)
        return ARCHIVE_MOVED;
    return result == HIDDEN_TAKEN ? archive_finish_delete(hidden, error) : archive_not_taken(result);
}

static enum archive_result delete_one(struct archive_set *set, const char *name, const struct file_stat *stat,
                                      struct error *error)
{
    struct hidden hidden;
    char tag[sizeof hidden.tag];
    delete_tag(stat, tag, sizeof tag);
    enum hidden_result result = hidden_take_into(&hidden, &set->hidden, name, stat, tag, error);
    if (result == HIDDEN_FAILED && error->kind == ERROR_USAGE)
        return archive_delete(set->landing, name, stat, error);
    return after_hiding(&hidden, result, error);
}

enum archive_result archive_set_move(struct archive_set *set, const char *name, const struct file_stat *stat,
                                     const char *archived, struct error *error)
{
    struct hidden hidden;
    char tag[sizeof hidden.tag];
    if (set->none != ARCHIVE_MOVED) {
        *error = set->error;
        return set->none;
    }
    if (deletes(set))
        return delete_one(set, name, stat, error);
    archive_tag(archived, tag, sizeof tag);
    enum hidden_result result = hidden_take_into(&hidden, &set->hidden, name, stat, tag, error);
    if (result == HIDDEN_FAILED && error->kind == ERROR_USAGE)
        return archive_move(set->landing, name, stat, archived, error);
    if (result == HIDDEN_GONE)
        return find_archived(set->landing, set->folder, archived, error);
    return result == HIDDEN_TAKEN ? archive_finish_move(&hidden, set->folder, archived, error)
                                  : archive_not_taken(result);
}

bool archive_set_end(struct archive_set *set, struct error *error)
{
    int code = set->none == ARCHIVE_MOVED && !deletes(set) ? move_sync(set->folder) : 0;
    if (set->hidden.fd >= 0)
        hidden_folder_close(&set->hidden);
    if (code == 0 && set->none == ARCHIVE_MOVED)
        code = move_sync(set->landing->fd);
    if (set->folder >= 0)
        close(set->folder);
    set->folder = -1;
    return code == 0 ||
           error_errno(error, ERROR_IO, code, "cannot flush the folders of files of %s", set->landing->path);
}

enum archive_result archive_finish_delete(struct hidden *hidden, struct error *error)
{
    if (unlinkat(hidden->fd, hidden->inner, 0) < 0)
        return archive_stay_hidden(hidden, errno, "delete it", error);
    return archive_end(hidden, 0, error);
}

enum archive_result archive_delete(const struct landing *landing, const char *name, const struct file_stat *stat,
                                   struct error *error)
{
    struct hidden hidden;
    char tag[sizeof hidden.tag];
    if (!archive_can_write(landing, error))
        return ARCHIVE_LEFT;
    delete_tag(stat, tag, sizeof tag);
    enum hidden_result result = hidden_take(&hidden, landing, name, stat, tag, error);
    return after_hiding(&hidden, result, error);
}
