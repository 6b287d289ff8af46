#include "parsing.h"

#include "base/text.h"
#include "model/chunk.h"
#include "outcome.h"
#include "recode.h"
#include "reference.h"

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
    buf_init(&file, OUTCOME_TRACE_MAX);
    if (write_anew(outcome, parsing->feed, format, &file)) {
        struct outcome again;
        outcome_read(&again, twin->parser, &twin->feed, buf_slice(&file), 0);
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
    struct outcome whole, cut, parts;
    outcome_read(&whole, parsing->parser, parsing->feed, file, 0);
    outcome_read(&cut, parsing->parser, parsing->feed, file, cuts);
    check_alike(&whole, &cut);
    outcome_read(&parts, parsing->parser, parsing->feed, file, cuts | OUTCOME_PARTS);
    check_alike(&whole, &parts);
    outcome_close(&parts);
    check_written_anew(parsing, &whole, DESCRIPTOR_CSV);
    check_written_anew(parsing, &whole, DESCRIPTOR_JSON);
    if (result) {
        *result = (struct parsing_result){whole.ok, whole.rejected, whole.accepted_rows};
        buf_init(&whole.accepted_rows, OUTCOME_TRACE_MAX);
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
    buf_init(&recoded, OUTCOME_TRACE_MAX);
    bool done = recode(file, (enum recode_way)(cuts % RECODE_WAYS), &recoded);
    /* UTF-16 has twice the bytes, among which the file must tell its form. */
    if (done && (recode_is_packed(buf_slice(&recoded)) || recoded.len <= PARSER_HEAD_MAX)) {
        outcome_read(&outcome, parsing->parser, parsing->feed, buf_slice(&recoded), cuts & 0x80 ? cuts : 0);
        check(outcome.ok == result->ok && outcome.rejected == result->rejected);
        check(slice_equal(buf_slice(&outcome.accepted_rows), buf_slice(&result->rows)));
        outcome_close(&outcome);
    }
    buf_close(&recoded);
}

void parsing_check_input(struct parsing_feed *feeds, size_t count, const uint8_t *data, size_t size)
{
    if (size < 2)
        return;
    struct parsing_feed *feed = &feeds[data[0] % count];
    if (!feed->parsing)
        feed->parsing = parsing_new(parsing_shared_feed(feed->name));
    struct slice file = {(const char *)data + 2, size - 2};
    struct parsing_result result;
    parsing_check(feed->parsing, file, 1 + (uint64_t)data[1], &result);
    if (feed->refer && !recode_is_packed(file) && !recode_is_marked(file)) {
        struct reference reference;
        reference_init(&reference);
        feed->refer(file, &reference);
        check_by_reference(&result, &reference);
        reference_close(&reference);
        if (result.ok)
            check_recoded(feed->parsing, &result, file, data[1]);
    }
    buf_close(&result.rows);
}
