/*
 * Files that were quarantined and are in no row of the ledger: a crash, or a full disk, came before they were noted. At
 * start they are, as what they lie in the quarantine for. Another pipeline over the same data folder has a ledger of
 * its own, and quarantines its files in the same folders; so a reason says in its second line whose it is, and behind
 * that the name under which the file was dropped, which here may have been cut, or got a number.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/run_internal.h"
#include "app/sources.h"
#include "base/clock.h"
#include "feed/archive.h"
#include "feed/move.h"

enum { PATH_SIZE = LANDING_PATH_SIZE };

/* Older ones wrote "set aside by pipeline". */
static const char reason_end[] = ".reason", by_pipeline[] = " by pipeline ", dropped_as[] = "dropped as ";

/* What stands in a reason. */
struct reason {
    char text[RUN_REASON_SIZE];
    const char *why;
    const char *pipeline; /* NULL: it does not say which */
    const char *name;     /* under which it was dropped */
};

/* Where it lies; `open` from its folder. */
struct bad {
    struct run *run;
    size_t feed;
    int folder;
    const char *name;
    char stored[PATH_SIZE];
};

/* A name that is too long has none. */
static int find_reason(int folder, const char *name, bool *there)
{
    char reason[PATH_SIZE];
    int length = snprintf(reason, sizeof reason, "%s%s", name, reason_end);
    int code = length < (int)sizeof reason ? move_find(folder, reason, there) : ENAMETOOLONG;
    if (code == ENAMETOOLONG)
        *there = false;
    return code == ENAMETOOLONG ? 0 : code;
}

/* A file may be called like a reason. */
static bool look_for_bad(int folder, const char *name, bool *is_bad, struct error *error)
{
    *is_bad = *name != '.';
    if (!*is_bad || !slice_ends_with(slice_of(name), slice_of(reason_end)))
        return true;
    int code = find_reason(folder, name, is_bad);
    return code == 0 || error_errno(error, ERROR_IO, code, "cannot look for its reason");
}

/* A crash may have come between the file's way and that of its reason. */
static bool finish_reason(const struct bad *bad, const struct file_stat *stat, struct error *error)
{
    bool there;
    int code = find_reason(bad->folder, bad->name, &there);
    if (code == 0 && !there)
        code = archive_finish_reason(bad->folder, bad->name, stat);
    return code == 0 || code == ENOENT || error_errno(error, ERROR_IO, code, "cannot put its reason beside it");
}

void run_quarantine_reason(const struct run *run, const char *why, const char *name, char out[RUN_REASON_SIZE])
{
    snprintf(out, RUN_REASON_SIZE, "%s\nquarantined%s%s\n%s%s", why, by_pipeline, run->pipeline->name, dropped_as,
             name);
}

/* The bytes of it; none where there is no such file, or something else under its name. -1: it cannot be read. */
static ssize_t load_reason(const struct bad *bad, char *text, size_t size)
{
    char name[PATH_SIZE];
    snprintf(name, sizeof name, "%s%s", bad->name, reason_end);
    int fd = openat(bad->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT || errno == ELOOP || errno == ENXIO ? 0 : -1;
    ssize_t len = read(fd, text, size);
    int code = errno;
    close(fd);
    errno = code;
    return len < 0 && code == EISDIR ? 0 : len;
}

/* What stands behind the second line, as a name may have lines too. A reason that somebody copied beside another file,
   or an older one, does not say how that was called. */
static const char *read_name(const struct bad *bad, char *rest)
{
    size_t len = rest ? strlen(rest) : 0;
    if (len > 0 && rest[len - 1] == '\n')
        rest[len - 1] = '\0';
    bool says = rest && slice_starts_with(slice_of(rest), slice_of(dropped_as));
    const char *name = says ? rest + strlen(dropped_as) : bad->name;
    return archive_is_quarantine_name(bad->name, name) ? name : bad->name;
}

static bool read_reason(const struct bad *bad, struct reason *reason, struct error *error)
{
    char *line = reason->text;
    ssize_t len = load_reason(bad, line, sizeof reason->text - 1);
    if (len < 0)
        return error_errno(error, ERROR_IO, errno, "cannot read its reason");
    line[len] = '\0';
    (void)strsep(&line, "\n");
    const char *second = line ? strsep(&line, "\n") : "", *by = strstr(second, by_pipeline);
    reason->pipeline = by ? by + strlen(by_pipeline) : NULL;
    reason->why = *reason->text != '\0' ? reason->text : "a crash came before it was written why";
    reason->name = read_name(bad, line);
    return true;
}

static bool is_anothers(const struct bad *bad, const struct reason *reason)
{
    return reason->pipeline && strcmp(reason->pipeline, bad->run->pipeline->name) != 0;
}

static bool note_open(const struct bad *bad, int fd, struct error *error)
{
    struct reason reason;
    struct file_facts facts = {.size = 0};
    struct file_stat stat;
    struct stat found;
    if (fstat(fd, &found) < 0)
        return error_errno(error, ERROR_IO, errno, "cannot look at it");
    if (!S_ISREG(found.st_mode))
        return true;
    file_stat_from(&found, &stat);
    facts.size = stat.size;
    if (!finish_reason(bad, &stat, error) || !read_reason(bad, &reason, error))
        return false;
    if (is_anothers(bad, &reason))
        return true;
    const struct core_file file = {.name = reason.name, .stat = &stat, .facts = &facts};
    return source_hash(fd, &facts.content, error) &&
           core_note_quarantined(&bad->run->core, bad->feed, &file, bad->stored, reason.why, clock_wall(), error);
}

static bool note(const struct bad *bad, struct error *error)
{
    bool known;
    struct stat entry;
    if (!store_has_stored(bad->run->core.store, slice_of(bad->stored), &known, error))
        return false;
    if (known)
        return true;
    if (fstatat(bad->folder, bad->name, &entry, AT_SYMLINK_NOFOLLOW) < 0)
        return error_errno(error, ERROR_IO, errno, "cannot look at it");
    if (!S_ISREG(entry.st_mode)) /* nobody's file; to open a device may do something */
        return true;
    int fd = openat(bad->folder, bad->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return error_errno(error, ERROR_IO, errno, "cannot open it");
    bool ok = note_open(bad, fd, error);
    close(fd);
    return ok;
}

static bool set_name(struct bad *bad, const char *name)
{
    const char *feed = bad->run->pipeline->feeds[bad->feed].name;
    bad->name = name;
    return snprintf(bad->stored, sizeof bad->stored, "quarantine/%s/%s", feed, name) < (int)sizeof bad->stored;
}

static bool note_folder(struct bad *bad, DIR *dir, struct error *error)
{
    errno = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL; errno = 0) {
        struct error why = {0};
        bool is_bad;
        if (set_name(bad, entry->d_name) &&
            (!look_for_bad(bad->folder, entry->d_name, &is_bad, &why) || (is_bad && !note(bad, &why))))
            log_warning(bad->run->log, "%s: cannot be noted in the store: %s", bad->stored, why.text);
    }
    return errno == 0 || error_errno(error, ERROR_IO, errno, "cannot list it");
}

/* *dir is NULL where nothing was quarantined. */
static bool open_folder(struct bad *bad, struct run *run, size_t feed, DIR **dir, struct error *error)
{
    char path[PATH_SIZE];
    *bad = (struct bad){.run = run, .feed = feed};
    int length = snprintf(path, sizeof path, "%s/quarantine/%s", run->settings->data, run->pipeline->feeds[feed].name);
    errno = ENAMETOOLONG;
    *dir = length < (int)sizeof path ? opendir(path) : NULL;
    if (*dir)
        bad->folder = dirfd(*dir);
    return *dir || errno == ENOENT || error_errno(error, ERROR_IO, errno, "cannot list it");
}

void run_quarantine_note(struct run *run)
{
    for (size_t f = 0; f < run->pipeline->feed_count; f++) {
        struct bad bad;
        struct error error = {0};
        DIR *dir;
        if (!open_folder(&bad, run, f, &dir, &error) || (dir && !note_folder(&bad, dir, &error)))
            log_warning(run->log, "what a crash left in quarantine/%s is noted at the next start: %s",
                        run->pipeline->feeds[f].name, error.text);
        if (dir)
            closedir(dir);
    }
}

bool run_quarantine_is_unnoted(struct run *run, size_t feed, const char *name, bool *unnoted, struct error *error)
{
    struct bad bad;
    struct reason reason;
    bool known = true;
    DIR *dir;
    bool ok = open_folder(&bad, run, feed, &dir, error) &&
              (!dir || !set_name(&bad, name) || store_has_stored(run->core.store, slice_of(bad.stored), &known, error));
    if (ok && !known) {
        ok = read_reason(&bad, &reason, error);
        known = ok && is_anothers(&bad, &reason);
    }
    if (dir)
        closedir(dir);
    *unnoted = !known;
    return ok;
}

/* A start notes what it finds there by its own stat, a copy having the time of what it was made of; and under the name
   that it was dropped as or, without its reason, that which it has there. */
static bool find_noted(const struct bad *bad, const struct archive_left *left, bool *noted, struct error *error)
{
    struct store *store = bad->run->core.store;
    struct stat found;
    struct file_stat copy;
    if (fstatat(bad->folder, bad->name, &found, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT || error_errno(error, ERROR_IO, errno, "cannot look at %s", bad->stored);
    file_stat_from(&found, &copy);
    struct file_record file = {.feed = slice_of(left->feed),
                               .name = slice_of(left->name),
                               .size = copy.size,
                               .inode = copy.inode,
                               .mtime_ns = copy.mtime_ns,
                               .ctime_ns = copy.ctime_ns};
    if (copy.mtime_ns != left->stat.mtime_ns)
        return true;
    bool ok = store_knows(store, &file, noted, error);
    file.name = slice_of(bad->name);
    return ok && (*noted || store_knows(store, &file, noted, error));
}

bool run_quarantine_is_noted_copy(struct run *run, size_t feed, const struct archive_left *left, bool *noted,
                                  struct error *error)
{
    struct bad bad;
    DIR *dir;
    *noted = false;
    bool ok = open_folder(&bad, run, feed, &dir, error) &&
              (!dir || !set_name(&bad, left->archived) || find_noted(&bad, left, noted, error));
    if (dir)
        closedir(dir);
    return ok;
}
