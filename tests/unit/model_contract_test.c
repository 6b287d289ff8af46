/* What a store holds against a pipeline: the bytes of its files, and the shape that all rows hang on. */
#include "model_pipelines.h"

#include "model/contract.h"

/* --- source and fingerprint --------------------------------------------------------------------------------------- */

static void tells_every_byte_of_its_files_by_its_source(void **state)
{
    struct fixture *f = *state;
    struct digest first = load(f, WHOLE)->source;
    assert_true(digest_equal(&load(f, WHOLE)->source, &first));
    assert_false(digest_equal(&load(f, WHOLE "\n")->source, &first));
    put(f, "s/p.json", WHOLE);
    put(f, "s/Sensors/1.json", SENSORS " ");
    assert_non_null(reload(f));
    assert_false(digest_equal(&f->pipeline->source, &first));
    put(f, "s/Sensors/1.json", SENSORS);
    assert_non_null(reload(f));
    assert_true(digest_equal(&f->pipeline->source, &first));
    assert_int_equal(rename("s/Readings/1.json", "s/Readings/x"), 0);
    assert_non_null(reload(f));
    assert_false(digest_equal(&f->pipeline->source, &first));
}

/* The text with the first `from` in it as `to`; at most two at a time. */
static const char *edited(const char *text, const char *from, const char *to)
{
    static char texts[2][TEXT_MAX];
    static size_t next;
    char *out = texts[next++ % 2];
    const char *at = strstr(text, from);
    assert_non_null(at);
    snprintf(out, TEXT_MAX, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

static struct digest fingerprint_of(struct fixture *f, const char *pipeline, const char *readings, const char *sensors)
{
    put(f, "s/Readings/1.json", readings);
    put(f, "s/Sensors/1.json", sensors);
    return load(f, pipeline)->fingerprint;
}

static void keeps_its_fingerprint_while_files_are_only_read_otherwise(void **state)
{
    struct fixture *f = *state;
    struct digest first = fingerprint_of(f, WHOLE, READINGS_1, SENSORS);
    static const char *const readings[][2] = {
        {"\"Batch\": {", "\"Batch\": {\"from\": [\"batch no\"], \"extract\": \"([0-9]+)\", "},
        {"\"format\": \"csv\"", "\"format\": \"csv\", \"delimiter\": \";\", \"null\": [\"-\"], \"skip\": 2"},
        {"\"Kind\": {\"type\": \"text\"",
         "\"Kind\": {\"type\": \"text\", \"required\": true, \"map\": {\"b\": \"BAD\"}"},
        {"by version 1", "in other words"},
        {"\"Old\": {\"type\": \"int64\"", "\"Old\": {\"type\": \"text\""}, /* which nothing uses */
        {"\"Value\": {\"type\": \"decimal(9,3)\"", "\"Value\": {\"type\": \"decimal(9,3)\", \"default\": \"0\""},
    };
    for (size_t i = 0; i < COUNT_OF(readings); i++) {
        struct digest now = fingerprint_of(f, WHOLE, edited(READINGS_1, readings[i][0], readings[i][1]), SENSORS);
        assert_true(digest_equal(&now, &first));
    }
    static const char *const pipelines[][2] = {{"By room", "Room by room"},
                                               {"\"after\": \"leave\"", "\"after\": \"delete\""},
                                               {"5 seconds", "6 seconds"},
                                               {"\"from\": {\"window\"", "   \"from\":\n {\"window\""},
                                               {"\"doc\": \"Now\"", "\"doc\": \"Newest\""}};
    for (size_t i = 0; i < COUNT_OF(pipelines); i++) {
        struct digest now = fingerprint_of(f, edited(WHOLE, pipelines[i][0], pipelines[i][1]), READINGS_1, SENSORS);
        assert_true(digest_equal(&now, &first));
    }
    /* A version more, whose values the types hold already. */
    put(f, "s/Sensors/7.json", edited(SENSORS, "\"version\": 1", "\"version\": 7"));
    assert_non_null(reload(f));
    assert_true(digest_equal(&f->pipeline->fingerprint, &first));
}

static void changes_its_fingerprint_with_all_that_rows_hang_on(void **state)
{
    struct fixture *f = *state;
    struct digest first = fingerprint_of(f, WHOLE, READINGS_1, SENSORS);
    static const char *const pipelines[][2] = {
        {"\"key\": [\"Batch\", \"Line\"]", "\"key\": [\"Line\", \"Batch\"]"},
        {"\"Line\"],\n", "\"Line\"], \"version_field\": \"Day\",\n"},
        {"\"Line\"],\n", "\"Line\"], \"delete\": {\"Kind\": \"D\"},\n"},
        {"\"Sensor\", \"At\", \"Kind\"]", "\"At\", \"Sensor\", \"Kind\"]"},
        {"\"null\": false", "\"null\": true"},
        {"{\"Level\": {\">\": 1}}", "{\"Level\": {\">=\": 1}}"},
        {"{\"Level\": {\">\": 1}}", "{\"Level\": {\">\": 2}}"},
        {"{\"Level\": {\">\": 1}}", "{\"not\": {\"Level\": {\">\": 1}}}"},
        {"{\"Batch\": \"Of_Batch\"}", "{\"Sensor\": \"Of_Batch\"}"},
        {"\"required\": false", "\"required\": true"},
        {"\"rooms\": {\"doc\"", "\"rooms2\": {\"doc\""},
        {"\"1 hour\"", "\"2 hours\""},
        {"\"1 hour\"", "\"1 month\""},
        {"\"1 hour\"", "\"1 hour\", \"origin\": \"2024-05-06T10:20\""},
        {"\"1 hour\"", "\"1 year\", \"origin\": \"1970-04-01\""},
        {"\"uniform\": [\"Kind\"]", "\"uniform\": [\"Sensor\"]"},
        {"\"to\": {\"window\": \"end\"}", "\"to\": {\"window\": \"end\", \"type\": \"timestamp\"}"},
        {"\"bad\": {\"count\"", "\"Bad\": {\"count\""},
        {"{\"Kind\": \"BAD\"}", "{\"Kind\": \"BAAD\"}"},
        {"{\"avg\": \"Value\"}", "{\"max\": \"Value\"}"},
        {"[\"total\", \"batches\"]", "[\"total\", \"lines\"]"},
        {"[\"x\", \"y\"]", "[\"x\\\" or \\\"y\"]"},
    };
    for (size_t i = 0; i < COUNT_OF(pipelines); i++) {
        const char *pipeline = edited(WHOLE, pipelines[i][0], pipelines[i][1]);
        while (strstr(pipeline, "rooms2") && strstr(pipeline, "\"rooms\"")) /* views follow their table */
            pipeline = edited(pipeline, "\"rooms\"", "\"rooms2\"");
        struct digest now = fingerprint_of(f, pipeline, READINGS_1, SENSORS);
        if (digest_equal(&now, &first))
            fail_msg("%s is no part of the shape", pipelines[i][1]);
    }
    struct digest types[] = {
        fingerprint_of(f, WHOLE, edited(READINGS_1, "decimal(9,3)", "decimal(9,4)"), SENSORS),
        fingerprint_of(f, WHOLE, READINGS_1,
                       edited(SENSORS, "\"Room\": {\"type\": \"text\"", "\"Room\": {\"type\": \"date\""))};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        assert_false(digest_equal(&types[i], &first));
}

/* --- what changed ------------------------------------------------------------------------------------------------- */

static void says_which_descriptors_and_which_part_of_the_shape_changed(void **state)
{
    struct fixture *f = *state;
    struct buf reading, shape, changes;
    buf_init(&reading, CONTRACT_TEXT_MAX);
    buf_init(&shape, CONTRACT_TEXT_MAX);
    buf_init(&changes, CONTRACT_TEXT_MAX);
    (void)load(f, WHOLE);
    contract_reading(f->pipeline, &reading);
    buf_put_slice(&shape, f->pipeline->shape);
    contract_reading_changes(f->pipeline, buf_slice(&reading), &changes);
    contract_shape_change(f->pipeline, buf_slice(&shape), &changes);
    assert_int_equal(changes.len, 0);
    buf_put_text(&shape, "a 1 x\n"); /* no line of a reading */
    buf_put_slice(&shape, buf_slice(&reading));
    contract_reading_changes(f->pipeline, (struct slice){shape.data + f->pipeline->shape.len, 6 + reading.len},
                             &changes);
    assert_int_equal(changes.len, 0);
    shape.len = f->pipeline->shape.len;

    put(f, "s/Readings/1.json", edited(READINGS_1, "decimal(9,3)", "decimal(9,4)"));
    put(f, "s/Sensors/12.json", edited(SENSORS, "\"version\": 1", "\"version\": 12"));
    assert_int_equal(remove("s/Readings/2.json"), 0);
    assert_non_null(reload(f));
    contract_reading_changes(f->pipeline, buf_slice(&reading), &changes);
    assert_slice(buf_slice(&changes), "Readings v1 changed, Sensors v12 added, Readings v2 gone");
    buf_reset(&changes);
    contract_shape_change(f->pipeline, buf_slice(&shape), &changes);
    assert_slice(buf_slice(&changes),
                 "field \"Readings\".\"Value\" decimal(9,4); it was field \"Readings\".\"Value\" decimal(9,3)");
    buf_reset(&changes);
    put(f, "s/Readings/1.json", READINGS_1);
    (void)load(f, edited(WHOLE, "\"Line\"],\n", "\"Line\"], \"version_field\": \"Batch\",\n"));
    contract_shape_change(f->pipeline, buf_slice(&shape), &changes);
    assert_slice(buf_slice(&changes), "new: version_field \"Readings\".\"Batch\"");
    buf_close(&changes);
    buf_close(&shape);
    buf_close(&reading);
}

static void assert_window_line(struct fixture *f, const char *window, const char *line)
{
    char text[TEXT_MAX];
    snprintf(text, sizeof text,
             PIPELINE(FACTS, "\"tables\": {\"t\": {\"window\": {\"on\": \"At\", \"size\": %s}, \"columns\": {\"w\": "
                             "{\"window\": \"start\"}}}}"),
             window);
    struct slice shape = load(f, text)->shape, wanted = slice_of(line);
    if (!memmem(shape.data, shape.len, wanted.data, wanted.len))
        fail_msg("%.*s", (int)shape.len, shape.data);
}

/* That of a week in 2024 is that of the first one in 1970, and midnight of 1970-01-01 is none. */
static void says_where_the_first_window_begins(void **state)
{
    struct fixture *f = *state;
    assert_window_line(f, "\"7 days\", \"origin\": \"2024-01-01\"",
                       " of 604800000000 from 1970-01-05 00:00:00 uniform\n");
    assert_window_line(f, "\"1 hour\", \"origin\": \"1970-01-01 00:59:58.5\"",
                       " of 3600000000 from 1970-01-01 00:59:58.5 uniform\n");
    assert_window_line(f, "\"1 day\", \"origin\": \"1969-12-31T06:00\", \"zone\": \"+03:00\"",
                       " of 86400000000 from 1970-01-01 06:00:00 in \"+03:00\" with rules ");
    assert_window_line(f, "\"1 year\", \"origin\": \"2025-04-01\"", " of 12 months from 1970-04-01 00:00:00 uniform\n");
    assert_window_line(f, "\"1 week\", \"origin\": \"2025-05-01\"", " of 604800000000 uniform\n");
    assert_window_line(f, "\"1 month\", \"origin\": \"2025-05-01\"", " of 1 month uniform\n");
}

static void check_shape_change(const char *before, const char *now, const char *wanted)
{
    static struct pipeline pipeline;
    struct buf changes;
    buf_init(&changes, CONTRACT_TEXT_MAX);
    pipeline.shape = slice_of(now);
    contract_shape_change(&pipeline, slice_of(before), &changes);
    assert_slice(buf_slice(&changes), wanted);
    buf_close(&changes);
}

static void tells_lines_from_longer_ones_that_begin_alike(void **state)
{
    (void)state;
    check_shape_change("key of A\nfilter of A x\n", "filter of A x\n", "no longer key of A");
    check_shape_change("key of A\ngrain a with b\ngrain a with\n", "grain a with\n", "no longer key of A");
    check_shape_change("grain a with\n", "key of A\ngrain a with b\ngrain a with\n", "new: key of A");
    check_shape_change("key of A\n", "key of A b\n", "key of A b; it was key of A");
}

static void tells_the_size_of_a_window_as_it_was_written(void **state)
{
    (void)state;
    check_shape_change(
        "table \"t\" by \"A\".\"x\" window \"A\".\"a \\\" of 5\" of 864000000000 in \"Z\" with rules ab uniform\n",
        "table \"t\" by \"A\".\"x\" window \"A\".\"a \\\" of 5\" of 3600000000 in \"Z\" with rules ab uniform\n",
        "table \"t\" by \"A\".\"x\" window \"A\".\"a \\\\\" of 5\" of 1 hour in \"Z\" with rules ab uniform; "
        "it was table \"t\" by \"A\".\"x\" window \"A\".\"a \\\\\" of 5\" of 10 days in \"Z\" with rules ab uniform");
    check_shape_change("", "table \"t\" by window \"A\".\"at\" of 90000000 uniform\n",
                       "new: table \"t\" by window \"A\".\"at\" of 90 seconds uniform");
    check_shape_change(
        "table \"t\" by window \"A\".\"at\" of 3 months uniform\n",
        "table \"t\" by window \"A\".\"at\" of 1 month in \"Z\" with rules ab uniform\n",
        "table \"t\" by window \"A\".\"at\" of 1 month in \"Z\" with rules ab uniform; it was table \"t\" by "
        "window \"A\".\"at\" of 3 months uniform");
    check_shape_change("table \"t\" by window \"A\".\"at\" of 604800000000 uniform\n",
                       "table \"t\" by window \"A\".\"at\" of 604800000000 from 1970-01-05 00:00:00 uniform\n",
                       "table \"t\" by window \"A\".\"at\" of 7 days from 1970-01-05 00:00:00 uniform; it was table "
                       "\"t\" by window \"A\".\"at\" of 7 days uniform");
    check_shape_change("field \"A\" of 90000000\n", "", "no longer field \"A\" of 90000000");
}

/* Of a long list of values a difference behind what is shown would be none. */
static void shows_where_long_lines_differ(void **state)
{
    (void)state;
    char before[1200], now[1200], changes[1200], same[901];
    memset(same, 'x', sizeof same - 1);
    same[sizeof same - 1] = '\0';
    snprintf(before, sizeof before, "%s=1\n", same);
    snprintf(now, sizeof now, "%s=2, 3\n", same);
    snprintf(changes, sizeof changes, "...%.59s=2, 3; it was ...%.59s=1", same, same);
    check_shape_change(before, now, changes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tells_every_byte_of_its_files_by_its_source),
        TEST(keeps_its_fingerprint_while_files_are_only_read_otherwise),
        TEST(changes_its_fingerprint_with_all_that_rows_hang_on),
        TEST(says_which_descriptors_and_which_part_of_the_shape_changed),
        TEST(says_where_the_first_window_begins),
        TEST(tells_lines_from_longer_ones_that_begin_alike),
        TEST(tells_the_size_of_a_window_as_it_was_written),
        TEST(shows_where_long_lines_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
