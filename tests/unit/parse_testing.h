/*
 * What the tests of parsing share: a feed from descriptors given as text, a file parsed at every chunk size, and its
 * rows and rejects as text, so that a test reads like the file it is about.
 *
 *     rows     "1@2 7|abc|~\n"                          row 1 begins on line 2; ~ is null
 *     rejects  "2@3:1 Id: found \"x\", ... [x,1]\n"     row 2, line 3, column 1, field, reason, raw
 */
#ifndef DROPFOLD_TESTS_PARSE_TESTING_H
#define DROPFOLD_TESTS_PARSE_TESTING_H

#include "testing.h"

#include "base/buf.h"
#include "model/chunk.h"
#include "parse/parser.h"

enum { PARSE_TEXT_MAX = 64 * 1024 * 1024, PARSE_VERSIONS_MAX = 4 };

/* A feed whose fields are those of all its descriptors, all used. */
struct parse_feed {
    struct feed feed;
    struct arena arena;
    struct doc_problems problems;
    struct feed_version versions[PARSE_VERSIONS_MAX];
    struct feed_field fields[PIPELINE_FIELDS_MAX];
    struct parser *parser;
};

static inline struct descriptor *parse_descriptor(struct parse_feed *f, uint32_t version, const char *text)
{
    char folder[TESTING_PATH_MAX], path[TESTING_PATH_MAX + 16];
    testing_folder_make(folder);
    snprintf(path, sizeof path, "%s/%u.json", folder, version);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    struct descriptor *descriptor = descriptor_load(path, f->feed.name, version, &f->arena, &f->problems);
    if (!descriptor)
        print_error("%.*s", (int)f->problems.text.len, f->problems.text.data);
    assert_non_null(descriptor);
    testing_folder_remove(folder);
    return descriptor;
}

static inline int parse_feed_field(struct parse_feed *f, const struct descriptor_field *field)
{
    for (size_t i = 0; i < f->feed.field_count; i++)
        if (strcmp(f->fields[i].name, field->name) == 0)
            return (int)i;
    assert_in_range(f->feed.field_count, 0, PIPELINE_FIELDS_MAX - 1);
    f->fields[f->feed.field_count] =
        (struct feed_field){.name = field->name, .type = field->type, .min = INT64_MIN, .max = INT64_MAX};
    return (int)f->feed.field_count++;
}

static inline void parse_feed_add(struct parse_feed *f, uint32_t version, const char *text)
{
    struct descriptor *descriptor = parse_descriptor(f, version, text);
    struct feed_version *made = &f->versions[f->feed.version_count++];
    made->descriptor = descriptor;
    made->feed_field = arena_array(&f->arena, descriptor->field_count, sizeof *made->feed_field);
    assert_non_null(made->feed_field);
    for (size_t i = 0; i < descriptor->field_count; i++)
        made->feed_field[i] = parse_feed_field(f, &descriptor->fields[i]);
}

/* Versions are given highest first and numbered down to 1; `second` may be NULL. */
static inline void parse_feed_open(struct parse_feed *f, const char *first, const char *second)
{
    memset(f, 0, sizeof *f);
    arena_init(&f->arena, PARSE_TEXT_MAX);
    doc_problems_init(&f->problems);
    f->feed = (struct feed){.name = "Orders", .fields = f->fields, .versions = f->versions};
    if (second)
        parse_feed_add(f, 2, first);
    parse_feed_add(f, 1, second ? second : first);
}

static inline void parse_feed_close(struct parse_feed *f)
{
    parser_free(f->parser);
    for (size_t i = 0; i < f->feed.version_count; i++)
        descriptor_close(f->versions[i].descriptor);
    doc_problems_close(&f->problems);
    arena_close(&f->arena);
}

/* A feed of this descriptor for one test, and its end. */
static inline int parse_feed_set_up(void **state, const char *descriptor)
{
    static struct parse_feed feed;
    parse_feed_open(&feed, descriptor, NULL);
    *state = &feed;
    return 0;
}

static inline int parse_feed_tear_down(void **state)
{
    parse_feed_close(*state);
    return 0;
}

/* The one parser of the feed, made after its fields were set up. */
static inline struct parser *parse_parser(struct parse_feed *f)
{
    struct error error = {0};
    if (!f->parser)
        f->parser = parser_new(&f->feed, &error);
    assert_non_null(f->parser);
    return f->parser;
}

struct parse_result {
    bool ok;
    struct error error;
    struct buf rows, rejects;
    size_t batches;
    struct file_facts facts;
};

static inline void parse_result_close(struct parse_result *result)
{
    buf_close(&result->rows);
    buf_close(&result->rejects);
    arena_close(&result->facts.arena);
}

static inline void parse_print_rows(const struct feed *feed, const struct batch *batch, struct buf *out)
{
    struct chunk_reader reader;
    struct value values[PIPELINE_FIELDS_MAX];
    enum chunk_result got;
    chunk_reader_init(&reader, feed, buf_slice(&batch->chunk.buf));
    while ((got = chunk_next(&reader, values)) == CHUNK_ROW) {
        buf_printf(out, "%ju@%ju ", (uintmax_t)reader.row, (uintmax_t)reader.line);
        for (size_t i = 0; i < feed->field_count; i++) {
            buf_put_text(out, i > 0 ? "|" : "");
            if (values[i].null)
                buf_put_text(out, "~");
            else
                value_print(feed->fields[i].type, values[i], out);
        }
        buf_put_text(out, "\n");
    }
    assert_int_equal(got, CHUNK_END);
}

static inline void parse_print_rejects(const struct batch *batch, struct buf *out)
{
    for (size_t i = 0; i < batch->reject_count; i++) {
        const struct reject *r = &batch->rejects[i];
        buf_printf(out, "%ju@%ju:%u %.*s: %.*s [", (uintmax_t)r->row, (uintmax_t)r->line, r->column, (int)r->field.len,
                   r->field.data, (int)r->reason.len, r->reason.data);
        buf_put_slice(out, r->raw);
        buf_put_text(out, "]\n");
    }
}

static inline bool parse_take(struct parse_feed *f, struct parse_result *result)
{
    struct batch *batch = NULL;
    assert_ok(parser_take(f->parser, &batch, &result->error), &result->error);
    if (!batch)
        return false;
    result->batches++;
    parse_print_rows(&f->feed, batch, &result->rows);
    parse_print_rejects(batch, &result->rejects);
    batch_free(batch);
    return true;
}

/* The protocol of parser.h. Each chunk is a block of memory of its own, so that a sanitizer sees a read beyond it. */
static inline bool parse_chunks(struct parse_feed *f, struct slice text, size_t chunk, struct parse_result *result)
{
    for (size_t at = 0; at < text.len; at += chunk) {
        size_t len = text.len - at < chunk ? text.len - at : chunk;
        char *copy = testing_heap(text.data + at, len);
        bool ok = parser_feed(f->parser, (struct slice){copy, len}, &result->error);
        free(copy);
        if (!ok)
            return false;
        while (parser_full(f->parser))
            assert_true(parse_take(f, result));
    }
    if (!parser_finish(f->parser, &result->error))
        return false;
    parse_take(f, result);
    assert_false(parse_take(f, result));
    return true;
}

static inline struct parse_result parse_file(struct parse_feed *f, struct slice text, size_t chunk, uint32_t version)
{
    struct parse_result result = {.ok = false};
    buf_init(&result.rows, PARSE_TEXT_MAX);
    buf_init(&result.rejects, PARSE_TEXT_MAX);
    arena_init(&result.facts.arena, PARSE_TEXT_MAX);
    parser_start(parse_parser(f), version);
    result.ok = parse_chunks(f, text, chunk, &result);
    assert_true(parser_facts(f->parser, &result.facts));
    return result;
}

static const size_t parse_chunk_sizes[] = {
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 64, PARSER_INPUT_MAX};

/* Fails unless `text` gives these rows and rejects at every chunk size. */
static inline void parse_check(struct parse_feed *f, struct slice text, const char *rows, const char *rejects)
{
    for (size_t i = 0; i < COUNT_OF(parse_chunk_sizes); i++) {
        struct parse_result result = parse_file(f, text, parse_chunk_sizes[i], 0);
        if (!result.ok)
            print_error("%s\n", result.error.text);
        assert_true(result.ok);
        assert_slice(buf_slice(&result.rows), rows);
        assert_slice(buf_slice(&result.rejects), rejects);
        parse_result_close(&result);
    }
}

/* Fails unless two readings, printed, are alike; shows where they part. */
static inline void parse_assert_alike(struct slice wanted, struct slice got)
{
    enum { SHOWN = 500 };
    size_t at = 0;
    while (at < wanted.len && at < got.len && wanted.data[at] == got.data[at])
        at++;
    if (slice_equal(wanted, got))
        return;
    at -= at < SHOWN / 2 ? at : SHOWN / 2;
    size_t left = wanted.len - at, more = got.len - at;
    fail_msg("wanted ...%.*s\ngot ...%.*s", (int)(left < SHOWN ? left : SHOWN), wanted.data + at,
             (int)(more < SHOWN ? more : SHOWN), got.data + at);
}

/* Fails unless `text` fails as a whole with exactly this message at every chunk size. */
static inline void parse_check_fails(struct parse_feed *f, struct slice text, const char *message)
{
    for (size_t i = 0; i < COUNT_OF(parse_chunk_sizes); i++) {
        struct parse_result result = parse_file(f, text, parse_chunk_sizes[i], 0);
        assert_false(result.ok);
        assert_int_equal(result.error.kind, ERROR_DATA);
        assert_string_equal(result.error.text, message);
        parse_result_close(&result);
    }
}

#endif
