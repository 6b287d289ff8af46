/* The quarantine: a file that cannot be read lies there whole, with its reason beside it. */
#include "feed/archive_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "feed/move.h"

enum {
    QUARANTINE_NUMBERS_MAX = 100000,
    QUARANTINE_NAME_MAX = ARCHIVE_NAME_MAX - 14, /* leaves room for ".99999" and ".reason" */
    WAITING_NAME_SIZE = 96
};

/* The name under which it is kept, and that of its reason. */
struct stored {
    bool before; /* the same bytes were there already */
    char name[ARCHIVE_NAME_MAX + 1], reason[ARCHIVE_NAME_MAX + 1];
};

static void number_name(const char *name, int number, struct stored *stored)
{
    stored->name[0] = '\0';
    archive_append_cut(stored->name, QUARANTINE_NAME_MAX, name);
    size_t len = strlen(stored->name);
    if (number > 0)
        snprintf(stored->name + len, sizeof stored->name - len, ".%d", number);
    snprintf(stored->reason, sizeof stored->reason, "%.*s.reason", ARCHIVE_NAME_MAX - 7, stored->name);
}

bool archive_is_quarantine_name(const char *stored, const char *name)
{
    struct stored first;
    number_name(name, 0, &first);
    size_t len = strlen(first.name);
    if (strncmp(stored, first.name, len) != 0)
        return false;
    const char *rest = stored + len;
    return *rest == '\0' || (*rest == '.' && rest[1] != '\0' && rest[1 + strspn(rest + 1, "0123456789")] == '\0');
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
        stored->before = file;
        if (file || !reason)
            code = move_place(hidden->fd, hidden->inner, &hidden->stat, folder, stored->name, remains);
    }
    return code;
}

int archive_find_quarantined(const struct hidden *hidden, int folder, char name[ARCHIVE_NAME_SIZE])
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

/* The reason that is there already, of the same bytes quarantined before, stays. Then the other one goes before its
   file does: after that nobody would know it. */
static int put_reason(int folder, const char *temporary, const char *reason)
{
    int code = move_noreplace(folder, temporary, folder, reason);
    return code == EEXIST ? (unlinkat(folder, temporary, 0) < 0 ? errno : 0) : code;
}

int archive_finish_reason(int folder, const char *name, const struct file_stat *stat)
{
    char temporary[WAITING_NAME_SIZE], reason[ARCHIVE_NAME_MAX + 1];
    waiting_reason(stat, temporary);
    int length = snprintf(reason, sizeof reason, "%s.reason", name);
    int code = length < (int)sizeof reason ? put_reason(folder, temporary, reason) : ENAMETOOLONG;
    return code ? code : move_sync(folder);
}

enum archive_result archive_finish_quarantine(struct hidden *hidden, int folder, const char *name, struct error *error)
{
    int code = archive_finish_reason(folder, name, &hidden->stat);
    if (code == ENOENT)
        code = move_sync(folder);
    if (code == 0 && unlinkat(hidden->fd, hidden->inner, 0) < 0)
        code = errno;
    if (code)
        return archive_stay_hidden(hidden, code, "move it to the quarantine", error);
    return archive_end(hidden, 0, error);
}

/* A start would note the copy, and then the file once more. Where that is gone after all, the copy is all there is of
   it. */
static int remove_copy(const struct hidden *hidden, int folder, const struct stored *stored)
{
    bool there;
    int code = move_find(hidden->fd, hidden->inner, &there);
    if (code || !there)
        return code ? code : ENOENT;
    return unlinkat(folder, stored->name, 0) < 0 ? errno : 0;
}

/* Back into hiding from a place that was free, with no reason left behind: that would keep the place taken. */
static int take_back(const struct hidden *hidden, int folder, const struct stored *stored, bool remains)
{
    if (stored->before)
        return 0;
    int code =
        remains ? remove_copy(hidden, folder, stored) : move_noreplace(folder, stored->name, hidden->fd, hidden->inner);
    if (code == 0)
        (void)unlinkat(folder, stored->reason, 0);
    return code;
}

/* Where the file is in both folders by now, it goes last from its hiding: a crash before leaves it there, and tells
   whose copy the other is. Where it cannot be taken back the next start puts the reason that waits beside it. */
static int store_bad(const struct hidden *hidden, int folder, const char *temporary, struct stored *stored)
{
    bool remains = false;
    int code = find_place(hidden, folder, stored, &remains);
    bool placed = code == 0 || remains;
    if (code == 0)
        code = put_reason(folder, temporary, stored->reason);
    if (code == 0 && remains)
        code = move_sync(folder);
    if (code == 0 && remains && unlinkat(hidden->fd, hidden->inner, 0) < 0)
        code = errno;
    if (code == 0 || !placed || take_back(hidden, folder, stored, remains) == 0)
        (void)unlinkat(folder, temporary, 0);
    return code;
}

void archive_quarantine_begin(struct archive_quarantine *quarantine, const struct landing *landing)
{
    *quarantine = (struct archive_quarantine){.landing = landing, .folder = -1, .none = ARCHIVE_LEFT};
    if (!archive_can_write(landing, &quarantine->error))
        return;
    quarantine->folder = archive_open_store(landing, "quarantine", &quarantine->error);
    quarantine->none = quarantine->folder < 0 ? ARCHIVE_FAILED : ARCHIVE_MOVED;
}

/* The reason goes first: where the quarantine has no room for it, or cannot be written, the file is not touched. */
enum archive_result archive_quarantine_move(struct archive_quarantine *quarantine, const char *name,
                                            const struct file_stat *stat, const char *reason,
                                            char path[ARCHIVE_PATH_SIZE], struct error *error)
{
    struct hidden hidden;
    struct stored stored;
    char temporary[WAITING_NAME_SIZE];
    if (quarantine->none != ARCHIVE_MOVED) {
        *error = quarantine->error;
        return quarantine->none;
    }
    waiting_reason(stat, temporary);
    int code = write_reason(quarantine->folder, temporary, reason);
    if (code) {
        archive_explain(code, "move it to the quarantine", error);
        return ARCHIVE_FAILED;
    }
    enum hidden_result result = hidden_take(&hidden, quarantine->landing, name, stat, archive_quarantine_tag, error);
    if (result != HIDDEN_TAKEN) {
        (void)unlinkat(quarantine->folder, temporary, 0);
        return archive_not_taken(result);
    }
    code = store_bad(&hidden, quarantine->folder, temporary, &stored);
    if (code)
        return archive_give_up(&hidden, code, "move it to the quarantine", error);
    snprintf(path, ARCHIVE_PATH_SIZE, "quarantine/%s/%s", quarantine->landing->feed->name, stored.name);
    hidden.together = true;
    return archive_end(&hidden, 0, error);
}

bool archive_quarantine_end(struct archive_quarantine *quarantine, struct error *error)
{
    bool moved = quarantine->none == ARCHIVE_MOVED;
    int code = moved ? move_sync(quarantine->folder) : 0;
    if (moved && code == 0)
        code = move_sync(quarantine->landing->fd);
    if (quarantine->folder >= 0)
        close(quarantine->folder);
    quarantine->folder = -1;
    return code == 0 ||
           error_errno(error, ERROR_IO, code, "cannot flush the folders of files of %s", quarantine->landing->path);
}
