/*
 * Live records of the feeds: found by key, ordered by rank, chained under their parents.
 *
 * Which row of a key is live is decided here, and nothing is counted here: before a record comes, goes or changes, the
 * units that it may matter to are touched (units.h), which takes their contributions back until the end of the change.
 */
#ifndef DROPFOLD_ENGINE_RECORDS_H
#define DROPFOLD_ENGINE_RECORDS_H

#include "engine/state.h"

/* Of two rows of a key the one of higher rank is live. */
struct rank {
    int64_t version; /* 0 where the feed has no version_field */
    int64_t sequence, row;
};

static inline int rank_compare(struct rank a, struct rank b)
{
    if (a.version != b.version)
        return a.version < b.version ? -1 : 1;
    if (a.sequence != b.sequence)
        return a.sequence < b.sequence ? -1 : 1;
    return (a.row > b.row) - (a.row < b.row);
}

static inline struct rank records_rank(const struct records *records, uint32_t record)
{
    struct rows_at at = rows_at(&records->rows, record);
    int64_t version = records->version ? rows_peek(at, records->version) : 0;
    return (struct rank){version, rows_peek(at, RECORD_SEQUENCE), rows_peek(at, RECORD_ROW)};
}

/* The rank of the row that first brought the record as it is, where tables show files; else that of the last one. */
static inline struct rank records_origin(const struct records *records, uint32_t record)
{
    struct rank rank = records_rank(records, record);
    if (records->lifted_sequence) {
        struct rows_at at = rows_at(&records->rows, record);
        rank.sequence -= rows_peek(at, records->lifted_sequence);
        rank.row -= rows_peek(at, records->lifted_row);
    }
    return rank;
}

/* Whether a record in a chain counts: the filter let it pass. Husks lie in chains only while nothing is counted. */
static inline bool records_count(const struct records *records, uint32_t record)
{
    return !records->filters || rows_get(&records->rows, record, RECORD_FLAGS) == 0;
}

static inline uint32_t records_first(const struct records *records, uint32_t parent)
{
    return rows_link(&records->parents->rows, parent, records->head);
}

static inline uint32_t records_next(const struct records *records, uint32_t record)
{
    return rows_link(&records->rows, record, RECORD_NEXT);
}

/* A row on its way in. */
struct batch_row {
    struct codes codes;
    struct keyed_key parent;
    uint64_t hash; /* of its key, where records are not found through their parent */
    struct rank rank;
    bool deletes; /* it is a delete marker */
    bool passes;  /* the filter, and is none */
};

/* Fills in parent and hash from the codes, and asks for the memory that the next steps will read. */
void records_prepare(const struct engine *engine, size_t feed, struct batch_row *row);
void records_prefetch(const struct engine *engine, size_t feed, const struct batch_row *row);
/* The same, once that came, for the units that new records of a joined feed will touch. */
void records_prefetch_units(const struct engine *engine, size_t feed, const struct batch_row *rows, size_t count);

enum records_result { RECORDS_APPLIED, RECORDS_UNCHANGED, RECORDS_SUPERSEDED, RECORDS_LATE };

/* Makes the row its key's live record unless that has a higher rank. *replaced is the sequence of the record it
   replaced or, with the same values, took over from; else 0. The row is not late by itself (closed.h); that it would
   leave its unit to a closed window is found here. */
enum records_result records_apply(struct engine *engine, size_t feed, const struct batch_row *row, int64_t *replaced);

/* Removes the live record of the row's key if a row of the same sequence made it. The units that see it are touched. */
void records_remove(struct engine *engine, size_t feed, const struct batch_row *row);

/* The same of all records of a feed without a key that rows of `sequence` made: looks at every record of the feed. */
void records_remove_all(struct engine *engine, size_t feed, uint64_t sequence);

/* Whether a row of another change ever had the key of a record of change `sequence` while that was live. */
bool records_shared(const struct engine *engine, uint64_t sequence);

/* Frees the records that left their parents in this change. */
void records_sweep(struct engine *engine);

/* Frees all records of the feed under a unit that is to be closed, and keeps their keys where a row could bring one
   under another unit. */
void records_free(struct engine *engine, size_t feed, uint32_t unit, int64_t window);

/* After units and records were freed: gives memory back. */
void records_trim(struct engine *engine, size_t feed);

#endif
