#include "feed/hidden.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "feed/move.h"

enum { FRESH_NAMES_MAX = 10000, TAKES_MAX = 100 };

static const struct slice folder_prefix = {".dropfold-", 10};

static bool failed(int code, const char *what, struct error *error)
{
    return error_errno(error, ERROR_IO, code, "cannot %s", what);
}

/* 0, or an errno: ENOENT when there is none. */
static int look(int folder, const char *name, struct file_stat *stat, bool *regular)
{
    struct stat found = {0};
    int code = fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) < 0 ? errno : 0;
    file_stat_from(&found, stat);
    *regular = S_ISREG(found.st_mode);
    return code;
}

bool hidden_look(const struct hidden *hidden, bool *same, struct error *error)
{
    struct file_stat found;
    bool regular;
    int code = look(hidden->fd, hidden->inner, &found, &regular);
    *same = code == 0 && regular && file_stat_same(&found, &hidden->stat);
    return code == 0 || code == ENOENT || failed(code, "look at it", error);
}

/* Removes the folder when it is empty. What can't be removed now is dealt with later. */
void hidden_leave(struct hidden *hidden)
{
    if (hidden->shared)
        return;
    close(hidden->fd);
    hidden->fd = -1;
    (void)unlinkat(hidden->landing->fd, hidden->folder, AT_REMOVEDIR);
}

/* --- back --- */

/* "replaced-<n>-<name>": what a name loses for want of room it loses at its beginning, so that its ending stays. */
static void fresh_name(const char *name, int number, char out[LANDING_NAME_SIZE])
{
    int used = snprintf(out, LANDING_NAME_SIZE, "replaced-%d-", number);
    size_t room = LANDING_NAME_SIZE - 1 - (size_t)used, len = strlen(name);
    size_t kept = len < room ? len : room;
    memcpy(out + used, name + len - kept, kept + 1);
}

/* Whether both names are of one file: a link without its unlink, cut short by a crash. */
static int find_link(const struct hidden *hidden, bool *linked)
{
    struct file_stat here, there;
    bool regular;
    int code = look(hidden->fd, hidden->inner, &here, &regular);
    if (code == 0)
        code = look(hidden->landing->fd, hidden->name, &there, &regular);
    *linked = code == 0 && here.device == there.device && here.inode == there.inode;
    return code == ENOENT ? 0 : code;
}

/* `out` is the name under which it is back. A name that is taken belongs to a newer file; the hidden one was a complete
   file too, and it alone may hold its rows. */
static int show_file(const struct hidden *hidden, char out[LANDING_NAME_SIZE])
{
    snprintf(out, LANDING_NAME_SIZE, "%s", hidden->name);
    bool linked = false;
    int code = move_noreplace(hidden->fd, hidden->inner, hidden->landing->fd, out);
    int looked = code == EEXIST ? find_link(hidden, &linked) : 0;
    if (looked)
        return looked;
    if (linked)
        return unlinkat(hidden->fd, hidden->inner, 0) < 0 ? errno : 0;
    for (int number = 1; code == EEXIST && number < FRESH_NAMES_MAX; number++) {
        fresh_name(hidden->name, number, out);
        code = move_noreplace(hidden->fd, hidden->inner, hidden->landing->fd, out);
    }
    return code;
}

/* After the file: the other way round the marker would speak of a file that is not there. */
static int show_marker(const struct hidden *hidden, const char *name)
{
    char from[LANDING_NAME_SIZE], to[LANDING_NAME_SIZE];
    bool there = false;
    int code = landing_marker(hidden->landing, hidden->name, from) ? move_find(hidden->fd, from, &there) : 0;
    if (code || !there)
        return code;
    code =
        landing_marker(hidden->landing, name, to) ? move_noreplace(hidden->fd, from, hidden->landing->fd, to) : EEXIST;
    if (code == EEXIST) /* a newer one says it already; or the name is too long for one */
        code = unlinkat(hidden->fd, from, 0) < 0 ? errno : 0;
    return code;
}

bool hidden_put_back(struct hidden *hidden, struct error *error)
{
    char name[LANDING_NAME_SIZE];
    snprintf(name, sizeof name, "%s", hidden->name);
    int code = hidden->has_file ? show_file(hidden, name) : 0;
    if (code == 0)
        code = show_marker(hidden, name);
    hidden_leave(hidden);
    if (code == 0)
        code = move_sync(hidden->landing->fd);
    return code == 0 || failed(code, "put it back", error);
}

/* --- away --- */

/* The marker as it is before the file is taken. */
struct marker {
    bool there;
    char name[LANDING_NAME_SIZE];
    struct file_stat stat;
};

static int find_marker(const struct landing *landing, const char *name, struct marker *marker)
{
    bool regular;
    int code =
        landing_marker(landing, name, marker->name) ? look(landing->fd, marker->name, &marker->stat, &regular) : ENOENT;
    marker->there = code == 0;
    return code == ENOENT ? 0 : code;
}

/*
 * The marker that stood there before the file was taken speaks of that file. One that a producer has put there since
 * speaks of the next file and must stay: look at what was taken, and put a newer one back.
 */
static int take_marker(const struct hidden *hidden, const struct marker *marker)
{
    struct file_stat taken;
    bool regular;
    if (!marker->there)
        return 0;
    if (renameat(hidden->landing->fd, marker->name, hidden->fd, marker->name) < 0)
        return errno == ENOENT ? 0 : errno;
    int code = look(hidden->fd, marker->name, &taken, &regular);
    return code || file_stat_same(&taken, &marker->stat) ? code : show_marker(hidden, hidden->name);
}

/*
 * A marker without a file speaks of the hidden one, unless a producer puts both there right now: the file is there
 * before its marker, so look for it once the marker is taken. Where that fails it goes back, for another try.
 */
static int take_lone_marker(const struct hidden *hidden, const struct marker *marker)
{
    bool there = true;
    if (renameat(hidden->landing->fd, marker->name, hidden->fd, marker->name) < 0)
        return errno == ENOENT ? 0 : errno;
    int code = move_find(hidden->landing->fd, hidden->name, &there);
    int shown = there ? show_marker(hidden, hidden->name) : 0;
    return code ? code : shown;
}

bool hidden_take_marker(struct hidden *hidden, struct error *error)
{
    struct marker marker;
    bool there = false;
    int code = find_marker(hidden->landing, hidden->name, &marker);
    if (code == 0)
        code = move_find(hidden->landing->fd, hidden->name, &there);
    if (code == 0 && marker.there && !there)
        code = take_lone_marker(hidden, &marker);
    return code == 0 || failed(code, "take its marker", error);
}

static enum hidden_result refused(int code, struct error *error)
{
    (void)failed(code, "move it", error);
    return code == EROFS || code == EACCES || code == EPERM ? HIDDEN_REFUSED : HIDDEN_FAILED;
}

/* An earlier try may have left the folder, and even the file in it; or it is that of another name of the file (a hard
   link), for which it may go any moment. One that is made and cannot be opened goes again. */
static int make_folder(const struct landing *landing, const char *name, int *fd)
{
    do {
        if (mkdirat(landing->fd, name, 0700) < 0 && errno != EEXIST)
            return errno;
        *fd = openat(landing->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    } while (*fd < 0 && errno == ENOENT);
    int code = *fd < 0 ? errno : 0;
    if (code)
        (void)unlinkat(landing->fd, name, AT_REMOVEDIR);
    return code;
}

static enum hidden_result keep(struct hidden *hidden)
{
    hidden_leave(hidden);
    return HIDDEN_KEPT;
}

/* What an earlier try hid counts as taken now. */
static enum hidden_result take_file(struct hidden *hidden, struct error *error)
{
    int code = move_away(hidden->landing->fd, hidden->name, hidden->fd, hidden->inner);
    bool before = code == EEXIST;
    int looked = code == ENOENT ? move_find(hidden->fd, hidden->inner, &before) : 0;
    if (looked) {
        (void)failed(looked, "look at it", error);
        return keep(hidden);
    }
    if (code == 0 || before)
        return HIDDEN_TAKEN;
    hidden_leave(hidden);
    return code == ENOENT ? HIDDEN_GONE : refused(code, error);
}

static enum hidden_result take(struct hidden *hidden, struct error *error)
{
    struct marker marker;
    bool same;
    int code = find_marker(hidden->landing, hidden->name, &marker);
    if (code) {
        hidden_leave(hidden);
        return refused(code, error);
    }
    enum hidden_result result = take_file(hidden, error);
    if (result != HIDDEN_TAKEN)
        return result;
    hidden->has_file = true;
    if (!hidden_look(hidden, &same, error))
        return keep(hidden);
    if (!same)
        return hidden_put_back(hidden, error) ? HIDDEN_REPLACED : HIDDEN_KEPT;
    code = take_marker(hidden, &marker);
    if (code == 0)
        return HIDDEN_TAKEN;
    (void)failed(code, "take its marker", error);
    return keep(hidden);
}

static void begin(struct hidden *hidden, const struct landing *landing, const char *name, const struct file_stat *stat,
                  const char *tag)
{
    *hidden = (struct hidden){.landing = landing, .fd = -1, .stat = *stat};
    snprintf(hidden->name, sizeof hidden->name, "%s", name);
    snprintf(hidden->tag, sizeof hidden->tag, "%s", tag);
}

/* What was read, and what is to become of it; the length of that. */
static size_t describe(const struct hidden *hidden, char *out, size_t size)
{
    const struct file_stat *stat = &hidden->stat;
    int length = snprintf(out, size, "%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%s", (uint64_t)stat->device,
                          (uint64_t)stat->inode, stat->size, (uint64_t)stat->mtime_ns, hidden->tag);
    return (size_t)length;
}

enum hidden_result hidden_take(struct hidden *hidden, const struct landing *landing, const char *name,
                               const struct file_stat *stat, const char *tag, struct error *error)
{
    char what[LANDING_NAME_SIZE - 10];
    begin(hidden, landing, name, stat, tag);
    snprintf(hidden->inner, sizeof hidden->inner, "%s", name);
    describe(hidden, what, sizeof what);
    snprintf(hidden->folder, sizeof hidden->folder, "%s%s", folder_prefix.data, what);
    for (int tries = 0; tries < TAKES_MAX; tries++) {
        bool there = false;
        int code = make_folder(landing, hidden->folder, &hidden->fd);
        enum hidden_result result = code ? refused(code, error) : take(hidden, error);
        code = result == HIDDEN_GONE ? move_find(landing->fd, name, &there) : 0;
        if (code)
            return refused(code, error);
        if (!there)
            return result;
    } /* what is gone and is there: the folder went before the file came into it */
    return refused(ENOENT, error);
}

bool hidden_close(struct hidden *hidden, struct error *error)
{
    char marker[LANDING_NAME_SIZE];
    if (landing_marker(hidden->landing, hidden->name, marker))
        (void)unlinkat(hidden->fd, marker, 0);
    hidden_leave(hidden);
    if (hidden->shared || hidden->together)
        return true;
    int code = move_sync(hidden->landing->fd);
    return code == 0 || failed(code, "flush its folder", error);
}

/* --- what a crash left --- */

/* Lower-case digits up to a hyphen, as they were written; *at moves behind it. */
static bool read_hex(const char **at, uint64_t *value)
{
    static const char digits[] = "0123456789abcdef";
    const char *begin = *at, *digit;
    *value = 0;
    while (**at && (digit = strchr(digits, **at)) != NULL && *at - begin < 16) {
        *value = *value << 4 | (uint64_t)(digit - digits);
        (*at)++;
    }
    return *at > begin && *(*at)++ == '-';
}

/* What describe() wrote, but for the device, up to the tag; *at moves behind it. */
static bool read_stat(struct hidden *hidden, const char **at)
{
    uint64_t device, inode, size, mtime;
    if (!read_hex(at, &device) || !read_hex(at, &inode) || !read_hex(at, &size) || !read_hex(at, &mtime))
        return false;
    hidden->stat = (struct file_stat){.inode = inode, .size = size, .mtime_ns = (int64_t)mtime};
    return true;
}

/* The device in the name is that of the boot in which it was made, and the folder need not be on that of its files (an
   overlay). Nothing came into hiding but by a rename, which leaves none: what lies here is on the one that was read. */
static int take_device(struct hidden *hidden)
{
    struct file_stat found;
    bool regular;
    int code = look(hidden->fd, hidden->inner, &found, &regular);
    if (code == 0)
        hidden->stat.device = found.device;
    return code == ENOENT ? 0 : code;
}

static bool parse(struct hidden *hidden, const char *folder)
{
    const char *at = folder;
    if (!slice_starts_with(slice_of(folder), folder_prefix) || strlen(folder) >= sizeof hidden->folder)
        return false;
    at += folder_prefix.len;
    if (!read_stat(hidden, &at) || strlen(at) >= sizeof hidden->tag)
        return false;
    snprintf(hidden->folder, sizeof hidden->folder, "%s", folder);
    snprintf(hidden->tag, sizeof hidden->tag, "%s", at);
    return true;
}

/* A marker's name gives the file's away when that has gone. */
static void note_content(struct hidden *hidden, const char *name)
{
    char marked[LANDING_NAME_SIZE];
    bool marks = landing_marked(hidden->landing, name, marked);
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || (marks && hidden->has_file))
        return;
    snprintf(hidden->name, sizeof hidden->name, "%s", marks ? marked : name);
    if (marks)
        return;
    snprintf(hidden->inner, sizeof hidden->inner, "%s", name);
    hidden->has_more = hidden->has_file;
    hidden->has_file = true;
}

static int read_content(struct hidden *hidden)
{
    int fd = openat(hidden->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int code = errno;
        if (fd >= 0)
            close(fd);
        return code;
    }
    struct dirent *entry;
    errno = 0;
    while ((entry = readdir(dir)) != NULL)
        note_content(hidden, entry->d_name);
    int code = errno;
    closedir(dir);
    return code;
}

bool hidden_open(struct hidden *hidden, const struct landing *landing, const char *folder, bool *ours,
                 struct error *error)
{
    *hidden = (struct hidden){.landing = landing, .fd = -1};
    *ours = parse(hidden, folder);
    if (!*ours)
        return true;
    hidden->fd = openat(landing->fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int code = hidden->fd < 0 ? errno : read_content(hidden);
    *ours = code != ENOTDIR && code != ELOOP;
    if (code == 0)
        code = take_device(hidden);
    if (code == 0 || !*ours)
        return true;
    if (hidden->fd >= 0)
        close(hidden->fd);
    return error_errno(error, ERROR_IO, code, "cannot open %s/%s", landing->path, folder);
}

/* --- many in one folder ------------------------------------------------------------------------------------------- */

static const struct slice shared_prefix = {".dropfold-group-", 16};

int hidden_folder_open(struct hidden_folder *folder, const struct landing *landing, uint64_t number)
{
    *folder = (struct hidden_folder){.landing = landing, .fd = -1};
    snprintf(folder->name, sizeof folder->name, "%s%" PRIx64, shared_prefix.data, number);
    return make_folder(landing, folder->name, &folder->fd);
}

void hidden_folder_close(struct hidden_folder *folder)
{
    close(folder->fd);
    folder->fd = -1;
    (void)unlinkat(folder->landing->fd, folder->name, AT_REMOVEDIR);
}

enum hidden_result hidden_take_into(struct hidden *hidden, const struct hidden_folder *folder, const char *name,
                                    const struct file_stat *stat, const char *tag, struct error *error)
{
    begin(hidden, folder->landing, name, stat, tag);
    hidden->fd = folder->fd;
    hidden->shared = true;
    size_t used = describe(hidden, hidden->inner, sizeof hidden->inner), len = strlen(name);
    if (used + 1 + len >= sizeof hidden->inner) {
        (void)error_set(error, ERROR_USAGE, "the name is too long to be told together with what was read");
        return HIDDEN_FAILED;
    }
    hidden->inner[used] = '-';
    memcpy(hidden->inner + used + 1, name, len + 1);
    return take(hidden, error);
}

bool hidden_folder_found(struct hidden_folder *folder, const struct landing *landing, const char *name, bool *ours,
                         struct error *error)
{
    *folder = (struct hidden_folder){.landing = landing, .fd = -1};
    *ours = slice_starts_with(slice_of(name), shared_prefix) && strlen(name) < sizeof folder->name;
    if (!*ours)
        return true;
    snprintf(folder->name, sizeof folder->name, "%s", name);
    folder->fd = openat(landing->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    *ours = folder->fd >= 0 || (errno != ENOTDIR && errno != ELOOP);
    return folder->fd >= 0 || !*ours || error_errno(error, ERROR_IO, errno, "cannot open %s/%s", landing->path, name);
}

/* "<tag>-<name>", where the tag holds one hyphen. */
static bool parse_inner(struct hidden *hidden, const char *inner)
{
    const char *at = inner;
    if (strlen(inner) >= sizeof hidden->inner || !read_stat(hidden, &at))
        return false;
    const char *first = strchr(at, '-'), *second = first ? strchr(first + 1, '-') : NULL;
    if (!second || (size_t)(second - at) >= sizeof hidden->tag || second[1] == '\0')
        return false;
    snprintf(hidden->tag, sizeof hidden->tag, "%.*s", (int)(second - at), at);
    snprintf(hidden->name, sizeof hidden->name, "%s", second + 1);
    snprintf(hidden->inner, sizeof hidden->inner, "%s", inner);
    return true;
}

bool hidden_find(struct hidden *hidden, const struct hidden_folder *folder, const char *inner, bool *ours,
                 struct error *error)
{
    *hidden = (struct hidden){.landing = folder->landing, .fd = folder->fd, .shared = true, .has_file = true};
    *ours = parse_inner(hidden, inner);
    int code = *ours ? take_device(hidden) : 0;
    return code == 0 || failed(code, "look at it", error);
}
