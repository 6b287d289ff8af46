#include "parsing.h"

#include "base/text.h"
#include "model/chunk.h"
#include "parse/parser.h"
#include "recode.h"
#include "reference.h"

enum { TRACE_MAX = 64 * 1024 * 1024 /* bytes of what is kept of one reading */ };

/* A feed that was made here rather than loaded. */
struct twin {
    struct feed feed;
    struct feed_version version;
    struct descriptor descriptor;
    struct descriptor_field fields[PIPELINE_FIELDS_MAX];
    struct slice names[PIPELINE_FIELDS_MAX];
    int feed_field[PIPELINE_FIELDS_MAX];
    struct parser *parser;
};

struct parsing {
    const struct feed *feed;
    struct parser *parser;
    struct twin twins[2]; /* by enum descriptor_format */
};

/* What came of one reading. */
struct outcome {
    bool ok;
    bool bytes; /* the text that is read is the file's own bytes */
    uint64_t rows, rejected, accepted, line;
    struct buf trace;         /* of batches, facts and error: every byte that a caller could see */
    struct buf accepted_rows; /* each a chunk of its own, so that they can be compared between files */
};

/* --- feeds -------------------------------------------------------------------------------------------------------- */

static struct parser *new_parser(const struct feed *feed)
{
    struct error error = {0};
    struct parser *parser = parser_new(feed, &error);
    check(parser);
    return parser;
}

static void make_twin(struct twin *twin, const struct feed *feed, enum descriptor_format format)
{
    twin->feed = *feed;
    twin->feed.versions = &twin->version;
    twin->feed.version_count = 1;
    twin->version = (struct feed_version){.descriptor = &twin->descriptor, .feed_field = twin->feed_field};
    twin->descriptor = (struct descriptor){.feed = feed->name, .version = 1, .format = format};
    twin->descriptor.form = DESCRIPTOR_FORM_PLAIN;
    twin->descriptor.fields = twin->fields;
    twin->descriptor.field_count = feed->field_count;
    for (size_t i = 0; i < feed->field_count; i++) {
        twin->names[i] = slice_of(feed->fields[i].name);
        twin->fields[i] = (struct descriptor_field){
            .name = feed->fields[i].name, .from = &twin->names[i], .from_count = 1, .type = feed->fields[i].type};
        twin->feed_field[i] = (int)i;
    }
    twin->parser = new_parser(&twin->feed);
}

struct parsing *parsing_new(const struct feed *feed)
{
    struct parsing *parsing = calloc(1, sizeof *parsing);
    check(parsing);
    parsing->feed = feed;
    parsing->parser = new_parser(feed);
    return parsing;
}

void parsing_free(struct parsing *parsing)
{
    parser_free(parsing->parser);
    for (size_t i = 0; i < COUNT_OF(parsing->twins); i++)
        parser_free(parsing->twins[i].parser);
    free(parsing);
}

static struct twin *twin_of(struct parsing *parsing, enum descriptor_format format)
{
    struct twin *twin = &parsing->twins[format];
    if (!twin->parser)
        make_twin(twin, parsing->feed, format);
    return twin;
}

const struct feed *parsing_shared_feed(const char *name)
{
    static struct pipeline *pipeline;
    if (!pipeline) {
        struct doc_problems problems;
        doc_problems_init(&problems);
        pipeline = pipeline_load(FUZZ_SCHEMAS "/feeds.json", &problems);
        fprintf(stderr, "%.*s", (int)problems.text.len, problems.text.data ? problems.text.data : "");
        check(pipeline);
        doc_problems_close(&problems);
    }
    const struct feed *feed = pipeline_feed(pipeline, slice_of(name));
    check(feed);
    return feed;
}

/* --- one reading -------------------------------------------------------------------------------------------------- */

static void outcome_init(struct outcome *outcome)
{
    *outcome = (struct outcome){.ok = false};
    buf_init(&outcome->trace, TRACE_MAX);
    buf_init(&outcome->accepted_rows, TRACE_MAX);
}

static void outcome_close(struct outcome *outcome)
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

/* Of the next piece; `cuts` 0 is for the largest ones. In pieces of one byte no record is whole, so that libcsv reads them
   all; in the largest ones csv_scan.h reads those it takes. */
static size_t piece_size(uint64_t cuts, uint64_t *random)
{
    if (cuts == 0)
        return PARSER_INPUT_MAX;
    if (cuts % 2 == 1)
        return 1;
    return 1 + fuzz_random(random) % ((uint64_t)1 << fuzz_random(random) % 7);
}

static bool feed_pieces(struct outcome *outcome, struct parser *parser, const struct feed *feed, struct slice file,
                        uint64_t cuts, struct error *error)
{
    uint64_t random = cuts;
    for (size_t at = 0, len; at < file.len; at += len) {
        len = piece_size(cuts, &random);
        if (len > file.len - at)
            len = file.len - at;
        char *copy = fuzz_copy((struct slice){file.data + at, len});
        bool ok = parser_feed(parser, (struct slice){copy, len}, error);
        free(copy);
        if (!ok)
            return false;
        while (ok && parser_full(parser)) {
            ok = take_batch(outcome, parser, feed, file, error);
            check(ok || error->kind == ERROR_DATA);
        }
        if (!ok)
            return false;
    }
    if (!parser_finish(parser, error))
        return false;
    take_batch(outcome, parser, feed, file, error);
    check(!take_batch(outcome, parser, feed, file, error));
    return true;
}

static void take_facts(struct outcome *outcome, const struct parser *parser)
{
    struct file_facts facts = {.rows = 0};
    arena_init(&facts.arena, TRACE_MAX);
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

static void read_file(struct outcome *outcome, struct parser *parser, const struct feed *feed, struct slice file,
                      uint64_t cuts)
{
    struct error error = {.kind = ERROR_NONE};
    outcome_init(outcome);
    outcome->bytes = !recode_is_packed(file) && !recode_is_marked(file) && is_utf8_feed(feed);
    parser_start(parser, 0);
    check(parser_name(parser, SLICE("market-7_2022-02-17.csv"), &error));
    outcome->ok = feed_pieces(outcome, parser, feed, file, cuts, &error);
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

/* --- written anew ------------------------------------------------------------------------------------------------- */

static void put_quoted(struct buf *out, struct slice text)
{
    buf_put_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"')
            buf_put_byte(out, '"');
        buf_put_byte(out, (uint8_t)text.data[i]);
    }
    buf_put_byte(out, '"');
}

static void put_csv(struct buf *out, const struct feed *feed, const struct value *values)
{
    for (size_t i = 0; i < feed->field_count; i++) {
        buf_put_text(out, i > 0 ? "," : "");
        if (values[i].null)
            continue;
        if (feed->fields[i].type.kind == VALUE_TEXT)
            put_quoted(out, values[i].text);
        else
            value_print(feed->fields[i].type, values[i], out);
    }
    buf_put_text(out, "\n");
}

static void put_csv_header(struct buf *out, const struct feed *feed)
{
    for (size_t i = 0; i < feed->field_count; i++)
        buf_printf(out, "%s%s", i > 0 ? "," : "", feed->fields[i].name);
    buf_put_text(out, "\n");
}

static void put_json(struct buf *out, const struct feed *feed, const struct value *values)
{
    buf_put_text(out, "{");
    for (size_t i = 0; i < feed->field_count; i++) {
        enum value_kind kind = feed->fields[i].type.kind;
        bool quoted = kind == VALUE_DATE || kind == VALUE_TIMESTAMP;
        buf_printf(out, "%s\"%s\":%s", i > 0 ? "," : "", feed->fields[i].name, quoted && !values[i].null ? "\"" : "");
        if (values[i].null)
            buf_put_text(out, "null");
        else if (kind == VALUE_TEXT)
            text_put_json(out, values[i].text);
        else
            value_print(feed->fields[i].type, values[i], out);
        buf_put_text(out, quoted && !values[i].null ? "\"" : "");
    }
    buf_put_text(out, "}\n");
}

/* False when a record would be too long that way: an escape may take more room than what it stands for. */
static bool write_anew(const struct outcome *outcome, const struct feed *feed, enum descriptor_format format,
                       struct buf *out)
{
    struct chunk_reader reader;
    struct value values[PIPELINE_FIELDS_MAX];
    chunk_reader_init(&reader, feed, buf_slice(&outcome->accepted_rows));
    if (format == DESCRIPTOR_CSV)
        put_csv_header(out, feed);
    for (size_t before = out->len; chunk_next(&reader, values) == CHUNK_ROW; before = out->len) {
        (format == DESCRIPTOR_CSV ? put_csv : put_json)(out, feed, values);
        if (out->len - before > PARSER_RECORD_MAX)
            return false;
    }
    check(!out->failed && reader.at == reader.end);
    return true;
}

static void check_written_anew(struct parsing *parsing, const struct outcome *outcome, enum descriptor_format format)
{
    /* A record of one empty field is a blank line in CSV, and no row. */
    if (outcome->accepted == 0 || (format == DESCRIPTOR_CSV && parsing->feed->field_count < 2))
        return;
    struct twin *twin = twin_of(parsing, format);
    struct buf file;
    buf_init(&file, TRACE_MAX);
    if (write_anew(outcome, parsing->feed, format, &file)) {
        struct outcome again;
        read_file(&again, twin->parser, &twin->feed, buf_slice(&file), 0);
        check(again.ok && again.rejected == 0 && again.accepted == outcome->accepted);
        check(slice_equal(buf_slice(&again.accepted_rows), buf_slice(&outcome->accepted_rows)));
        outcome_close(&again);
    }
    buf_close(&file);
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

/* Shows where the two part. */
static void check_alike(const struct outcome *whole, const struct outcome *cut)
{
    struct slice a = buf_slice(&whole->trace), b = buf_slice(&cut->trace);
    size_t at = 0;
    while (at < a.len && at < b.len && a.data[at] == b.data[at])
        at++;
    if (at < a.len || at < b.len)
        fprintf(stderr, "whole: ...%.*s\ncut: ...%.*s\n", (int)(a.len - at), a.data + at, (int)(b.len - at),
                b.data + at);
    check(whole->ok == cut->ok);
    check(slice_equal(a, b));
}

void parsing_check(struct parsing *parsing, struct slice file, uint64_t cuts, struct parsing_result *result)
{
    struct outcome whole, cut;
    read_file(&whole, parsing->parser, parsing->feed, file, 0);
    read_file(&cut, parsing->parser, parsing->feed, file, cuts);
    check_alike(&whole, &cut);
    check_written_anew(parsing, &whole, DESCRIPTOR_CSV);
    check_written_anew(parsing, &whole, DESCRIPTOR_JSON);
    if (result) {
        *result = (struct parsing_result){whole.ok, whole.rejected, whole.accepted_rows};
        buf_init(&whole.accepted_rows, TRACE_MAX);
    }
    outcome_close(&whole);
    outcome_close(&cut);
}

static void check_by_reference(const struct parsing_result *result, const struct reference *reference)
{
    switch (reference->verdict) {
    case REFERENCE_UNKNOWN:
        break;
    case REFERENCE_FAULTY:
        check(!result->ok || result->rejected > 0);
        break;
    case REFERENCE_SOUND:
        check(result->ok && result->rejected == reference->refused);
        check(slice_equal(buf_slice(&result->rows), buf_slice(&reference->rows)));
        break;
    }
}

/* A file says the same packed, and in UTF-16. */
static void check_recoded(const struct parsing *parsing, const struct parsing_result *result, struct slice file,
                          uint8_t cuts)
{
    struct outcome outcome;
    struct buf recoded;
    buf_init(&recoded, TRACE_MAX);
    bool done = recode(file, (enum recode_way)(cuts % RECODE_WAYS), &recoded);
    /* UTF-16 has twice the bytes, among which the file must tell its form. */
    if (done && (recode_is_packed(buf_slice(&recoded)) || recoded.len <= PARSER_HEAD_MAX)) {
        read_file(&outcome, parsing->parser, parsing->feed, buf_slice(&recoded), cuts & 0x80 ? cuts : 0);
        check(outcome.ok == result->ok && outcome.rejected == result->rejected);
        check(slice_equal(buf_slice(&outcome.accepted_rows), buf_slice(&result->rows)));
        outcome_close(&outcome);
    }
    buf_close(&recoded);
}

void parsing_check_input(struct parsing *const *parsings, size_t count, void refer(struct slice, struct reference *),
                         const uint8_t *data, size_t size)
{
    if (size < 2)
        return;
    size_t chosen = data[0] % count;
    struct slice file = {(const char *)data + 2, size - 2};
    struct parsing_result result;
    parsing_check(parsings[chosen], file, 1 + (uint64_t)data[1], &result);
    if (chosen == 0 && !recode_is_packed(file) && !recode_is_marked(file)) {
        struct reference reference;
        reference_init(&reference);
        refer(file, &reference);
        check_by_reference(&result, &reference);
        reference_close(&reference);
        if (result.ok)
            check_recoded(parsings[0], &result, file, data[1]);
    }
    buf_close(&result.rows);
}
