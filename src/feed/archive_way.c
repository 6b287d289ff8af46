/* Where a file is that has left its landing folder and not come to the archive: for whoever reads it again
   meanwhile. */
#include "feed/archive_internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

struct search {
    const char *name;
    char tag[64];
    char *path;
    size_t size; /* of the path */
    bool found;
};

static void note(struct search *search, const char *folder, const char *name)
{
    int length = snprintf(search->path, search->size, "%s/%s", folder, name);
    search->found = length > 0 && (size_t)length < search->size;
}

/* Calls `look` for each name in the folder until the file is found. What is no folder, or is gone by now, has none. */
static bool each_name(struct search *search, const char *folder,
                      bool (*look)(struct search *, const char *, const char *, struct error *), struct error *error)
{
    DIR *dir = opendir(folder);
    bool ok = true;
    if (!dir)
        return errno == ENOENT || errno == ENOTDIR || error_errno(error, ERROR_IO, errno, "cannot list %s", folder);
    for (struct dirent *entry; ok && !search->found;) {
        errno = 0;
        entry = readdir(dir);
        if (!entry) {
            ok = errno == 0 || error_errno(error, ERROR_IO, errno, "cannot list %s", folder);
            break;
        }
        ok = look(search, folder, entry->d_name, error);
    }
    closedir(dir);
    return ok;
}

/* "<...>-<tag>-<name>" in a shared folder. */
static bool look_at_file(struct search *search, const char *folder, const char *name, struct error *error)
{
    char end[2 * LANDING_NAME_SIZE];
    (void)error;
    snprintf(end, sizeof end, "-%s-%s", search->tag, search->name);
    if (slice_ends_with(slice_of(name), slice_of(end)))
        note(search, folder, name);
    return true;
}

static bool look_at_folder(struct search *search, const char *landing, const char *name, struct error *error)
{
    char inside[LANDING_PATH_SIZE];
    struct slice folder = slice_of(name);
    int length = snprintf(inside, sizeof inside, "%s/%s", landing, name);
    if (length < 0 || (size_t)length >= sizeof inside)
        return true;
    if (slice_starts_with(folder, SLICE(".dropfold-group-")))
        return each_name(search, inside, look_at_file, error);
    if (slice_starts_with(folder, SLICE(".dropfold-")) && slice_ends_with(folder, slice_of(search->tag)))
        note(search, inside, search->name);
    return true;
}

bool archive_under_way(const struct archive_way *way, char *path, size_t size, bool *found, struct error *error)
{
    struct search search = {.name = way->name, .path = path, .size = size};
    archive_tag(way->archived, search.tag, sizeof search.tag);
    bool ok = each_name(&search, way->landing, look_at_folder, error);
    *found = search.found;
    return ok;
}
