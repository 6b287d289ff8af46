/*
 * Records by key: which record has it, and how one that comes or goes is made known.
 *
 * Records of a feed whose key contains what they are joined by ("nested") lie in the chain of their parent and are
 * looked for there; those of a parent with many, and of all other feeds with a key, are in the feed's map.
 */
#ifndef DROPFOLD_ENGINE_INDEX_H
#define DROPFOLD_ENGINE_INDEX_H

#include "engine/records.h"

/* The code of any field of a stored record. */
int64_t index_code(const struct engine *engine, const struct records *records, uint32_t record, uint32_t parent,
                   size_t field, bool *null);

/* Under which a record that is in the map lies, or one of a feed that is not nested. */
static inline uint32_t index_parent(const struct records *records, uint32_t record)
{
    return rows_link(&records->rows, record, RECORD_PARENT);
}

/* Whether records of this parent are in the map; of a feed that has a key. */
bool index_maps(const struct engine *engine, const struct records *records, uint32_t parent);

/* The hash of a row's key: `parent` matters to nested feeds only. */
uint64_t index_hash(const struct records *records, const struct codes *codes, uint32_t parent);

/* The record with the row's key, or 0; row->hash is that of its key unless the feed is nested. `parent` 0: there is
   none. A parent that turns out to have many has its records put into the map. */
uint32_t index_find(struct engine *engine, struct records *records, uint32_t parent, const struct batch_row *row);

/* Room in the map for `more` records. False after noting the failure. */
bool index_room(struct engine *engine, struct records *records, uint32_t more) MUST_USE;

/* Takes a record out of the map, where it is. */
void index_remove(struct engine *engine, struct records *records, uint32_t record);

/* After records were freed: gives memory back. */
void index_trim(struct engine *engine, struct records *records);

#endif
