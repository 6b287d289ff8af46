#include "feed/sight.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"

enum { NAMES_MAX = 1 << 30 /* bytes of all names in a folder */ };

/* What a file is as far as its marker tells; *number is set to the errno when that cannot be looked at. */
static enum sight_kind look_for_marker(const struct landing *landing, const char *name, int *number)
{
    char marker[LANDING_NAME_SIZE];
    struct stat stat;
    if (!landing_marker(landing, name, marker))
        return SIGHT_TOO_LONG;
    if (fstatat(landing->fd, marker, &stat, AT_SYMLINK_NOFOLLOW) == 0)
        return S_ISREG(stat.st_mode) ? SIGHT_FILE : SIGHT_UNMARKED;
    *number = errno;
    if (errno == ENAMETOOLONG) /* some file systems hold shorter names than others */
        return SIGHT_TOO_LONG;
    return errno == ENOENT ? SIGHT_UNMARKED : SIGHT_ERROR;
}

static enum sight_kind kind_of_failure(int number)
{
    return number == ENOENT ? SIGHT_GONE : SIGHT_ERROR;
}

void sight_look(const struct landing *landing, const char *name, struct sight *sight)
{
    struct stat stat;
    /* In marker mode the marker is asked for first: once it is there, the stat that follows is of the complete file. */
    *sight = (struct sight){.kind = SIGHT_FILE};
    if (landing->feed->ready == FEED_READY_DONE_MARKER)
        sight->kind = look_for_marker(landing, name, &sight->number);
    if (fstatat(landing->fd, name, &stat, AT_SYMLINK_NOFOLLOW) < 0) {
        sight->number = errno;
        sight->kind = kind_of_failure(errno);
    } else if (!S_ISREG(stat.st_mode)) {
        sight->kind = SIGHT_ODD;
    } else {
        file_stat_from(&stat, &sight->stat);
    }
}

void sights_init(struct sights *sights)
{
    *sights = (struct sights){.items = NULL};
    buf_init(&sights->names, NAMES_MAX);
}

void sights_close(struct sights *sights)
{
    free(sights->items);
    buf_close(&sights->names);
    sights_init(sights);
}

static bool make_room(struct sights *sights)
{
    struct sight *items = list_grow(sights->items, sights->count, &sights->capacity, sizeof *items);
    if (items)
        sights->items = items;
    return items;
}

static bool add(struct sights *sights, const struct landing *landing, const char *name)
{
    struct sight sight;
    sight_look(landing, name, &sight);
    if (sight.kind == SIGHT_GONE)
        return true;
    sight.name = sights->names.len;
    buf_put(&sights->names, name, strlen(name) + 1);
    if (sights->names.failed || !make_room(sights))
        return false;
    sights->items[sights->count++] = sight;
    return true;
}

static bool read_names(struct sights *sights, const struct landing *landing, DIR *dir, const atomic_bool *stop,
                       struct error *error)
{
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (!entry && errno != 0)
            return error_errno(error, ERROR_IO, errno, "cannot list %s", landing->path);
        if (!entry)
            return true;
        if (atomic_load_explicit(stop, memory_order_relaxed))
            return error_set(error, ERROR_NONE, "stopped");
        if (!landing_ignores(landing->feed, entry->d_name) && !add(sights, landing, entry->d_name))
            return error_memory(error);
    }
}

/* A descriptor of its own: the folder's is shared between workers, and so would be the place where reading stands. */
static DIR *open_list(const struct landing *landing)
{
    int fd = openat(landing->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir && fd >= 0) {
        int number = errno;
        close(fd);
        errno = number;
    }
    return dir;
}

bool sights_list(struct sights *sights, const struct landing *landing, const atomic_bool *stop, struct error *error)
{
    DIR *dir = open_list(landing);
    if (!dir)
        return error_errno(error, ERROR_IO, errno, "cannot list %s", landing->path);
    bool read = read_names(sights, landing, dir, stop, error);
    closedir(dir);
    return read;
}
