#include "app/pack.h"

#include "feed/intake.h"
#include "model/batch.h"

enum { FLUSHED_ALONE_MAX = 4 }; /* files */

static size_t bytes_of(const struct candidate *candidate)
{
    return candidate->stat.size <= PACK_FILE_BYTES_MAX ? (size_t)candidate->stat.size : PACK_BYTES_MAX;
}

/* A file of another device (it is mounted there) is not flushed with the others. */
static bool is_of_folder(const struct candidate *candidate)
{
    return candidate->stat.device == candidate->landing->device;
}

bool pack_takes(const struct pack *pack, const struct candidate *candidate)
{
    if (pack->count == 0)
        return true;
    return pack->count < PACK_FILES_MAX && pack->bytes + bytes_of(candidate) <= PACK_BYTES_MAX &&
           is_of_folder(candidate);
}

void pack_add(struct pack *pack, struct job *job)
{
    pack->jobs[pack->count++] = job;
    pack->bytes += bytes_of(job->candidate);
}

/* Whether the file is flushed with others of its folder, at once. */
static bool is_flushed_together(const struct pack *pack, const struct candidate *candidate)
{
    return pack->count > FLUSHED_ALONE_MAX && candidate->landing->flushable && is_of_folder(candidate);
}

/* Those read and not told of that lie on one device; it is flushed by the first of them. */
static void flush_device(struct pack *pack, size_t first)
{
    const struct landing *landing = pack->jobs[first]->candidate->landing;
    struct error error = {0};
    bool flushed = landing_flush(landing, &error);
    for (size_t i = first; i < pack->read; i++) {
        struct job *job = pack->jobs[i];
        if (job->candidate->landing->device != landing->device || job->flushed)
            continue;
        job->flushed = true;
        if (flushed || !intake_has_ended(job->intake))
            continue;
        job->intake = INTAKE_FAILED;
        job->error = error;
    }
}

/* What was read since the last time is flushed, and given on. Files that could not be read, hundreds maybe at each
   rescan, have nothing that a flush of all that others write is worth. */
static void tell(struct pack *pack)
{
    for (size_t i = pack->told; i < pack->read; i++)
        if (intake_has_ended(pack->jobs[i]->intake) && !pack->jobs[i]->flushed)
            flush_device(pack, i);
    job_end(pack->jobs + pack->told, pack->read - pack->told);
    pack->told = pack->read;
}

struct reading {
    struct pack *pack;
    struct job *job;
};

/* Nothing may wait for room that is taken by files which the store thread reaches only behind those of this pack. Room
   that was there a moment ago may have been taken since. */
static bool push(void *context, struct batch *batch)
{
    struct reading *reading = context;
    if (job_push_now(reading->job, batch))
        return true;
    tell(reading->pack);
    return job_push(reading->job, batch);
}

static void read_one(struct pack *pack, struct job *job)
{
    const struct candidate *candidate = job->candidate;
    struct reading reading = {pack, job};
    job->flushed = !is_flushed_together(pack, candidate);
    const struct intake_how how = {.parser = pack->parsers[candidate->landing->index],
                                   .sink = push,
                                   .context = &reading,
                                   .flushes = job->flushed,
                                   .spare = pack->spare};
    job->intake = intake_read(candidate->landing, candidate->name, &job->stat, &how, &job->facts, &job->error);
    job->stays = landing_keeps_now(candidate->landing, candidate->name);
}

void pack_read(struct pack *pack)
{
    for (size_t i = 0; i < pack->count; i++) {
        read_one(pack, pack->jobs[i]);
        pack->read++;
        if (pack->jobs[i]->flushed)
            tell(pack);
    }
    tell(pack);
}
