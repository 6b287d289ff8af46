/*
 * The jobs of a folder and what holds it open. folder_judge.c says what their findings mean for its files.
 */
#include "feed/folder.h"

#include <assert.h>
#include <stdlib.h>

#include "feed/folder_judge.h"

/* --- who holds it open --- */

static struct folder_held *hold(struct folder_held *held)
{
    held->users++;
    return held;
}

static void enlist(struct folder_host *host, struct folder_held *held)
{
    held->next = host->held;
    host->held = held;
}

static void strike(struct folder_host *host, const struct folder_held *held)
{
    struct folder_held **slot = &host->held;
    while (*slot && *slot != held)
        slot = &(*slot)->next;
    if (*slot)
        *slot = held->next;
}

static void let_go(struct folder_host *host, struct folder_held *held)
{
    held->users--;
    if (held->users == 1 && held->lost)
        landing_unlock(&held->landing);
    if (held->users > 0)
        return;
    strike(host, held);
    landing_close(&held->landing);
    free(held);
}

/* Not enlisted yet: that is the loop's. Of a folder that is locked *device and *inode say which it is. */
static struct folder_held *open_held(const struct folder *folder, dev_t *device, ino_t *inode, struct error *error)
{
    struct folder_held *held = calloc(1, sizeof *held);
    if (!held) {
        (void)error_memory(error);
        return NULL;
    }
    if (!landing_open(&held->landing, folder->host->data, folder->feed, folder->index, true, error)) {
        *device = held->landing.device;
        *inode = held->landing.inode;
        free(held);
        return NULL;
    }
    held->users = 1;
    return held;
}

/* Of what is not as it should be with a folder that was just opened. */
static void warn_of_limits(const struct folder *folder)
{
    const struct landing *landing = &folder->held->landing;
    if (!landing->locked)
        log_warning(folder->host->log, "%s: its file system knows no locks: nothing keeps a second dropfold out",
                    landing->path);
    if (folder->feed->after == FEED_LEAVE)
        return;
    if (!landing->writable)
        log_warning(folder->host->log, "%s cannot be written: its files are read and left there", landing->path);
    else if (landing->sticky)
        log_warning(folder->host->log, "%s is sticky: files of other users are read and left there", landing->path);
}

bool folder_open(struct folder *folder, struct folder_host *host, const struct feed *feed, size_t index,
                 struct error *error)
{
    *folder = (struct folder){.host = host, .feed = feed, .index = index, .watch = -1, .wanted = true, .gap = true};
    dev_t device;
    ino_t inode;
    folder->held = open_held(folder, &device, &inode, error);
    if (!folder->held)
        return false;
    enlist(host, folder->held);
    entries_init(&folder->entries, feed->name, host->log);
    sights_init(&folder->scan_job.sights);
    warn_of_limits(folder);
    return true;
}

void folder_close(struct folder *folder)
{
    assert(!folder->scan_job.running && !folder->look_job.running);
    entries_close(&folder->entries);
    sights_close(&folder->scan_job.sights);
    let_go(folder->host, folder->held);
}

/* --- scans --- */

/* On a worker. Where it cannot be looked where the path leads the folder stays what it is, with its lock. */
static void scan(uv_work_t *work)
{
    struct scan_job *job = CONTAINER_OF(work, struct scan_job, work);
    struct folder *folder = CONTAINER_OF(job, struct folder, scan_job);
    bool current;
    if (!landing_current(&job->held->landing, &current, &job->error)) {
        job->outcome = SCAN_FAILED;
    } else if (current) {
        job->outcome = SCAN_LOST;
        job->device = job->held->landing.device;
        job->inode = job->held->landing.inode;
        if (job->held->lost && !landing_lock(&job->held->landing, &job->error))
            return;
        bool listed = sights_list(&job->sights, &job->held->landing, &folder->host->stopping, &job->error);
        job->outcome = listed ? SCAN_LISTED : SCAN_FAILED;
    } else {
        job->opened = open_held(folder, &job->device, &job->inode, &job->error);
        job->outcome = job->opened ? SCAN_OPENED : SCAN_LOST;
    }
}

static void forget_watch(struct folder *folder)
{
    if (folder->watch < 0)
        return;
    notify_remove(folder->host->notify, folder->watch);
    folder->watch = -1;
}

/* The files that were known belong to the folder that was there before. Its watch goes too: events of a folder that was
   moved away would be taken for events of this one. */
static void abandon(struct folder *folder)
{
    forget_watch(folder);
    folder_judge_abandon(folder);
}

static void opened(struct folder *folder, struct folder_held *held)
{
    log_info(folder->host->log, "%s leads to another folder than before: watching that one", held->landing.path);
    abandon(folder);
    enlist(folder->host, held);
    folder->held->lost =
        false; /* whose it is from now on are files that are out: until they are back it stays locked */
    let_go(folder->host, folder->held);
    folder->held = held;
    folder->lost = folder->unsaid = false;
    folder->unready = folder->gap = true;
    warn_of_limits(folder);
    folder->host->opened(folder->host->context, folder->index);
}

/* The feed of this process that has the folder which the job found to be locked; NULL when it is another process. */
static const struct feed *find_holder(const struct folder *folder, const struct scan_job *job)
{
    const struct folder_held *held = job->error.kind == ERROR_LOCKED ? folder->host->held : NULL;
    while (held && (held == folder->held || held->landing.device != job->device || held->landing.inode != job->inode))
        held = held->next;
    return held ? held->landing.feed : NULL;
}

static void warn_of_loss(struct folder *folder, struct scan_job *job)
{
    const struct feed *holder = find_holder(folder, job);
    if (holder)
        error_set(&job->error, ERROR_LOCKED, "%s leads to the folder that %s has: each feed needs one of its own",
                  folder->held->landing.path, holder->name);
    log_warning(folder->host->log, "%s; looking for it at each rescan", job->error.text);
}

static void lost(struct folder *folder, struct scan_job *job)
{
    bool waits = job->error.kind == ERROR_LOCKED && !folder->lost && !folder->host->once;
    if (!waits && (!folder->lost || folder->unsaid))
        warn_of_loss(folder, job);
    folder->held->lost = true; /* and unlocked when the job lets it go, if no file of it is out */
    folder->unsaid = waits;
    folder->lost = true;
    folder->missed = true;
    folder->seen = true;
    folder->gap = false; /* nothing of it is known that could be handed out */
    abandon(folder);
}

static void listed(struct folder *folder, const struct sights *sights)
{
    if (folder->failed || (folder->lost && !folder->unsaid))
        log_info(folder->host->log, "%s can be read again", folder->held->landing.path);
    /* It was moved away and back: this scan ran without a watch, the next one adds it first. */
    folder->wanted = folder->wanted || folder->lost;
    folder->held->lost = folder->unsaid = false;
    folder->failed = folder->lost = false;
    folder->seen = true;
    folder->listed++;
    folder_judge_scan(folder, sights);
    folder->gap = folder->stays;
    if (folder->gap)
        return;
    folder->complete = true;
    folder->unsure = folder->retry = folder->pause = 0;
}

static void scan_failed(struct folder *folder, const struct error *error)
{
    if (!folder->failed)
        log_warning(folder->host->log, "%s; trying again at each rescan", error->text);
    folder->failed = true;
    folder->seen = true;
    folder_judge_missed(folder, &folder->unsure);
    folder->gap = folder->stays;
}

static void scan_answer(struct folder *folder, struct scan_job *job)
{
    struct folder_held *found = job->opened;
    job->opened = NULL;
    switch (job->outcome) {
    case SCAN_LISTED:
        listed(folder, &job->sights);
        break;
    case SCAN_OPENED:
        opened(folder, found);
        break;
    case SCAN_LOST:
        lost(folder, job);
        break;
    case SCAN_FAILED:
        scan_failed(folder, &job->error);
        break;
    }
}

static void scanned(uv_work_t *work, int status)
{
    struct scan_job *job = CONTAINER_OF(work, struct scan_job, work);
    struct folder *folder = CONTAINER_OF(job, struct folder, scan_job);
    struct folder_host *host = folder->host;
    bool stopping = atomic_load(&host->stopping);
    job->running = false;
    host->jobs--;
    if (status == 0 && !stopping)
        scan_answer(folder, job);
    else if (job->opened)
        let_go(host, job->opened);
    let_go(host, job->held);
    sights_close(&job->sights);
    host->changed(host);
}

/* The watch is added before the folder is listed: a file that comes in between is seen by both, never by neither. */
static void add_watch(struct folder *folder)
{
    struct folder_host *host = folder->host;
    struct error error;
    if (!host->notify || folder->watch >= 0)
        return;
    folder->watch = notify_add(host->notify, folder->held->landing.fd, folder->held->landing.path, &error);
    if (folder->watch < 0 && !host->watch_warned) {
        log_warning(host->log, "%s; files are found by rescans only", error.text);
        host->watch_warned = true;
    }
}

static void start_scan(struct folder *folder)
{
    struct scan_job *job = &folder->scan_job;
    folder->wanted = folder->missed = folder->stays = false;
    folder->retry = 0;
    folder->scan++;
    if (!folder->lost)
        add_watch(folder);
    job->running = true;
    job->opened = NULL;
    job->error.kind = ERROR_NONE;
    job->held = hold(folder->held);
    folder->host->jobs++;
    uv_queue_work(folder->host->loop, &job->work, scan, scanned);
}

/* --- looks --- */

/* On a worker. */
static void look(uv_work_t *work)
{
    struct look_job *job = CONTAINER_OF(work, struct look_job, work);
    for (size_t i = 0; i < job->count; i++)
        sight_look(&job->held->landing, job->entries[i]->name, &job->sights[i]);
}

static void looked(uv_work_t *work, int status)
{
    struct look_job *job = CONTAINER_OF(work, struct look_job, work);
    struct folder *folder = CONTAINER_OF(job, struct folder, look_job);
    struct folder_host *host = folder->host;
    /* What was seen in the folder that was there before says nothing about this one. */
    bool valid = job->held == folder->held && !folder->lost;
    job->running = false;
    host->jobs--;
    if (status == 0 && !atomic_load(&host->stopping))
        for (size_t i = 0; i < job->count; i++)
            folder_judge_look(folder, job->entries[i], valid ? &job->sights[i] : NULL);
    let_go(host, job->held);
    host->changed(host);
}

static void start_look(struct folder *folder)
{
    struct look_job *job = &folder->look_job;
    struct entry *entry;
    job->count = 0;
    while (job->count < FOLDER_LOOKS_MAX && (entry = folder->entries.lists[ENTRY_DUE].first) != NULL) {
        entry_move(&folder->entries, entry, ENTRY_LOOKING);
        job->entries[job->count++] = entry;
    }
    job->running = true;
    job->held = hold(folder->held);
    folder->host->jobs++;
    uv_queue_work(folder->host->loop, &job->work, look, looked);
}

/* --- both --- */

void folder_work(struct folder *folder, int64_t now)
{
    struct entry_list *settling = &folder->entries.lists[ENTRY_SETTLING];
    while (settling->first && settling->first->deadline <= now)
        entry_move(&folder->entries, settling->first, ENTRY_DUE);
    if (folder->retry != 0 && folder->retry <= now) {
        folder->retry = 0;
        folder->wanted = true;
    }
    if (folder->wanted && !folder->unready && !folder->scan_job.running)
        start_scan(folder);
    if (folder->entries.lists[ENTRY_DUE].count > 0 && !folder->look_job.running)
        start_look(folder);
}

void folder_cancel(struct folder *folder)
{
    if (folder->scan_job.running)
        (void)uv_cancel((uv_req_t *)&folder->scan_job.work);
    if (folder->look_job.running)
        (void)uv_cancel((uv_req_t *)&folder->look_job.work);
}

void folder_missed(struct folder *folder)
{
    folder_judge_missed(folder, &folder->unsure);
    folder->wanted = true;
}

void folder_begin(struct folder *folder)
{
    folder->unready = false;
    folder->wanted = true;
}

void folder_unwatched(struct folder *folder)
{
    forget_watch(folder);
    folder_missed(folder);
}

void folder_hand_out(struct folder *folder, struct entry *entry)
{
    entry->candidate.landing = &hold(folder->held)->landing;
    entry->touched = false;
    entry->distrusted = false;
    entry_move(&folder->entries, entry, ENTRY_OUT);
}

void folder_take_back(struct folder *folder, struct entry *entry, enum watch_outcome outcome)
{
    struct folder_held *held = CONTAINER_OF(entry->candidate.landing, struct folder_held, landing);
    entry->candidate.landing = NULL;
    folder_judge_return(folder, entry, outcome);
    let_go(folder->host, held);
}

size_t folder_settling(const struct folder *folder)
{
    const struct entry_list *lists = folder->entries.lists;
    return lists[ENTRY_DUE].count + lists[ENTRY_LOOKING].count + lists[ENTRY_SETTLING].count;
}

bool folder_quiet(const struct folder *folder)
{
    const struct entry_list *lists = folder->entries.lists;
    return !folder->wanted && !folder->unready && !folder->gap && !folder->scan_job.running &&
           !folder->look_job.running && folder_settling(folder) == 0 &&
           lists[ENTRY_READY].count + lists[ENTRY_OUT].count == 0;
}

size_t folder_ready(const struct folder *folder)
{
    return folder->gap ? 0 : folder->entries.lists[ENTRY_READY].count;
}

static void find_first(const struct entry_list *list, int64_t most, const struct candidate **first)
{
    for (const struct entry *entry = list->first; entry; entry = entry->after) {
        const struct candidate *candidate = &entry->candidate;
        if (entry->moved != 0 && entry->waited < most && (!*first || watch_compare(&candidate, first) < 0))
            *first = candidate;
    }
}

const struct candidate *folder_settles_first(const struct folder *folder)
{
    const struct candidate *first = NULL;
    for (enum entry_state state = ENTRY_DUE; state <= ENTRY_SETTLING; state++)
        find_first(&folder->entries.lists[state], folder->feed->settle + folder->host->patience, &first);
    return first;
}

int64_t folder_deadline(const struct folder *folder)
{
    const struct entry *first = folder->entries.lists[ENTRY_SETTLING].first;
    int64_t settled = first ? first->deadline : INT64_MAX, retry = folder->retry != 0 ? folder->retry : INT64_MAX;
    return settled < retry ? settled : retry;
}
