#include "feed/folder_judge.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

enum {
    NANOS_PER_MICRO = 1000,
    SETTLES_MOST =
        60 * 1000 * 1000,    /* microseconds that a single run waits for a file to stand still, and the settle time */
    LOOK_LATE = 1000 * 1000, /* microseconds that a look may come late */
    PAUSE_FIRST = 20 * 1000, /* microseconds before another scan looks for what was missed; each time twice as many, */
    PAUSE_MOST = 1000 * 1000 /* and so many at most */
};

static bool has_markers(const struct folder *folder)
{
    return folder->feed->ready == FEED_READY_DONE_MARKER;
}

static void move(struct folder *folder, struct entry *entry, enum entry_state state)
{
    if (state != ENTRY_DUE && state != ENTRY_SETTLING)
        entry->settles = entry->moved = entry->waited = 0;
    entry_move(&folder->entries, entry, state);
}

/* It does not stand still yet. From one look to the next no more counts than it takes to settle, and LOOK_LATE: this
   process may have been stopped, and that is no time in which somebody wrote. */
static void wait_on(const struct folder *folder, struct entry *entry)
{
    int64_t now = clock_monotonic(), most = folder->feed->settle + LOOK_LATE;
    int64_t since = entry->moved != 0 ? now - entry->moved : 0;
    entry->settles = entry->settles != 0 ? entry->settles : now;
    entry->moved = now;
    entry->waited += since < most ? since : most;
}

/* A log that is written to for ever, maybe. */
static void leave(struct folder *folder, struct entry *entry)
{
    char shown[4 * LANDING_NAME_SIZE];
    text_escape(slice_of(entry->name), shown, sizeof shown);
    log_warning(folder->host->log, "%s/%s is written to again and again: left for another run", folder->feed->name,
                shown);
    folder->left = true;
    move(folder, entry, ENTRY_LATER);
}

/* Begins the settle time anew with this stat. The list stays in order of deadlines: the clock never goes back and every
   file of a feed settles for the same time. */
static void settle(struct folder *folder, struct entry *entry, const struct file_stat *stat)
{
    entry->candidate.stat = *stat;
    entry->known_stat = true;
    wait_on(folder, entry);
    entry->deadline = entry->moved + folder->feed->settle;
    if (folder->host->once && entry->moved - entry->settles > SETTLES_MOST + folder->feed->settle)
        leave(folder, entry);
    else
        move(folder, entry, ENTRY_SETTLING);
}

static void ready(struct folder *folder, struct entry *entry, const struct file_stat *stat)
{
    entry->candidate.stat = *stat;
    entry->renamed_in = false;
    entry->known_stat = false;
    move(folder, entry, ENTRY_READY);
}

static void warn(const struct folder *folder, const struct entry *entry, const struct sight *sight)
{
    char shown[4 * LANDING_NAME_SIZE];
    text_escape(slice_of(entry->name), shown, sizeof shown);
    if (sight->kind == SIGHT_ERROR)
        log_warning(folder->host->log, "%s/%s cannot be looked at: %s", folder->feed->name, shown,
                    strerror(sight->number));
    else if (sight->kind == SIGHT_TOO_LONG)
        log_warning(folder->host->log, "%s/%s: its name is too long for a marker (NAME.done): skipped",
                    folder->feed->name, shown);
    else
        log_warning(folder->host->log, "%s/%s is not a regular file: skipped", folder->feed->name, shown);
}

/* Says so once: it stays known as odd until it goes away or becomes a file. */
static void odd(struct folder *folder, struct entry *entry, const struct sight *sight)
{
    if (entry->state != ENTRY_ODD || entry->unseen != 0)
        warn(folder, entry, sight);
    entry->was_done = entry->known_stat = entry->renamed_in = entry->looked_for = false;
    entry->unseen = 0;
    move(folder, entry, ENTRY_ODD);
}

/* --- missed --- */

void folder_judge_missed(struct folder *folder, int64_t *since)
{
    int64_t now = clock_monotonic();
    folder->missed = true;
    *since = *since != 0 ? *since : now;
    if (now - *since >= folder->host->patience)
        return;
    folder->gap = folder->stays = true;
    if (folder->retry != 0)
        return;
    folder->pause = folder->pause != 0 ? folder->pause : PAUSE_FIRST;
    folder->retry = now + folder->pause;
    folder->pause = 2 * folder->pause < PAUSE_MOST ? 2 * folder->pause : PAUSE_MOST;
}

/* What is at rest stays what it was, as far as it is known. Where it is not allowed to look nothing will change by
   itself, so nothing waits for it. */
static void unseen(struct folder *folder, struct entry *entry, const struct sight *sight)
{
    if (entry->unseen == 0)
        warn(folder, entry, sight);
    if (sight->number == EACCES || sight->number == EPERM) {
        folder->missed = true;
        entry->unseen = clock_monotonic();
    } else {
        folder_judge_missed(folder, &entry->unseen);
    }
    entry->looked_for = entry->looked_for || entry->state == ENTRY_LOOKING;
    if (entry->state == ENTRY_LOOKING || entry->state == ENTRY_DUE)
        move(folder, entry, ENTRY_ODD);
}

static void found(struct entry *entry)
{
    entry->unseen = 0;
    entry->looked_for = false;
}

/* --- heard --- */

static struct entry *find_or_add(struct folder *folder, const char *name)
{
    struct entry *entry = entries_find(&folder->entries, name);
    if (!entry)
        entry = entries_add(&folder->entries, name);
    if (!entry) {
        if (folder->unsure == 0)
            log_warning(folder->host->log, "out of memory: files of %s wait for another scan", folder->feed->name);
        folder_judge_missed(folder, &folder->unsure);
    } else {
        entry->seen = folder->scan;
    }
    return entry;
}

void folder_heard(struct folder *folder, const char *name, bool renamed)
{
    char marked[LANDING_NAME_SIZE];
    if (landing_marked(&folder->held->landing, name, marked))
        name = marked;
    if (landing_ignores(folder->held->landing.feed, name))
        return;
    struct entry *entry = find_or_add(folder, name);
    if (!entry)
        return;
    entry->touched = true;
    entry->renamed_in = renamed;
    entry->known_stat = false;
    if (entry->state == ENTRY_OUT || entry->state == ENTRY_LOOKING)
        return;
    entry->was_done = entry->was_done || entry->state == ENTRY_DONE;
    entry->touched = false;
    if (entry->state != ENTRY_DUE) /* else it keeps its place before those that were heard of later */
        move(folder, entry, ENTRY_DUE);
}

/* --- looked at --- */

static void judge_file(struct folder *folder, struct entry *entry, const struct file_stat *stat)
{
    bool same = file_stat_equal(&entry->candidate.stat, stat);
    if (entry->was_done && same) {
        /* Opened for writing and closed without a byte, or an event that came late. */
        entry->was_done = entry->distrusted = false;
        move(folder, entry, ENTRY_DONE);
        return;
    }
    entry->was_done = false;
    bool at_once = (entry->renamed_in || has_markers(folder)) && !entry->distrusted;
    if (at_once || (entry->known_stat && same))
        ready(folder, entry, stat);
    else
        settle(folder, entry, stat);
}

/* Away from LOOKING first: what a job has is never removed. */
static void forget(struct folder *folder, struct entry *entry)
{
    move(folder, entry, ENTRY_DUE);
    entries_remove(&folder->entries, entry);
}

void folder_judge_look(struct folder *folder, struct entry *entry, const struct sight *sight)
{
    bool touched = entry->touched;
    entry->touched = false;
    if (touched || (!sight && !folder->lost)) {
        /* Heard of while the worker looked: it may have looked before that. */
        if (entry->moved != 0)
            wait_on(folder, entry);
        move(folder, entry, ENTRY_DUE);
    } else if (!sight || sight->kind == SIGHT_GONE || sight->kind == SIGHT_UNMARKED) {
        forget(folder, entry);
    } else if (sight->kind == SIGHT_FILE) {
        found(entry);
        judge_file(folder, entry, &sight->stat);
    } else if (sight->kind == SIGHT_ERROR) {
        unseen(folder, entry, sight);
    } else {
        odd(folder, entry, sight);
    }
}

/* --- scanned --- */

/* By the wall clock, because it is asked of files that nobody has watched so far: once all were found, what is being
   written now may bear the time of a server whose clock is behind. A time in the future says nothing. */
static bool is_old(const struct folder *folder, const struct file_stat *stat)
{
    int64_t limit = (clock_wall() - folder->feed->settle) * NANOS_PER_MICRO;
    return !folder->complete && stat->mtime_ns <= limit;
}

/* A file that was not there before, or is another one than was dealt with. */
static void judge_new(struct folder *folder, struct entry *entry, const struct file_stat *stat)
{
    const struct folder_host *host = folder->host;
    entry->distrusted = false;
    if (host->known(host->context, &folder->held->landing, entry->name, stat)) {
        entry->candidate.stat = *stat;
        move(folder, entry, ENTRY_DONE);
    } else if (has_markers(folder) || is_old(folder, stat)) {
        ready(folder, entry, stat);
    } else {
        settle(folder, entry, stat);
    }
}

static void judge_later(struct folder *folder, struct entry *entry, const struct file_stat *stat)
{
    if (folder->host->once)
        return;
    if (file_stat_equal(&entry->candidate.stat, stat))
        ready(folder, entry, stat);
    else
        settle(folder, entry, stat);
}

static bool is_at_rest(const struct entry *entry)
{
    return entry->state == ENTRY_LATER || entry->state == ENTRY_DONE || entry->state == ENTRY_ODD;
}

/* A scan's stat may be older than what looks and events have told since; it decides only where they have said
   nothing. */
static void judge_known(struct folder *folder, struct entry *entry, const struct file_stat *stat)
{
    bool looked_for = entry->looked_for;
    if (!is_at_rest(entry))
        return;
    found(entry);
    if (entry->state == ENTRY_LATER)
        judge_later(folder, entry, stat);
    else if (looked_for)
        judge_file(folder, entry, stat);
    else if (entry->state == ENTRY_ODD ||
             (entry->state == ENTRY_DONE && !file_stat_equal(&entry->candidate.stat, stat)))
        judge_new(folder, entry, stat);
}

static void judge_sight(struct folder *folder, const char *name, const struct sight *sight)
{
    struct entry *entry = entries_find(&folder->entries, name);
    bool new = !entry;
    folder->unmarked += sight->kind == SIGHT_UNMARKED || sight->kind == SIGHT_TOO_LONG;
    if (sight->kind == SIGHT_UNMARKED) /* what is known of it is swept */
        return;
    entry = find_or_add(folder, name);
    if (!entry)
        return;
    if (sight->kind == SIGHT_FILE && new)
        judge_new(folder, entry, &sight->stat);
    else if (sight->kind == SIGHT_FILE)
        judge_known(folder, entry, &sight->stat);
    else if (sight->kind == SIGHT_ERROR && (new || is_at_rest(entry)))
        unseen(folder, entry, sight);
    else if (new || is_at_rest(entry))
        odd(folder, entry, sight);
}

/* Forgets the files of a state that no scan since the one numbered `keep` has found. */
static void sweep_list(struct folder *folder, enum entry_state state, uint64_t keep)
{
    struct entry *next;
    for (struct entry *entry = folder->entries.lists[state].first; entry; entry = next) {
        next = entry->after;
        if (entry->seen < keep)
            entries_remove(&folder->entries, entry);
    }
}

static void sweep(struct folder *folder, uint64_t keep)
{
    for (enum entry_state state = 0; state < ENTRY_STATES; state++)
        if (state != ENTRY_OUT && state != ENTRY_LOOKING)
            sweep_list(folder, state, keep);
}

/* What this scan did not find and nobody has heard of since it began is not there any more. */
void folder_judge_scan(struct folder *folder, const struct sights *sights)
{
    folder->unmarked = 0;
    for (size_t i = 0; i < sights->count; i++)
        judge_sight(folder, sights->names.data + sights->items[i].name, &sights->items[i]);
    sweep(folder, folder->scan);
}

void folder_judge_abandon(struct folder *folder)
{
    sweep(folder, UINT64_MAX);
}

/* --- returned --- */

void folder_judge_return(struct folder *folder, struct entry *entry, enum watch_outcome outcome)
{
    /*
     * An event that came while it was out speaks of another version of it: one that the producer put there, or one that
     * archiving found in its place and put back. The second also arrives by a rename although the producer may still be
     * writing it, so both have to settle. One for later may have been put back too, by who could not move it: tried
     * again at once for its own event it would go round and round.
     */
    bool again = (entry->touched && outcome != WATCH_LATER) || outcome == WATCH_SETTLE;
    entry->was_done = again && outcome == WATCH_DONE;
    entry->distrusted = again;
    entry->renamed_in = entry->known_stat = entry->touched = false;
    /* A scan that is running may have passed by while archiving had the file under another name. */
    entry->seen = folder->scan;
    if (again)
        move(folder, entry, ENTRY_DUE);
    else
        move(folder, entry, outcome == WATCH_DONE ? ENTRY_DONE : ENTRY_LATER);
}
