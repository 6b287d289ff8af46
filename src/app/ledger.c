#include "app/ledger.h"

#include <inttypes.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "model/pipeline_ledger.h"

/* A byte that a text of a database cannot hold is four characters in a message. */
enum { ESCAPED_TIMES = 4 };

uint64_t ledger_known(const struct pipeline *pipeline, const struct progress *progress)
{
    return pipeline->ledger_count > 0 ? progress->rows[pipeline_files_table(pipeline)] : 0;
}

static bool mark_file(void *context, const struct file_record *file)
{
    uint64_t *mark = context;
    uint64_t seed = hash_u64(hash_u64((uint64_t)file->committed) ^ file->state);
    const struct slice content = {(const char *)file->content.bytes, DIGEST_SIZE};
    *mark = hash_bytes(content, hash_bytes(file->name, seed)) >> 2 | 1;
    return true;
}

bool ledger_mark(struct store *store, uint64_t file, uint64_t *mark, struct error *error)
{
    const struct ledger_range range = {.after = file - 1, .upto = file};
    *mark = 0;
    return file == 0 || store_read_files(store, &range, mark_file, mark, error);
}

bool ledger_start(struct ledger *ledger, const struct pipeline *pipeline, struct store *store, struct ledger_end end,
                  struct delivery *delivery, struct error *error)
{
    *ledger = (struct ledger){.pipeline = pipeline, .store = store};
    if (pipeline->ledger_count == 0)
        return true;
    size_t f = pipeline_files_table(pipeline), r = pipeline_rejects_table(pipeline);
    bool all = delivery->full || delivery->compare;
    uint64_t before = all ? 0 : ledger_known(pipeline, &delivery->from);
    ledger->range = (struct ledger_range){before, end.files, end.sequence};
    ledger->taken = (struct ledger_taken){.upto = before, .since = delivery->from.sequence, .sequence = end.sequence};
    if (!ledger_mark(store, end.files, &delivery->to.rows[pipeline_delivered(pipeline)], error) ||
        !store_open_rejects(store, &ledger->range, &ledger->rejects, error) ||
        (before > 0 && !store_count_taken(store, &ledger->taken, error)))
        return false;
    ledger->gone = (struct ledger_rejects){.taken_back = true, .taken = ledger->taken, .left = ledger->taken.rejects};
    ledger->files = end.files - before;
    delivery->upserts[f] = ledger->taken.files + ledger->files;
    delivery->upserts[r] = ledger->rejects.left;
    delivery->deletes[r] = ledger->gone.left;
    delivery->to.rows[f] = end.files;
    delivery->to.rows[r] = ledger->rejects.added + (all ? 0 : delivery->from.rows[r] - ledger->gone.left);
    return true;
}

/* --- cells -------------------------------------------------------------------------------------------------------- */

/* A block while it is filled. */
struct filling {
    struct ledger *ledger;
    struct block *block;
    size_t capacity; /* rows */
    bool failed;     /* out of memory */
};

static bool is_text(struct slice s)
{
    return text_valid_utf8(s) == s.len && (s.len == 0 || !memchr(s.data, '\0', s.len));
}

/* Names and rows are bytes. Those that are no text are shown as in messages. */
static struct cell text_cell(struct filling *filling, struct slice s)
{
    struct cell cell = {.kind = CELL_TEXT};
    if (is_text(s)) {
        cell.text = arena_copy(&filling->block->arena, s);
    } else {
        size_t size = s.len * ESCAPED_TIMES + 1;
        char *escaped = arena_alloc(&filling->block->arena, size);
        cell.text = escaped ? slice_of(text_escape(s, escaped, size)) : (struct slice){NULL, 0};
    }
    filling->failed |= !cell.text.data;
    return cell;
}

/* Of what outlives every block. */
static struct cell fixed_text(const char *text)
{
    return (struct cell){.kind = CELL_TEXT, .text = slice_of(text)};
}

static struct cell text_or_null(struct filling *filling, struct slice s)
{
    return s.len > 0 ? text_cell(filling, s) : (struct cell){.kind = CELL_NULL};
}

static struct cell number(uint64_t value)
{
    return (struct cell){.kind = CELL_INT, .i = (int64_t)value};
}

static struct cell number_or_null(uint64_t value)
{
    return value > 0 ? number(value) : (struct cell){.kind = CELL_NULL};
}

/* The row to fill; NULL when the block cannot take `bytes` of text more. One row always fits. */
static struct cell *next_row(struct filling *filling, size_t bytes)
{
    struct block *block = filling->block;
    if (block->rows == filling->capacity ||
        (block->rows > 0 && block->arena.used + ESCAPED_TIMES * bytes > BLOCK_BYTES_MAX / 2))
        return NULL;
    return block->cells + block->rows * block->columns;
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static void fill_buckets(struct cell *cells, const struct buckets *buckets)
{
    cells[LEDGER_FILE_APPLIED] = number(buckets->applied);
    cells[LEDGER_FILE_UNCHANGED] = number(buckets->unchanged);
    cells[LEDGER_FILE_SUPERSEDED] = number(buckets->superseded);
    cells[LEDGER_FILE_FILTERED] = number(buckets->filtered);
    cells[LEDGER_FILE_DELETED] = number(buckets->deleted);
    cells[LEDGER_FILE_LATE] = number(buckets->late);
    cells[LEDGER_FILE_REJECTED] = number(buckets->rejected);
}

static bool fill_file(void *context, const struct file_record *file)
{
    static const char *const states[] = {[FILE_APPLIED] = "applied",
                                         [FILE_DUPLICATE] = "duplicate",
                                         [FILE_QUARANTINED] = "quarantined",
                                         [FILE_RETRIED] = "retried"};
    struct filling *filling = context;
    char sha256[DIGEST_HEX_SIZE];
    struct cell *cells = next_row(filling, file->name.len + file->stored.len + file->reason.len + 256);
    if (!cells)
        return false;
    digest_hex(&file->content, sha256);
    cells[LEDGER_FILE_PIPELINE] = fixed_text(filling->ledger->pipeline->name);
    cells[LEDGER_FILE_ID] = number(file->id);
    cells[LEDGER_FILE_SEQUENCE] = number_or_null(file->sequence);
    cells[LEDGER_FILE_FEED] = text_cell(filling, file->feed);
    cells[LEDGER_FILE_NAME] = text_cell(filling, file->name);
    cells[LEDGER_FILE_STATE] = fixed_text(states[file->state]);
    cells[LEDGER_FILE_VERSION] = number_or_null(file->version);
    cells[LEDGER_FILE_ROWS] = number(file->rows);
    fill_buckets(cells, &file->buckets);
    cells[LEDGER_FILE_SIZE] = number(file->size);
    cells[LEDGER_FILE_SHA256] = text_cell(filling, slice_of(sha256));
    cells[LEDGER_FILE_COMMITTED] = number((uint64_t)file->committed);
    cells[LEDGER_FILE_STORED] = text_or_null(filling, file->stored);
    cells[LEDGER_FILE_FORGOTTEN] = number_or_null(file->forgotten);
    cells[LEDGER_FILE_RETRY_OF] = number_or_null(file->retry_of);
    cells[LEDGER_FILE_NOTE] = text_or_null(filling, file->reason);
    filling->block->rows++;
    return !filling->failed;
}

static bool fill_new(void *context, const struct file_record *file)
{
    struct filling *filling = context;
    if (!fill_file(context, file))
        return false;
    filling->ledger->files--;
    filling->ledger->range.after = file->id;
    return true;
}

static bool fill_taken(void *context, const struct file_record *file)
{
    struct filling *filling = context;
    if (!fill_file(context, file))
        return false;
    filling->ledger->taken.files--;
    return true;
}

/* --- rejects ------------------------------------------------------------------------------------------------------ */

static bool fill_reject(void *context, const struct ledger_reject *found)
{
    struct filling *filling = context;
    const struct reject *reject = &found->reject;
    struct cell *cells = next_row(filling, reject->field.len + reject->reason.len + reject->raw.len + 128);
    if (!cells)
        return false;
    cells[LEDGER_REJECT_PIPELINE] = fixed_text(filling->ledger->pipeline->name);
    cells[LEDGER_REJECT_FILE] = number(found->file);
    cells[LEDGER_REJECT_ROW] = number(reject->row);
    cells[LEDGER_REJECT_LINE] = number(reject->line);
    cells[LEDGER_REJECT_COLUMN] = number_or_null(reject->column);
    cells[LEDGER_REJECT_FIELD] = text_or_null(filling, reject->field);
    cells[LEDGER_REJECT_REASON] = text_cell(filling, reject->reason);
    cells[LEDGER_REJECT_RAW] = text_cell(filling, reject->raw);
    cells[LEDGER_REJECT_RETRIED] = number_or_null(found->retried);
    filling->block->rows++;
    return !filling->failed;
}

/* Its key, of one that is to be taken out. */
static bool fill_gone(void *context, const struct ledger_reject *found)
{
    struct filling *filling = context;
    struct cell *cells = next_row(filling, 0);
    if (!cells)
        return false;
    cells[0] = fixed_text(filling->ledger->pipeline->name);
    cells[1] = number(found->file);
    cells[2] = number(found->reject.row);
    filling->block->rows++;
    return true;
}

/* --- blocks ------------------------------------------------------------------------------------------------------- */

/* What comes one after the other: of each table what is taken out before what is written. */
enum part { PART_TAKEN, PART_NEW, PART_GONE, PART_REJECTS, PARTS };

static uint64_t rows_left(const struct ledger *ledger, enum part part)
{
    const uint64_t left[PARTS] = {ledger->taken.files, ledger->files, ledger->gone.left, ledger->rejects.left};
    return left[part];
}

static bool read_rows(struct ledger *ledger, struct filling *filling, enum part part, struct error *error)
{
    switch (part) {
    case PART_TAKEN:
        return store_read_taken(ledger->store, &ledger->taken, fill_taken, filling, error);
    case PART_NEW:
        return store_read_files(ledger->store, &ledger->range, fill_new, filling, error);
    case PART_GONE:
        return store_read_rejects(ledger->store, &ledger->gone, fill_gone, filling, error);
    case PART_REJECTS:
    case PARTS:
        break;
    }
    return store_read_rejects(ledger->store, &ledger->rejects, fill_reject, filling, error);
}

bool ledger_next(struct ledger *ledger, struct block **block, struct error *error)
{
    enum part part = PART_TAKEN;
    *block = NULL;
    while (part < PARTS && rows_left(ledger, part) == 0)
        part++;
    if (part == PARTS)
        return true;
    uint64_t rows = rows_left(ledger, part);
    size_t number_of =
        part < PART_GONE ? pipeline_files_table(ledger->pipeline) : pipeline_rejects_table(ledger->pipeline);
    const struct table *table = &ledger->pipeline->tables[number_of];
    struct filling filling = {.ledger = ledger, .capacity = rows < BLOCK_ROWS_MAX ? (size_t)rows : BLOCK_ROWS_MAX};
    filling.block = block_new(number_of, part == PART_GONE, filling.capacity,
                              part == PART_GONE ? table->key_count : table->column_count);
    if (!filling.block)
        return error_memory(error);
    bool good = read_rows(ledger, &filling, part, error) && (!filling.failed || error_memory(error));
    if (good && filling.block->rows == 0)
        good = error_set(error, ERROR_CORRUPT, "%s: %" PRIu64 " rows of the ledger are gone", store_path(ledger->store),
                         rows);
    if (!good) {
        block_free(filling.block);
        return false;
    }
    *block = filling.block;
    return true;
}
