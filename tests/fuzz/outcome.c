#include "outcome.h"

#include "base/text.h"
#include "model/chunk.h"
#include "recode.h"

static void outcome_init(struct outcome *outcome)
{
    *outcome = (struct outcome){.ok = false};
    buf_init(&outcome->trace, OUTCOME_TRACE_MAX);
    buf_init(&outcome->accepted_rows, OUTCOME_TRACE_MAX);
}

void outcome_close(struct outcome *outcome)
{
    buf_close(&outcome->trace);
    buf_close(&outcome->accepted_rows);
}

/* What json_reader.c says where its own reading of a record and cJSON's disagree. */
static bool is_disagreement(struct slice reason)
{
    return reason.data[0] != 'f' && slice_ends_with(reason, SLICE("expected the end of the object"));
}

static void take_rejects(struct outcome *outcome, const struct batch *batch, struct slice file)
{
    for (size_t i = 0; i < batch->reject_count; i++) {
        const struct reject *r = &batch->rejects[i];
        check(r->reason.len > 0 && text_valid_utf8(r->reason) == r->reason.len);
        check(!is_disagreement(r->reason));
        check(r->column <= PARSER_COLUMNS_MAX && r->raw.len <= PARSER_RECORD_MAX);
        check(r->raw.len == 0 || !outcome->bytes || memmem(file.data, file.len, r->raw.data, r->raw.len));
        buf_printf(&outcome->trace, "%ju@%ju:%u ", (uintmax_t)r->row, (uintmax_t)r->line, r->column);
        buf_put_slice(&outcome->trace, r->field);
        buf_put_slice(&outcome->trace, r->reason);
        buf_put_slice(&outcome->trace, r->raw);
    }
}

/* The row comes after those before, which none may skip or repeat, and not on an earlier line. */
static void take_number(struct outcome *outcome, uint64_t row, uint64_t line)
{
    check(row == ++outcome->rows && line > 0 && line >= outcome->line);
    outcome->line = line;
}

/* Encodes the row again, into the whole chunk's copy and alone. */
static void take_values(struct outcome *outcome, const struct chunk_reader *reader, const struct value *values,
                        struct chunk_writer *again)
{
    struct chunk_writer alone;
    chunk_writer_init(&alone, reader->feed);
    check(chunk_put(again, reader->row, reader->line, values));
    check(chunk_put(&alone, 1, 0, values) && alone.buf.len <= CHUNK_ROW_MAX);
    buf_put_slice(&outcome->accepted_rows, buf_slice(&alone.buf));
    chunk_writer_close(&alone);
}

/* Reads the accepted rows of a batch, and counts its rejects among them. */
static void take_rows(struct outcome *outcome, const struct feed *feed, const struct batch *batch)
{
    struct chunk_reader reader;
    struct chunk_writer again;
    struct value values[PIPELINE_FIELDS_MAX];
    size_t next = 0;
    enum chunk_result got;
    chunk_reader_init(&reader, feed, buf_slice(&batch->chunk.buf));
    chunk_writer_init(&again, feed);
    do {
        got = chunk_next(&reader, values);
        for (; next < batch->reject_count; next++, outcome->rejected++) {
            const struct reject *reject = &batch->rejects[next];
            if (got == CHUNK_ROW && reject->row > reader.row)
                break;
            take_number(outcome, reject->row, reject->line);
        }
        if (got == CHUNK_ROW) {
            take_number(outcome, reader.row, reader.line);
            take_values(outcome, &reader, values, &again);
            outcome->accepted++;
        }
    } while (got == CHUNK_ROW);
    check(batch->chunk.buf.len <= CHUNK_SIZE_MAX && batch->reject_count <= BATCH_REJECTS_MAX);
    check(got == CHUNK_END && again.rows == batch->chunk.rows);
    check(slice_equal(buf_slice(&again.buf), buf_slice(&batch->chunk.buf)));
    chunk_writer_close(&again);
}

/* False when there is none, or when what is read on behind it fails the file. */
static bool take_batch(struct outcome *outcome, struct parser *parser, const struct feed *feed, struct slice file,
                       struct error *error)
{
    struct batch *batch = NULL;
    bool ok = parser_take(parser, &batch, error);
    check(ok || !batch);
    if (!batch)
        return false;
    take_rows(outcome, feed, batch);
    take_rejects(outcome, batch, file);
    buf_put_slice(&outcome->trace, buf_slice(&batch->chunk.buf));
    batch_free(batch);
    return true;
}

/* Of the next piece; `cuts` 0 is for the largest ones. In pieces of one byte no record is whole, so that libcsv reads
   them all; in the largest ones csv_scan.h reads those it takes. */
static size_t piece_size(uint64_t cuts, uint64_t *random)
{
    if (cuts == 0)
        return PARSER_INPUT_MAX;
    if (cuts % 2 == 1)
        return 1;
    return 1 + fuzz_random(random) % ((uint64_t)1 << fuzz_random(random) % 7);
}

/* A file on its way through a parser. */
struct passage {
    struct outcome *outcome;
    struct parser *parser;
    const struct feed *feed;
    struct slice file;
    uint64_t cuts, random;
    struct error *error;
};

static bool feed_block(struct parser *parser, struct slice block, struct error *error)
{
    char *copy = fuzz_copy(block);
    bool ok = parser_feed(parser, (struct slice){copy, block.len}, error);
    free(copy);
    return ok;
}

static bool take_full(struct passage *p)
{
    bool ok = true;
    while (ok && parser_full(p->parser)) {
        ok = take_batch(p->outcome, p->parser, p->feed, p->file, p->error);
        check(ok || p->error->kind == ERROR_DATA);
    }
    return ok;
}

/* The file from `at` to `end`. */
static bool feed_pieces(struct passage *p, size_t at, size_t end)
{
    for (size_t len; at < end; at += len) {
        len = piece_size(p->cuts, &p->random);
        if (len > end - at)
            len = end - at;
        if (!feed_block(p->parser, (struct slice){p->file.data + at, len}, p->error) || !take_full(p))
            return false;
    }
    return true;
}

/* Where a part that begins at `at` may end: at a likely place, behind any line's end, anywhere, and at the end. */
static size_t part_end(struct passage *p, size_t at)
{
    struct slice rest = {p->file.data + at, p->file.len - at};
    size_t least = 1 + fuzz_random(&p->random) % (rest.len < 300 ? rest.len : 300), cut = 0;
    const char *end = NULL;
    switch (fuzz_random(&p->random) % 8) {
    case 0:
        return at + least;
    case 1:
    case 2:
    case 3:
        end = memchr(rest.data + least - 1, '\n', rest.len - least + 1);
        return end ? (size_t)(end + 1 - p->file.data) : p->file.len;
    default:
        cut = parser_cut(p->parser, rest, least);
        check(cut == 0 || (cut > least && cut <= rest.len && rest.data[cut - 1] == '\n'));
        return cut > 0 ? at + cut : p->file.len;
    }
}

/* Reads the part by the twin, and whether the parser took it in. */
static bool join_part(struct passage *p, struct parser *twin, size_t at, size_t end)
{
    struct error error = {.kind = ERROR_NONE};
    check(parser_part(twin, &error));
    for (size_t len; at < end; at += len) {
        len = piece_size(p->cuts & ~(uint64_t)1, &p->random);
        if (len > end - at)
            len = end - at;
        if (!feed_block(twin, (struct slice){p->file.data + at, len}, &error))
            return false;
    }
    return parser_joins(p->parser, twin) && parser_join(p->parser, twin, p->error);
}

/* As feed/parts.c does it: what is behind the head is read in parts, and what does not join is fed. */
static bool feed_parts(struct passage *p)
{
    size_t head = 1 + fuzz_random(&p->random) % 400;
    if (head > p->file.len)
        head = p->file.len;
    if (!feed_block(p->parser, (struct slice){p->file.data, head}, p->error) || !take_full(p))
        return false;
    struct parser *twin = NULL;
    bool ok = true;
    if (parser_splits(p->parser)) {
        twin = parser_twin(p->parser, (struct slice){p->file.data, head}, p->error);
        check(twin);
    }
    for (size_t at = head, end; ok && at < p->file.len; at = end) {
        end = twin ? part_end(p, at) : p->file.len;
        ok = twin && join_part(p, twin, at, end) ? take_full(p) : feed_pieces(p, at, end);
    }
    parser_free(twin);
    return ok;
}

static bool feed_file(struct outcome *outcome, struct parser *parser, const struct feed *feed, struct slice file,
                      uint64_t cuts, struct error *error)
{
    struct passage passage = {outcome, parser, feed, file, cuts, cuts, error};
    bool ok = cuts & OUTCOME_PARTS && file.len > 0 ? feed_parts(&passage) : feed_pieces(&passage, 0, file.len);
    if (!ok || !parser_finish(parser, error))
        return false;
    take_batch(outcome, parser, feed, file, error);
    check(!take_batch(outcome, parser, feed, file, error));
    return true;
}

static void take_facts(struct outcome *outcome, const struct parser *parser)
{
    struct file_facts facts = {.rows = 0};
    arena_init(&facts.arena, OUTCOME_TRACE_MAX);
    check(parser_facts(parser, &facts));
    check(facts.rejected <= facts.rows);
    check(!outcome->ok || (facts.rows == outcome->rows && facts.rejected == outcome->rejected));
    check(outcome->accepted == 0 || facts.version > 0);
    check(outcome->accepted + outcome->rejected == outcome->rows);
    buf_printf(&outcome->trace, " %ju %ju %u %d", (uintmax_t)facts.rows, (uintmax_t)facts.rejected, facts.version,
               facts.named);
    buf_put_slice(&outcome->trace, facts.note);
    for (size_t i = 0; i < facts.unknown_count; i++) {
        buf_put_text(&outcome->trace, "|");
        buf_put_slice(&outcome->trace, facts.unknown[i]);
    }
    arena_close(&facts.arena);
}

static bool is_utf8_feed(const struct feed *feed)
{
    for (size_t i = 0; i < feed->version_count; i++)
        if (feed->versions[i].descriptor->form.encoding != DESCRIPTOR_UTF8)
            return false;
    return true;
}

void outcome_read(struct outcome *outcome, struct parser *parser, const struct feed *feed, struct slice file,
                  uint64_t cuts)
{
    struct error error = {.kind = ERROR_NONE};
    outcome_init(outcome);
    outcome->bytes = !recode_is_packed(file) && !recode_is_marked(file) && is_utf8_feed(feed);
    parser_start(parser, 0);
    check(parser_name(parser, SLICE("market-7_2022-02-17.csv"), &error));
    outcome->ok = feed_file(outcome, parser, feed, file, cuts, &error);
    check(outcome->ok || (error.kind == ERROR_DATA && error.text[0]));
    /* The batches that were handed out before a failure are void, and hang on the pieces. */
    if (!outcome->ok)
        buf_reset(&outcome->trace);
    take_facts(outcome, parser);
    buf_put_text(&outcome->trace, error.text);
    /* How far damaged data was unpacked hangs on the pieces. */
    if (!outcome->ok && recode_is_packed(file))
        buf_reset(&outcome->trace);
    check(!outcome->trace.failed);
}
