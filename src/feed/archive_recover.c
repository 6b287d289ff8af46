/* What a crash, or a disk that refused half way, left in a landing folder. */
#include "feed/archive_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "feed/move.h"

struct recovery {
    const struct landing *landing;
    archive_lookup lookup;
    void *context;
    struct archive_effort *effort;
    uint64_t too_large; /* bytes: files of so many found no room in the archive */
};

/* What the ledger is asked about: by its archive name, or by what was read when it was to be deleted. */
static void describe(const struct hidden *hidden, struct archive_left *left)
{
    *left = (struct archive_left){.feed = hidden->landing->feed->name, .name = hidden->name, .stat = hidden->stat};
    left->to_delete = slice_starts_with(slice_of(hidden->tag), slice_of(archive_delete_prefix));
    left->to_quarantine = strcmp(hidden->tag, archive_quarantine_tag) == 0;
    if (left->to_delete)
        left->stat.ctime_ns = (int64_t)strtoull(hidden->tag + strlen(archive_delete_prefix), NULL, 16);
    else
        archive_join_name(hidden->tag, hidden->name, left->archived);
}

static int open_store(const struct recovery *recovery, const struct archive_left *left, struct error *error)
{
    return archive_open_store(recovery->landing, left->to_quarantine ? "quarantine" : "archive", error);
}

/* A crash between the copy of a bad file to another device and the removal of the file leaves both. */
static bool find_quarantined(const struct recovery *recovery, const struct hidden *hidden, struct archive_left *left,
                             bool *found, struct error *error)
{
    int folder = open_store(recovery, left, error);
    if (folder < 0)
        return false;
    int code = archive_find_quarantined(hidden, folder, left->archived);
    close(folder);
    *found = code == 0;
    return code == 0 || code == ENOENT || code == EEXIST ||
           error_errno(error, ERROR_IO, code, "cannot look for a file of %s in the quarantine", left->feed);
}

static bool ask(const struct recovery *recovery, const struct hidden *hidden, struct archive_left *left, bool *finish,
                struct error *error)
{
    bool found = true;
    *finish = false;
    describe(hidden, left);
    if (left->to_quarantine && !find_quarantined(recovery, hidden, left, &found, error))
        return false;
    return !found || recovery->lookup(recovery->context, left, finish, error);
}

/* What a full disk takes nothing of is not copied to it once more, as far as it goes. */
static bool has_room(const struct recovery *recovery, struct hidden *hidden, const struct archive_left *left,
                     struct error *error)
{
    if (left->to_quarantine || left->stat.size < recovery->too_large)
        return true;
    hidden_leave(hidden);
    return error_set(error, ERROR_FULL, "it waits for room in the archive");
}

static bool finish(struct recovery *recovery, struct hidden *hidden, const struct archive_left *left,
                   struct error *error)
{
    if (!hidden_take_marker(hidden, error)) {
        hidden_leave(hidden);
        return false;
    }
    if (left->to_delete)
        return archive_finish_delete(hidden, error) == ARCHIVE_MOVED;
    if (!has_room(recovery, hidden, left, error))
        return false;
    int folder = open_store(recovery, left, error);
    if (folder < 0) {
        hidden_leave(hidden);
        return false;
    }
    enum archive_result result = left->to_quarantine ? archive_finish_quarantine(hidden, folder, left->archived, error)
                                                     : archive_finish_move(hidden, folder, left->archived, error);
    int code = result == ARCHIVE_MOVED && hidden->shared ? move_sync(folder) : 0;
    close(folder);
    if (result == ARCHIVE_HIDDEN && error->kind == ERROR_FULL && !left->to_quarantine)
        recovery->too_large = left->stat.size;
    return code == 0 ? result == ARCHIVE_MOVED
                     : error_errno(error, ERROR_IO, code, "cannot flush the archive of %s", left->feed);
}

/* Where neither the file nor the ledger can be looked at it stays hidden. */
static bool recover_file(struct recovery *recovery, struct hidden *hidden, struct error *error)
{
    struct archive_left left;
    bool goes_on = false;
    if (!hidden_look(hidden, &goes_on, error) || (goes_on && !ask(recovery, hidden, &left, &goes_on, error))) {
        hidden_leave(hidden);
        return false;
    }
    if (!goes_on)
        return hidden_put_back(hidden, error);
    bool finished = finish(recovery, hidden, &left, error);
    recovery->effort->more = finished && clock_monotonic() >= recovery->effort->until;
    return finished;
}

/* *belongs: the marker is that of a file in sight, which was put back. Another one of its name is the next one, which a
   producer may have only begun. */
static bool find_owner(const struct hidden *hidden, bool *belongs, struct error *error)
{
    struct stat found;
    *belongs = false;
    if (*hidden->name == '\0')
        return true;
    if (fstatat(hidden->landing->fd, hidden->name, &found, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT || error_errno(error, ERROR_IO, errno, "cannot look for the file of its marker");
    struct file_stat seen, read = hidden->stat;
    file_stat_from(&found, &seen);
    read.device = seen.device; /* that of another boot is no other */
    *belongs = file_stat_same(&seen, &read);
    return true;
}

static bool recover_hidden(struct recovery *recovery, struct hidden *hidden, struct error *error)
{
    bool belongs;
    if (hidden->has_file)
        return recover_file(recovery, hidden, error);
    if (!find_owner(hidden, &belongs, error)) {
        hidden_leave(hidden);
        return false;
    }
    return belongs ? hidden_put_back(hidden, error) : hidden_close(hidden, error);
}

/* Whose error it is. */
static bool name_error(const struct hidden *hidden, struct error *error)
{
    char shown[4 * LANDING_NAME_SIZE];
    text_escape(slice_of(hidden->name), shown, sizeof shown);
    return error_wrap(error, "%s/%s", hidden->landing->feed->name, shown);
}

static bool recover_entry(struct recovery *recovery, const struct hidden_folder *folder, const char *inner,
                          struct error *error)
{
    struct hidden hidden;
    bool ours;
    bool done = hidden_find(&hidden, folder, inner, &ours, error) && (!ours || recover_file(recovery, &hidden, error));
    return done || name_error(&hidden, error);
}

/* The rest is dealt with all the same when one fails, and the first failure told. */
static bool recover_files(struct recovery *recovery, const struct hidden_folder *folder, DIR *dir, struct error *error)
{
    bool all = true;
    struct error later;
    errno = 0;
    for (struct dirent *entry; !recovery->effort->more && (entry = readdir(dir)) != NULL; errno = 0)
        all = recover_entry(recovery, folder, entry->d_name, all ? error : &later) && all;
    return errno == 0 || !all
               ? all
               : error_errno(error, ERROR_IO, errno, "cannot list %s/%s", folder->landing->path, folder->name);
}

static bool recover_folder(struct recovery *recovery, struct hidden_folder *folder, struct error *error)
{
    int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    bool all = dir ? recover_files(recovery, folder, dir, error)
                   : error_errno(error, ERROR_IO, errno, "cannot list %s/%s", folder->landing->path, folder->name);
    if (dir)
        closedir(dir);
    else if (fd >= 0)
        close(fd);
    hidden_folder_close(folder);
    int code = move_sync(folder->landing->fd);
    return all && (code == 0 || error_errno(error, ERROR_IO, code, "cannot flush %s", folder->landing->path));
}

static bool recover_one(struct recovery *recovery, const char *name, struct error *error)
{
    struct hidden hidden;
    struct hidden_folder folder;
    bool ours;
    if (!hidden_folder_found(&folder, recovery->landing, name, &ours, error))
        return false;
    if (ours)
        return recover_folder(recovery, &folder, error);
    do {
        if (!hidden_open(&hidden, recovery->landing, name, &ours, error))
            return false;
        if (ours && !recover_hidden(recovery, &hidden, error))
            return name_error(&hidden, error);
    } while (hidden.has_more && !recovery->effort->more);
    return true;
}

static bool recover_all(struct recovery *recovery, DIR *dir, struct error *error)
{
    bool all = true;
    struct dirent *entry;
    struct error later;
    errno = 0;
    while (!recovery->effort->more && (entry = readdir(dir)) != NULL) {
        if (!recover_one(recovery, entry->d_name, all ? error : &later))
            all = false;
        errno = 0;
    }
    if (errno != 0 && all)
        return error_errno(error, ERROR_IO, errno, "cannot list %s", recovery->landing->path);
    return all;
}

bool archive_recover(const struct landing *landing, archive_lookup lookup, void *context, struct archive_effort *effort,
                     struct error *error)
{
    struct recovery recovery = {
        .landing = landing, .lookup = lookup, .context = context, .effort = effort, .too_large = UINT64_MAX};
    effort->more = false;
    int fd = openat(landing->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        (void)error_errno(error, ERROR_IO, errno, "cannot list %s", landing->path);
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool all = recover_all(&recovery, dir, error);
    closedir(dir);
    return all;
}
