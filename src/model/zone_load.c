/* The system's database of time zones: a file each, below one folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "model/doc.h"
#include "model/zone.h"

enum {
    FILE_MAX = 64 * 1024, /* bytes: today's have less than 4,000 */
    PATH_SIZE = 4096,
    NAMES_MAX = 512 /* of a folder that are looked at for a near one */
};

static const char *folder(void)
{
    const char *named = getenv("TZDIR");
    return named && *named ? named : "/usr/share/zoneinfo";
}

/* Names of the database and of nothing else: no way leads out of the folder. */
static bool is_name(const char *name)
{
    size_t len = strlen(name);
    bool begins = true;
    for (const char *c = name; *c; c++) {
        bool letter = text_is_letter(*c);
        bool other = text_is_digit(*c) || *c == '_' || *c == '-' || *c == '+';
        if (!letter && (begins || !other) && (begins || *c != '/'))
            return false;
        begins = *c == '/';
    }
    return len > 0 && len <= ZONE_NAME_MAX && !begins;
}

/* The name in the same folder that is nearest, as "; did you mean ...", or nothing. Returns out. */
static const char *hint(const char *path, const char *name, char *out, size_t size)
{
    static const char empty[] = "";
    char names[NAMES_MAX][ZONE_NAME_MAX];
    const char *list[NAMES_MAX];
    const char *slash = strrchr(path, '/'), *last = strrchr(name, '/');
    char parent[PATH_SIZE];
    size_t count = 0;
    snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
    DIR *dir = opendir(parent);
    const struct dirent *entry;
    while (dir && count < NAMES_MAX && (entry = readdir(dir))) {
        size_t len = strlen(entry->d_name);
        if (len >= ZONE_NAME_MAX || !is_name(entry->d_name))
            continue;
        memcpy(names[count], entry->d_name, len + 1);
        list[count] = names[count];
        count++;
    }
    if (dir)
        closedir(dir);
    size_t region = last ? (size_t)(last + 1 - name) : 0;
    const char *nearest = text_nearest(slice_of(name + region), list, count);
    if (!nearest)
        return empty;
    snprintf(out, size, "; did you mean \"%.*s%s\"?", (int)region, name, nearest);
    return out;
}

static bool fail_open(const char *path, const char *name, int number, struct error *error)
{
    char near[3 * ZONE_NAME_MAX];
    if (number != ENOENT && number != ENOTDIR)
        return error_errno(error, ERROR_CONFIG, number, "%s", path);
    if (access(folder(), X_OK) != 0)
        return error_set(
            error, ERROR_CONFIG,
            "no time zones are installed here: there is no folder %s (Debian has them in the package tzdata)",
            folder());
    return error_set(error, ERROR_CONFIG, "no time zone \"%s\" in %s%s", name, folder(),
                     hint(path, name, near, sizeof near));
}

bool zone_load(const char *name, struct arena *arena, struct zone *zone, struct error *error)
{
    char path[PATH_SIZE], data[FILE_MAX];
    if (!is_name(name))
        return error_set(error, ERROR_CONFIG, "\"%s\" is no name of a time zone", name);
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder(), name) >= sizeof path)
        return error_set(error, ERROR_CONFIG, "the path of \"%s\" is too long", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail_open(path, name, errno, error);
    ptrdiff_t len = doc_read_all(fd, data, FILE_MAX);
    int number = errno;
    close(fd);
    if (len < 0)
        return error_errno(error, ERROR_CONFIG, number, "%s", path);
    return zone_read((struct slice){data, (size_t)len}, arena, zone, error) || error_wrap(error, "%s", path);
}
