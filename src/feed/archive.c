#include "feed/archive_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "feed/move.h"

enum {
    HASH_DIGITS = 8,
    UTF8_BYTES_MAX = 4,   /* of a character */
    NAME_BYTES_MAX = 255, /* of any file system here */
    QUARANTINE_NUMBERS_MAX = 100000,
    QUARANTINE_NAME_MAX = NAME_BYTES_MAX - 14, /* leaves room for ".99999" and ".reason" */
    WAITING_NAME_SIZE = 96
};

/* --- names --- */

static bool goes_on(const char *name, size_t at)
{
    return ((unsigned char)name[at] & 0xc0) == 0x80;
}

/* Where a UTF-8 character begins that ends behind `len`. In other bytes there may be none. */
static size_t cut_between(const char *name, size_t len)
{
    for (size_t back = 0; back < UTF8_BYTES_MAX && back < len; back++)
        if (!goes_on(name, len - back))
            return len - back;
    return len;
}

/* Appends as much of the name as fits, and no half of a UTF-8 character. */
static void append_cut(char *out, size_t max, const char *name)
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
    append_cut(out, NAME_BYTES_MAX, name);
}

void archive_name(uint64_t sequence, const struct digest *content, const char *name, char out[ARCHIVE_NAME_SIZE])
{
    char hex[DIGEST_HEX_SIZE], tag[64];
    digest_hex(content, hex);
    snprintf(tag, sizeof tag, "%06" PRIu64 "-%.*s", sequence, HASH_DIGITS, hex);
    archive_join_name(tag, name, out);
}

static void delete_tag(const struct file_stat *stat, char *out, size_t size)
{
    snprintf(out, size, "%s%" PRIx64, archive_delete_prefix, (uint64_t)stat->ctime_ns);
}

/* The tag of an archive name: what stands before its second hyphen. */
static void tag_of(const char *archived, char *out, size_t size)
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

/* <data>/<kind>/<feed>. -1 and an error when it can't be had. */
int archive_open_store(const char *data, const char *kind, const char *feed, struct error *error)
{
    int folder = -1, middle = -1;
    int top = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int code = top < 0 ? errno : enter(top, kind, &middle);
    if (code == 0)
        code = enter(middle, feed, &folder);
    if (middle >= 0)
        close(middle);
    if (top >= 0)
        close(top);
    if (code)
        (void)error_errno(error, ERROR_IO, code, "cannot open %s/%s/%s", data, kind, feed);
    return folder;
}

/* --- moves --- */

/* `what`: what was tried, as a verb. */
static void explain(const struct hidden *hidden, int code, const char *what, struct error *error)
{
    char shown[4 * LANDING_NAME_SIZE];
    text_escape(slice_of(hidden->name), shown, sizeof shown);
    if (code == EEXIST)
        (void)error_set(error, ERROR_IO, "cannot %s %s/%s: another file has its name there", what,
                        hidden->landing->feed->name, shown);
    else
        (void)error_errno(error, ERROR_IO, code, "cannot %s %s/%s", what, hidden->landing->feed->name, shown);
}

/* Goes back after `code`. */
static enum archive_result give_up(struct hidden *hidden, int code, const char *what, struct error *error)
{
    struct error second;
    explain(hidden, code, what, error);
    if (!hidden_put_back(hidden, &second)) {
        (void)error_wrap(error, "%s; before that", second.text);
        return ARCHIVE_HIDDEN;
    }
    return code == ESTALE ? ARCHIVE_REPLACED : ARCHIVE_FAILED;
}

/* The move or deletion of a committed file failed. Back in sight it would be another file to the ledger, for a rename
   moves ctime, and once a newer file had replaced its records it would be applied again: so it stays hidden. One that
   was written to while it was copied is another file. */
static enum archive_result stay_hidden(struct hidden *hidden, int code, const char *what, struct error *error)
{
    if (code == ESTALE)
        return give_up(hidden, code, what, error);
    explain(hidden, code, what, error);
    hidden_leave(hidden);
    return ARCHIVE_HIDDEN;
}

/* What it means that the file could not be taken into hiding. */
static enum archive_result not_taken(enum hidden_result result)
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

static bool can_write(const struct landing *landing, struct error *error)
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

enum archive_result archive_finish_move(struct hidden *hidden, int folder, const char *archived, struct error *error)
{
    int code = move_into(hidden->fd, hidden->inner, &hidden->stat, folder, archived, !hidden->shared);
    if (code)
        return stay_hidden(hidden, code, "archive", error);
    return hidden_close(hidden, error) ? ARCHIVE_MOVED : ARCHIVE_FAILED;
}

static enum archive_result move_to(const struct landing *landing, int folder, const char *name,
                                   const struct file_stat *stat, const char *archived, struct error *error)
{
    struct hidden hidden;
    char tag[sizeof hidden.tag];
    tag_of(archived, tag, sizeof tag);
    enum hidden_result result = hidden_take(&hidden, landing, name, stat, tag, error);
    if (result == HIDDEN_GONE)
        return find_archived(landing, folder, archived, error);
    return result == HIDDEN_TAKEN ? archive_finish_move(&hidden, folder, archived, error) : not_taken(result);
}

enum archive_result archive_move(const struct landing *landing, const char *data, const char *name,
                                 const struct file_stat *stat, const char *archived, struct error *error)
{
    if (!can_write(landing, error))
        return ARCHIVE_LEFT;
    /* Opened before the file is touched: where there is no archive the file stays in sight. */
    int folder = archive_open_store(data, "archive", landing->feed->name, error);
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

void archive_set_begin(struct archive_set *set, const struct landing *landing, const char *data, uint64_t number)
{
    *set = (struct archive_set){.landing = landing, .data = data, .folder = -1, .none = ARCHIVE_MOVED};
    set->hidden.fd = -1;
    if (!can_write(landing, &set->error)) {
        set->none = ARCHIVE_LEFT;
        return;
    }
    if (!deletes(set))
        set->folder = archive_open_store(data, "archive", landing->feed->name, &set->error);
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
    return result == HIDDEN_TAKEN ? archive_finish_delete(hidden, error) : not_taken(result);
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
    tag_of(archived, tag, sizeof tag);
    enum hidden_result result = hidden_take_into(&hidden, &set->hidden, name, stat, tag, error);
    if (result == HIDDEN_FAILED && error->kind == ERROR_USAGE)
        return archive_move(set->landing, set->data, name, stat, archived, error);
    if (result == HIDDEN_GONE)
        return find_archived(set->landing, set->folder, archived, error);
    return result == HIDDEN_TAKEN ? archive_finish_move(&hidden, set->folder, archived, error) : not_taken(result);
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
        return stay_hidden(hidden, errno, "delete", error);
    return hidden_close(hidden, error) ? ARCHIVE_MOVED : ARCHIVE_FAILED;
}

enum archive_result archive_delete(const struct landing *landing, const char *name, const struct file_stat *stat,
                                   struct error *error)
{
    struct hidden hidden;
    char tag[sizeof hidden.tag];
    if (!can_write(landing, error))
        return ARCHIVE_LEFT;
    delete_tag(stat, tag, sizeof tag);
    enum hidden_result result = hidden_take(&hidden, landing, name, stat, tag, error);
    return after_hiding(&hidden, result, error);
}

/* --- quarantine --- */

/* The name under which it is kept, and that of its reason. */
struct stored {
    char name[NAME_BYTES_MAX + 1], reason[NAME_BYTES_MAX + 1];
};

static void number_name(const char *name, int number, struct stored *stored)
{
    stored->name[0] = '\0';
    append_cut(stored->name, QUARANTINE_NAME_MAX, name);
    size_t len = strlen(stored->name);
    if (number > 0)
        snprintf(stored->name + len, sizeof stored->name - len, ".%d", number);
    snprintf(stored->reason, sizeof stored->reason, "%.*s.reason", NAME_BYTES_MAX - 7, stored->name);
}

/* Written whole under a hidden name first: a reason that can be read is complete. */
static int write_reason(int folder, const char *name, const char *reason)
{
    (void)unlinkat(folder, name, 0);
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return errno;
    int code = move_write(fd, reason, strlen(reason));
    if (code == 0)
        code = move_write(fd, "\n", 1);
    if (code == 0 && fsync(fd) < 0)
        code = errno;
    return close(fd) < 0 && code == 0 ? errno : code;
}

/* Looks what there is under these names. */
static int find_stored(int folder, const struct stored *stored, bool *file, bool *reason)
{
    int code = move_find(folder, stored->name, file);
    return code ? code : move_find(folder, stored->reason, reason);
}

/* Moves it to the first name that is free or has the same bytes. A reason without its file keeps its name taken. */
static int find_place(const struct hidden *hidden, int folder, struct stored *stored, bool *remains)
{
    int code = EEXIST;
    for (int number = 0; code == EEXIST && number < QUARANTINE_NUMBERS_MAX; number++) {
        bool file, reason;
        number_name(hidden->name, number, stored);
        int looked = find_stored(folder, stored, &file, &reason);
        if (looked)
            return looked;
        if (file || !reason)
            code = move_place(hidden->fd, hidden->inner, &hidden->stat, folder, stored->name, false, remains);
    }
    return code;
}

int archive_find_aside(const struct hidden *hidden, int folder, char name[ARCHIVE_NAME_SIZE])
{
    struct stored stored;
    int code = EEXIST;
    for (int number = 0; code == EEXIST && number < QUARANTINE_NUMBERS_MAX; number++) {
        bool file, reason;
        number_name(hidden->name, number, &stored);
        int looked = find_stored(folder, &stored, &file, &reason);
        if (looked)
            code = looked;
        else if (file)
            code = move_compare(hidden->fd, hidden->inner, folder, stored.name);
        else if (!reason)
            code = ENOENT;
    }
    snprintf(name, ARCHIVE_NAME_SIZE, "%s", stored.name);
    return code;
}

/* Where the reason of a file waits until the file has its place; the next boot may give its device another number. */
static void waiting_reason(const struct file_stat *stat, char out[WAITING_NAME_SIZE])
{
    snprintf(out, WAITING_NAME_SIZE, ".dropfold-reason-%" PRIx64 "-%" PRIx64 "-%" PRIx64, (uint64_t)stat->inode,
             stat->size, (uint64_t)stat->mtime_ns);
}

int archive_finish_reason(int folder, const char *name, const struct file_stat *stat)
{
    char temporary[WAITING_NAME_SIZE], reason[NAME_BYTES_MAX + 1];
    waiting_reason(stat, temporary);
    int length = snprintf(reason, sizeof reason, "%s.reason", name);
    int code = length < (int)sizeof reason ? move_noreplace(folder, temporary, folder, reason) : ENAMETOOLONG;
    return code ? code : move_sync(folder);
}

enum archive_result archive_finish_aside(struct hidden *hidden, int folder, const char *name, struct error *error)
{
    int code = archive_finish_reason(folder, name, &hidden->stat);
    if (code == 0 || code == EEXIST || code == ENOENT)
        code = move_sync(folder);
    if (code == 0 && unlinkat(hidden->fd, hidden->inner, 0) < 0)
        code = errno;
    if (code)
        return stay_hidden(hidden, code, "set aside", error);
    return hidden_close(hidden, error) ? ARCHIVE_MOVED : ARCHIVE_FAILED;
}

/* The reason that is there already, of the same bytes set aside before, stays. */
static int put_reason(int folder, const char *temporary, const char *reason)
{
    int code = move_noreplace(folder, temporary, folder, reason);
    return code == 0 || code == EEXIST ? move_sync(folder) : code;
}

/* Back into hiding from a place that was free, with no reason left behind: that would keep the place taken. */
static int take_back(const struct hidden *hidden, int folder, const struct stored *stored)
{
    int code = move_noreplace(folder, stored->name, hidden->fd, hidden->inner);
    if (code == 0)
        (void)unlinkat(folder, stored->reason, 0);
    return code;
}

/* Where the file is in both folders by now, it goes last from its hiding: a crash before leaves it there, and tells whose
   copy the other is. Where it cannot be taken back the next start puts the reason that waits beside it. */
static int store_bad(const struct hidden *hidden, int folder, const char *reason, struct stored *stored)
{
    char temporary[WAITING_NAME_SIZE];
    bool remains = false;
    waiting_reason(&hidden->stat, temporary);
    int code = write_reason(folder, temporary, reason);
    if (code == 0)
        code = find_place(hidden, folder, stored, &remains);
    bool placed = code == 0;
    if (placed)
        code = put_reason(folder, temporary, stored->reason);
    if (code != 0 && placed && !remains && take_back(hidden, folder, stored) != 0)
        return code;
    (void)unlinkat(folder, temporary, 0);
    return code == 0 && remains && unlinkat(hidden->fd, hidden->inner, 0) < 0 ? errno : code;
}

static enum archive_result set_aside(const struct landing *landing, int folder, const char *name,
                                     const struct file_stat *stat, const char *reason, char *path, size_t path_size,
                                     struct error *error)
{
    struct hidden hidden;
    struct stored stored;
    enum hidden_result result = hidden_take(&hidden, landing, name, stat, archive_aside_tag, error);
    if (result != HIDDEN_TAKEN)
        return not_taken(result);
    int code = store_bad(&hidden, folder, reason, &stored);
    if (code)
        return give_up(&hidden, code, "set aside", error);
    snprintf(path, path_size, "quarantine/%s/%s", landing->feed->name, stored.name);
    return hidden_close(&hidden, error) ? ARCHIVE_MOVED : ARCHIVE_FAILED;
}

enum archive_result archive_quarantine(const struct landing *landing, const char *data, const char *name,
                                       const struct file_stat *stat, const char *reason, char *path, size_t path_size,
                                       struct error *error)
{
    if (!can_write(landing, error))
        return ARCHIVE_LEFT;
    int folder = archive_open_store(data, "quarantine", landing->feed->name, error);
    if (folder < 0)
        return ARCHIVE_FAILED;
    enum archive_result result = set_aside(landing, folder, name, stat, reason, path, path_size, error);
    close(folder);
    return result;
}

/* --- on its way --- */

/* "<...>-<tag>-<name>" in a shared folder. */
static bool find_in_folder(const char *landing, const char *folder, const char *tag, const char *name, char *path,
                           size_t size)
{
    char inside[LANDING_PATH_SIZE], end[2 * LANDING_NAME_SIZE];
    bool found = false;
    snprintf(end, sizeof end, "-%s-%s", tag, name);
    int length = snprintf(inside, sizeof inside, "%s/%s", landing, folder);
    DIR *dir = length > 0 && (size_t)length < sizeof inside ? opendir(inside) : NULL;
    for (struct dirent *entry; dir && !found && (entry = readdir(dir)) != NULL;)
        if (slice_ends_with(slice_of(entry->d_name), slice_of(end))) {
            length = snprintf(path, size, "%s/%s", inside, entry->d_name);
            found = length > 0 && (size_t)length < size;
        }
    if (dir)
        closedir(dir);
    return found;
}

bool archive_under_way(const char *landing, const char *name, const char *archived, char *path, size_t size)
{
    char tag[64];
    bool found = false;
    tag_of(archived, tag, sizeof tag);
    DIR *dir = opendir(landing);
    for (struct dirent *entry; dir && !found && (entry = readdir(dir)) != NULL;) {
        struct slice folder = slice_of(entry->d_name);
        if (slice_starts_with(folder, SLICE(".dropfold-group-"))) {
            found = find_in_folder(landing, entry->d_name, tag, name, path, size);
        } else if (slice_starts_with(folder, SLICE(".dropfold-")) && slice_ends_with(folder, slice_of(tag))) {
            int length = snprintf(path, size, "%s/%s/%s", landing, entry->d_name, name);
            found = length > 0 && (size_t)length < size;
        }
    }
    if (dir)
        closedir(dir);
    return found;
}
