#include "app/retry_whole.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "app/sources.h"
#include "base/text.h"
#include "feed/landing.h"
#include "feed/move.h"

enum { SHOWN_PATH = 1024 /* bytes of an escaped path, cut beyond */, MARKER_MODE = 0644 };

/* --- which file --------------------------------------------------------------------------------------------------- */

struct search {
    struct slice which;
    const char *data;
    struct arena *texts;
    struct file_record file; /* the newest that is meant */
    bool found, there, failed;
    bool exact;          /* it is the one that lies under the path that was given */
    struct error *error; /* of a look that failed */
};

static bool is_meant(const struct search *search, const struct file_record *file)
{
    struct slice which = search->which;
    if (slice_equal(which, file->name) || slice_ends_path(which, file->stored) || slice_ends_path(file->stored, which))
        return true;
    if (!slice_ends_path(which, file->name) || which.len == file->name.len)
        return false;
    return slice_ends_path((struct slice){which.data, which.len - file->name.len - 1}, file->feed);
}

/* One that was put back or removed since is meant only where no other is. */
static bool look_for(struct search *search, const struct file_record *file, bool *there)
{
    char path[SOURCE_PATH_SIZE];
    snprintf(path, sizeof path, "%s/%.*s", search->data, (int)file->stored.len, file->stored.data);
    int code = move_find(AT_FDCWD, path, there);
    if (code)
        search->failed = !error_errno(search->error, ERROR_IO, code, "cannot look at %s", path);
    return code == 0;
}

/* The whole path of one is also what others of its feed and name end in, which lie beside it under a number. */
static bool look_at(void *context, const struct file_record *file)
{
    struct search *search = context;
    bool there, exact = slice_ends_path(search->which, file->stored);
    if (file->state != FILE_QUARANTINED || file->stored.len == 0 || !is_meant(search, file) ||
        (search->exact && !exact))
        return true;
    if (!look_for(search, file, &there))
        return false;
    if (search->exact == exact && search->there && !there)
        return true;
    search->found = true;
    search->exact = exact;
    search->there = there;
    search->file = *file;
    arena_reset(search->texts); /* of the one before */
    search->file.feed = arena_copy(search->texts, file->feed);
    search->file.name = arena_copy(search->texts, file->name);
    search->file.stored = arena_copy(search->texts, file->stored);
    if (!search->file.feed.data || !search->file.name.data || !search->file.stored.data)
        search->failed = !error_memory(search->error);
    return !search->failed;
}

/* --- the move ----------------------------------------------------------------------------------------------------- */

/* A file in quarantine and where it goes. */
struct whole {
    const struct file_record *file;
    struct landing landing;
    char name[LANDING_NAME_SIZE];
    char path[SOURCE_PATH_SIZE]; /* where it is */
};

static bool make_marker(const struct whole *whole, struct error *error)
{
    char marker[LANDING_NAME_SIZE];
    if (!landing_marker(&whole->landing, whole->name, marker))
        return true;
    int fd = openat(whole->landing.fd, marker, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, MARKER_MODE);
    if (fd < 0)
        return error_errno(error, ERROR_IO, errno, "cannot make %s/%s", whole->landing.path, marker);
    close(fd);
    return true;
}

static bool refuse_move(const struct whole *whole, int code, struct error *error)
{
    char shown[SHOWN_PATH];
    if (code == EEXIST)
        return error_set(error, ERROR_DATA, "%s/%s is there already, with another content: move it away first",
                         whole->landing.path, text_escape(whole->file->name, shown, sizeof shown));
    return error_errno(error, code == ENOENT || code == ESTALE ? ERROR_DATA : ERROR_IO, code, "cannot move %s to %s",
                       text_escape(slice_of(whole->path), shown, sizeof shown), whole->landing.path);
}

static void remove_reason(const struct whole *whole)
{
    char reason[SOURCE_PATH_SIZE + sizeof ".reason"];
    snprintf(reason, sizeof reason, "%s.reason", whole->path);
    (void)unlink(reason); /* left behind it does no harm */
}

static bool move_back(struct whole *whole, struct error *error)
{
    struct stat found;
    struct file_stat stat;
    if (lstat(whole->path, &found) != 0)
        return refuse_move(whole, errno, error);
    file_stat_from(&found, &stat);
    int code = move_into(AT_FDCWD, whole->path, &stat, whole->landing.fd, whole->name);
    if (code == 0)
        code = move_sync(whole->landing.fd);
    if (code != 0)
        return refuse_move(whole, code, error);
    remove_reason(whole);
    return make_marker(whole, error);
}

static bool open_whole(struct whole *whole, struct core *core, const struct settings *settings, struct error *error)
{
    char shown[SHOWN_PATH];
    struct error why = {0};
    const struct source source = {.recorded = true, .content = whole->file->content};
    const struct feed *feed = pipeline_feed(core->pipeline, whole->file->feed);
    if (!feed)
        return error_set(error, ERROR_CONFIG, "the pipeline has no feed of %s",
                         text_escape(whole->file->stored, shown, sizeof shown));
    snprintf(whole->name, sizeof whole->name, "%.*s", (int)whole->file->name.len, whole->file->name.data);
    snprintf(whole->path, sizeof whole->path, "%s/%.*s", settings->data, (int)whole->file->stored.len,
             whole->file->stored.data);
    if (!source_same(&source, whole->path, &why))
        return error_set(error, why.kind, "%s cannot be put back: %s; one that was mended is dropped into %s/%s",
                         text_escape(slice_of(whole->path), shown, sizeof shown), why.text, settings->data, feed->name);
    return landing_open(&whole->landing, settings->data, feed, (size_t)(feed - core->pipeline->feeds), false, error);
}

static bool put_back(struct core *core, const struct retry_how *how, const struct file_record *file, struct buf *out,
                     struct error *error)
{
    char shown[SHOWN_PATH], name[SHOWN_PATH];
    struct whole whole = {.file = file};
    if (!open_whole(&whole, core, how->settings, error))
        return false;
    bool ok = how->look || move_back(&whole, error);
    if (ok)
        buf_printf(out, "%s %s/%s from %s: it is read anew\n", how->look ? "would put back" : "put back",
                   whole.landing.feed->name, text_escape(file->name, name, sizeof name),
                   text_escape(slice_of(whole.path), shown, sizeof shown));
    landing_close(&whole.landing);
    return ok;
}

bool retry_whole(struct core *core, const struct retry_how *how, const char *which, bool *found, struct buf *out,
                 struct error *error)
{
    struct arena texts;
    arena_init(&texts, STORE_TEXTS_MAX);
    struct search search = {.which = slice_of(which), .data = how->settings->data, .texts = &texts, .error = error};
    bool ok = store_each_file(core->store, look_at, &search, error) && !search.failed;
    *found = search.found;
    if (ok && search.found)
        ok = put_back(core, how, &search.file, out, error);
    arena_close(&texts);
    return ok;
}
