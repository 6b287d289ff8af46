#include "testing.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/contract.h"
#include "model/pipeline.h"
#include "model/timestamp.h"

/*
 * Pipelines over feeds of a weather station, so that nothing here can lean on what the shipped schemas are about. A text
 * under test may hold '@' signs: they are taken out before it is loaded, and each says where a problem is expected.
 */

enum { TEXT_MAX = 8192, PLACES_MAX = 8 };

struct fixture {
    char folder[TESTING_PATH_MAX];
    struct doc_problems problems;
    struct pipeline *pipeline;
    char path[32]; /* of the text that holds the '@' signs */
    struct {
        unsigned line, column;
    } places[PLACES_MAX];
    size_t place_count;
};

/* Writes `text` without its '@' signs, whose places it notes. */
static void put(struct fixture *f, const char *path, const char *text)
{
    unsigned line = 1, column = 1;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (; *text; text++) {
        if (*text == '@') {
            assert_in_range(f->place_count, 0, PLACES_MAX - 1);
            snprintf(f->path, sizeof f->path, "%s", path);
            f->places[f->place_count].line = line;
            f->places[f->place_count++].column = column;
            continue;
        }
        fputc(*text, file);
        column++;
        if (*text == '\n') {
            line++;
            column = 1;
        }
    }
    fclose(file);
}

#define READINGS_1                                                                                                     \
    "{\"feed\": \"Readings\", \"version\": 1, \"format\": \"csv\", \"fields\": {\n"                                    \
    "\"Batch\": {\"type\": \"int64\", \"required\": true, \"doc\": \"The batch, by version 1\"},\n"                    \
    "\"Line\": {\"type\": \"int64\", \"required\": true},\n"                                                           \
    "\"Sensor\": {\"type\": \"int64\", \"required\": true},\n"                                                         \
    "\"At\": {\"type\": \"timestamp\", \"required\": true},\n"                                                         \
    "\"Day\": {\"type\": \"date\", \"required\": true},\n"                                                             \
    "\"Unit\": {\"type\": \"text\", \"required\": true, \"doc\": \"The unit, by version 1\"},\n"                       \
    "\"Kind\": {\"type\": \"text\"},\n"                                                                                \
    "\"Old\": {\"type\": \"int64\", \"required\": true},\n"                                                            \
    "\"Value\": {\"type\": \"decimal(9,3)\"},\n"                                                                       \
    "\"Raw\": {\"type\": \"double\", \"required\": true},\n"                                                           \
    "\"Good\": {\"type\": \"bool\"},\n"                                                                                \
    "\"Clash\": {\"type\": \"int64\"}}}\n"

#define READINGS_2                                                                                                     \
    "{\"feed\": \"Readings\", \"version\": 2, \"format\": \"csv\", \"match\": \"Site\", \"fields\": {\n"               \
    "\"Batch\": {\"type\": \"int64\", \"required\": true, \"doc\": \"The batch, by version 2\"},\n"                    \
    "\"Line\": {\"type\": \"int64\", \"required\": true},\n"                                                           \
    "\"Sensor\": {\"type\": \"int64\", \"required\": true},\n"                                                         \
    "\"At\": {\"type\": \"timestamp\", \"required\": true},\n"                                                         \
    "\"Day\": {\"type\": \"date\", \"required\": true},\n"                                                             \
    "\"Unit\": {\"type\": \"text\", \"required\": true},\n"                                                            \
    "\"Kind\": {\"type\": \"text\"},\n"                                                                                \
    "\"Value\": {\"type\": \"decimal(6,1)\"},\n"                                                                       \
    "\"Raw\": {\"type\": \"double\", \"required\": true},\n"                                                           \
    "\"Good\": {\"type\": \"bool\"},\n"                                                                                \
    "\"Clash\": {\"type\": \"text\"}}}\n"

#define SENSORS                                                                                                        \
    "{\"feed\": \"Sensors\", \"version\": 1, \"format\": \"json\", \"fields\": {\n"                                    \
    "\"Sensor\": {\"type\": \"int64\", \"required\": true},\n"                                                         \
    "\"Room\": {\"type\": \"text\", \"required\": true},\n"                                                            \
    "\"Label\": {\"type\": \"text\"},\n"                                                                               \
    "\"Height\": {\"type\": \"int64\"}}}\n"

#define ALARMS                                                                                                         \
    "{\"feed\": \"Alarms\", \"version\": 1, \"format\": \"csv\", \"fields\": {\n"                                      \
    "\"Id\": {\"type\": \"int64\", \"required\": true},\n"                                                             \
    "\"Of_Batch\": {\"type\": \"int64\"},\n"                                                                           \
    "\"Sensor_Name\": {\"type\": \"text\"},\n"                                                                         \
    "\"Level\": {\"type\": \"int64\"},\n"                                                                              \
    "\"Raw\": {\"type\": \"double\"}}}\n"

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    testing_folder_make(f->folder);
    assert_int_equal(chdir(f->folder), 0);
    doc_problems_init(&f->problems);
    assert_int_equal(mkdir("s", 0777), 0);
    assert_int_equal(mkdir("s/Readings", 0777), 0);
    assert_int_equal(mkdir("s/Sensors", 0777), 0);
    assert_int_equal(mkdir("s/Alarms", 0777), 0);
    put(f, "s/Readings/1.json", READINGS_1);
    put(f, "s/Readings/2.json", READINGS_2);
    put(f, "s/Sensors/1.json", SENSORS);
    put(f, "s/Alarms/1.json", ALARMS);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    pipeline_free(f->pipeline);
    doc_problems_close(&f->problems);
    assert_int_equal(chdir("/"), 0);
    testing_folder_remove(f->folder);
    free(f);
    return 0;
}

static struct pipeline *reload(struct fixture *f)
{
    pipeline_free(f->pipeline);
    doc_problems_close(&f->problems);
    doc_problems_init(&f->problems);
    return f->pipeline = pipeline_load("s/p.json", &f->problems);
}

static const struct pipeline *load(struct fixture *f, const char *text)
{
    put(f, "s/p.json", text);
    if (!reload(f))
        print_error("%.*s\nin %s", (int)f->problems.text.len, f->problems.text.data, text);
    assert_non_null(f->pipeline);
    assert_int_equal(f->problems.count, 0);
    return f->pipeline;
}

/* Loading fails with these messages at the '@' signs, in this order, and no others. */
static void assert_problems(struct fixture *f, size_t count, const char *const *messages)
{
    char wanted[TEXT_MAX];
    size_t len = 0;
    assert_null(reload(f));
    assert_int_equal(f->place_count, count);
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(wanted + len, sizeof wanted - len, "%s:%u:%u: %s\n", f->path, f->places[i].line,
                                f->places[i].column, messages[i]);
    assert_slice(buf_slice(&f->problems.text), wanted);
    f->place_count = 0;
}

static void refused(struct fixture *f, const char *text, const char *message)
{
    put(f, "s/p.json", text);
    assert_problems(f, 1, &message);
}

/* A pipeline of its parts. */
#define PIPELINE(facts, rest) "{\"pipeline\": \"p\",\n\"facts\": " facts ",\n" rest "}"
#define FACTS                 "{\"feed\": \"Readings\"}"
#define GRAIN                                                                                                          \
    "{\"feed\": \"Readings\", \"key\": [\"Batch\", \"Line\"], \"grain\": {\"key\": [\"Batch\"], "                      \
    "\"attributes\": [\"Sensor\", \"At\", \"Kind\"]}}"
#define TABLE "\"tables\": {\"t\": {\"group_by\": [\"Sensor\"], \"columns\": {\"s\": {\"group\": \"Sensor\"}}}}"

/* A table grouped by Sensor with one more column. */
#define COLUMN(column)                                                                                                 \
    PIPELINE(FACTS, "\"tables\": {\"t\": {\"group_by\": [\"Sensor\"], \"columns\": {\"s\": {\"group\": \"Sensor\"},\n" \
                    "\"c\": " column "}}}")

/* The same with a grain, Sensors looked up and Alarms joined. */
#define JOINS                                                                                                          \
    "\"join\": [{\"feed\": \"Sensors\", \"key\": \"Sensor\", \"on\": \"Sensor\"}, "                                    \
    "{\"feed\": \"Alarms\", \"on\": {\"Batch\": \"Of_Batch\"}, \"required\": false}],\n"
#define GRAIN_COLUMN(column)                                                                                           \
    PIPELINE(GRAIN, JOINS "\"tables\": {\"t\": {\"group_by\": [\"Sensor\"], \"columns\": {\"s\": {\"group\": "         \
                          "\"Sensor\"},\n\"c\": " column "}}}")

static const struct column *column_of(const struct pipeline *p)
{
    return &p->tables[0].columns[1];
}

static const struct feed_field *field_of(const struct pipeline *p, size_t feed, const char *name)
{
    for (size_t i = 0; i < p->feeds[feed].field_count; i++)
        if (strcmp(p->feeds[feed].fields[i].name, name) == 0)
            return &p->feeds[feed].fields[i];
    fail_msg("feed %zu has no field %s", feed, name);
    return NULL;
}

/* --- a whole pipeline --------------------------------------------------------------------------------------------- */

#define WHOLE                                                                                                          \
    PIPELINE("{\"feed\": \"Readings\", \"key\": [\"Batch\", \"Line\"],\n"                                              \
             " \"grain\": {\"key\": [\"Batch\"], \"attributes\": [\"Sensor\", \"At\", \"Kind\"]},\n"                   \
             " \"filter\": {\"Value\": {\"null\": false}}}",                                                           \
             "\"join\": [{\"feed\": \"Sensors\", \"key\": [\"Sensor\"], \"on\": \"Sensor\"},\n"                        \
             "           {\"feed\": \"Alarms\", \"on\": {\"Batch\": \"Of_Batch\"}, \"required\": false,\n"             \
             "            \"filter\": {\"Level\": {\">\": 1}}}],\n"                                                    \
             "\"feeds\": {\"Alarms\": {\"after\": \"leave\", \"ready\": \"done\", \"settle\": \"5 seconds\"}},\n"      \
             "\"tables\": {\n"                                                                                         \
             " \"rooms\": {\"doc\": \"By room\", \"group_by\": [\"Sensors.Room\", \"Sensor\"],\n"                      \
             "  \"window\": {\"on\": \"At\", \"size\": \"1 hour\"}, \"uniform\": [\"Kind\"],\n"                        \
             "  \"columns\": {\n"                                                                                      \
             "   \"from\": {\"window\": \"start\", \"type\": \"timestamp\"},\n"                                        \
             "   \"to\": {\"window\": \"end\"},\n"                                                                     \
             "   \"sensor\": {\"group\": \"Sensor\", \"type\": \"integer\", \"doc\": \"Its number\"},\n"               \
             "   \"room\": {\"group\": \"Sensors.Room\"},\n"                                                           \
             "   \"batches\": {\"count\": \"Batch\"},\n"                                                               \
             "   \"bad\": {\"count\": \"Batch\", \"where\": {\"Kind\": \"BAD\"}},\n"                                   \
             "   \"units\": {\"count_distinct\": \"Unit\"},\n"                                                         \
             "   \"total\": {\"sum\": \"Value\"},\n"                                                                   \
             "   \"mean\": {\"avg\": \"Value\"},\n"                                                                    \
             "   \"per_batch\": {\"ratio\": [\"total\", \"batches\"]},\n"                                              \
             "   \"alarms\": {\"sum\": \"Alarms.Level\", \"where\": {\"Alarms.Sensor_Name\": [\"x\", \"y\"]}},\n"      \
             "   \"lines\": {\"count\": \"Line\", \"where\": {\"Unit\": \"C\", \"Kind\": \"GOOD\"}}\n"                 \
             "  }}},\n"                                                                                                \
             "\"views\": {\n"                                                                                          \
             " \"newest\": {\"doc\": \"Now\", \"table\": \"rooms\", \"latest\": {\"by\": [\"sensor\", \"room\"], "     \
             "\"on\": \"from\"}},\n"                                                                                   \
             " \"ever\": {\"table\": \"rooms\", \"by\": [\"room\"], \"columns\": {\n"                                  \
             "   \"total\": {\"sum\": \"total\"}, \"batches\": {\"sum\": \"batches\"},\n"                              \
             "   \"first\": {\"min\": \"from\"}, \"last\": {\"max\": \"to\"},\n"                                       \
             "   \"per_batch\": {\"ratio\": [\"total\", \"batches\"]}}}}")

static void resolves_a_pipeline_of_any_feeds(void **state)
{
    const struct pipeline *p = load(*state, WHOLE);
    assert_string_equal(p->name, "p");
    assert_int_equal(p->feed_count, 3);
    assert_string_equal(p->feeds[0].name, "Readings");
    assert_string_equal(p->feeds[2].name, "Alarms");
    assert_ptr_equal(pipeline_feed(p, SLICE("Sensors")), &p->feeds[1]);
    assert_null(pipeline_feed(p, SLICE("sensors")));

    assert_int_equal(p->feeds[0].key_count, 2);
    assert_true(p->has_grain);
    assert_int_equal(p->grain_key_count, 1);
    assert_int_equal(p->grain_key[0], p->feeds[0].key[0]);
    assert_int_equal(p->grain_attribute_count, 3);
    assert_non_null(p->feeds[0].filter);
    assert_null(p->feeds[1].filter);
    assert_non_null(p->feeds[2].filter);

    assert_int_equal(p->join_count, 2);
    assert_int_equal(p->joins[0].feed, 1);
    assert_true(p->joins[0].lookup);
    assert_true(p->joins[0].required);
    assert_int_equal(p->joins[1].feed, 2);
    assert_false(p->joins[1].lookup);
    assert_false(p->joins[1].required);
    assert_int_equal(p->joins[1].on_count, 1);
    assert_string_equal(p->feeds[0].fields[p->joins[1].fact_field[0]].name, "Batch");
    assert_string_equal(p->feeds[2].fields[p->joins[1].feed_field[0]].name, "Of_Batch");
}

static void knows_what_becomes_of_files(void **state)
{
    const struct pipeline *p = load(*state, WHOLE);
    assert_int_equal(p->feeds[0].after, FEED_ARCHIVE);
    assert_int_equal(p->feeds[0].ready, FEED_READY_SETTLE);
    assert_int_equal(p->feeds[0].settle, TIMESTAMP_SECOND);
    assert_int_equal(p->feeds[2].after, FEED_LEAVE);
    assert_int_equal(p->feeds[2].ready, FEED_READY_DONE_MARKER);
    assert_int_equal(p->feeds[2].settle, 5 * TIMESTAMP_SECOND);
}

static void gives_columns_their_kind_type_and_field(void **state)
{
    const struct pipeline *p = load(*state, WHOLE);
    static const struct {
        const char *name;
        enum column_kind kind;
        enum sql_type type;
        bool not_null;
        uint8_t scale;
    } wanted[] = {
        {"from", COLUMN_WINDOW_START, SQL_TIMESTAMP, true, 0}, {"to", COLUMN_WINDOW_END, SQL_TIMESTAMPTZ, false, 0},
        {"sensor", COLUMN_GROUP, SQL_INTEGER, true, 0},        {"room", COLUMN_GROUP, SQL_TEXT, true, 0},
        {"batches", COLUMN_COUNT, SQL_BIGINT, true, 0},        {"bad", COLUMN_COUNT, SQL_BIGINT, true, 0},
        {"units", COLUMN_COUNT_DISTINCT, SQL_BIGINT, true, 0}, {"total", COLUMN_SUM, SQL_NUMERIC, false, 3},
        {"mean", COLUMN_AVG, SQL_NUMERIC, false, 9},           {"per_batch", COLUMN_RATIO, SQL_NUMERIC, false, 9},
        {"alarms", COLUMN_SUM, SQL_BIGINT, false, 0},          {"lines", COLUMN_COUNT, SQL_BIGINT, true, 0},
    };
    const struct table *t = &p->tables[0];
    assert_int_equal(t->column_count, COUNT_OF(wanted));
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_string_equal(t->columns[i].name, wanted[i].name);
        assert_int_equal(t->columns[i].kind, wanted[i].kind);
        assert_int_equal(t->columns[i].type, wanted[i].type);
        assert_int_equal(t->columns[i].not_null, wanted[i].not_null);
        assert_int_equal(t->columns[i].scale, wanted[i].scale);
    }
    assert_string_equal(t->columns[2].doc, "Its number");
    assert_string_equal(t->columns[4].doc, "The batch, by version 2"); /* its field's, from the newest version */
    assert_string_equal(t->columns[6].doc, "The unit, by version 1");
    assert_null(t->columns[7].doc);
    assert_int_equal(t->columns[9].numerator, 7);
    assert_int_equal(t->columns[9].denominator, 4);
    assert_int_equal(t->columns[10].field.feed, 2);
    assert_int_equal(t->columns[10].field_type.kind, VALUE_INT64);
}

static void knows_which_record_a_where_reads(void **state)
{
    const struct table *t = &load(*state, WHOLE)->tables[0];
    assert_null(t->columns[4].where);
    assert_non_null(t->columns[5].where);
    assert_int_equal(t->columns[5].where_feed, 0);
    assert_true(t->columns[5].where_grain);
    assert_int_equal(t->columns[10].where_feed, 2);
    assert_false(t->columns[10].where_grain);
    assert_int_equal(t->columns[11].where_feed, 0);
    assert_false(t->columns[11].where_grain);
}

static void makes_the_key_of_groups_then_window(void **state)
{
    const struct table *t = &load(*state, WHOLE)->tables[0];
    assert_string_equal(t->name, "rooms");
    assert_string_equal(t->doc, "By room");
    assert_int_equal(t->group_count, 2);
    assert_true(t->windowed);
    assert_int_equal(t->window_size, INT64_C(3600) * TIMESTAMP_SECOND);
    assert_int_equal(t->uniform_count, 1);
    assert_int_equal(t->key_count, 3);
    assert_int_equal(t->key[0], 3);
    assert_int_equal(t->key[1], 2);
    assert_int_equal(t->key[2], 0);
}

static void resolves_views(void **state)
{
    const struct pipeline *p = load(*state, WHOLE);
    assert_int_equal(p->view_count, 2);
    const struct view *latest = &p->views[0], *total = &p->views[1];
    assert_int_equal(latest->kind, VIEW_LATEST);
    assert_string_equal(latest->doc, "Now");
    assert_int_equal(latest->by_count, 2);
    assert_int_equal(latest->by[0], 2);
    assert_int_equal(latest->by[1], 3);
    assert_int_equal(latest->on, 0);
    assert_int_equal(total->kind, VIEW_TOTAL);
    assert_int_equal(total->by_count, 1);
    assert_int_equal(total->column_count, 5);
    assert_int_equal(total->columns[0].function, VIEW_SUM);
    assert_int_equal(total->columns[0].column, 7);
    assert_int_equal(total->columns[2].function, VIEW_MIN);
    assert_int_equal(total->columns[3].function, VIEW_MAX);
    assert_int_equal(total->columns[4].function, VIEW_RATIO);
    assert_int_equal(total->columns[4].numerator, 0);
    assert_int_equal(total->columns[4].denominator, 1);
}

static void keeps_the_fields_it_uses_and_no_others(void **state)
{
    const struct pipeline *p = load(*state, WHOLE);
    static const char *const readings[] = {"Batch", "Line", "Sensor", "At", "Kind", "Value", "Unit"};
    static const char *const alarms[] = {"Of_Batch", "Level", "Sensor_Name"};
    assert_int_equal(p->feeds[0].field_count, COUNT_OF(readings));
    for (size_t i = 0; i < COUNT_OF(readings); i++)
        assert_string_equal(p->feeds[0].fields[i].name, readings[i]);
    assert_int_equal(p->feeds[2].field_count, COUNT_OF(alarms));
    for (size_t i = 0; i < COUNT_OF(alarms); i++)
        assert_string_equal(p->feeds[2].fields[i].name, alarms[i]);
}

static void leads_from_every_version_to_the_feeds_fields(void **state)
{
    const struct feed *feed = &load(*state, WHOLE)->feeds[0];
    assert_int_equal(feed->version_count, 2);
    assert_int_equal(feed->versions[0].descriptor->version, 2);
    assert_int_equal(feed->versions[1].descriptor->version, 1);
    for (size_t i = 0; i < feed->version_count; i++) {
        const struct descriptor *d = feed->versions[i].descriptor;
        size_t used = 0;
        for (size_t j = 0; j < d->field_count; j++) {
            int index = feed->versions[i].feed_field[j];
            used += index >= 0;
            if (index >= 0)
                assert_string_equal(feed->fields[index].name, d->fields[j].name);
        }
        assert_int_equal(used, feed->field_count);
    }
}

static void takes_the_type_that_all_versions_widen_to(void **state)
{
    const struct pipeline *p = load(*state, WHOLE);
    struct value_type type = field_of(p, 0, "Value")->type;
    assert_int_equal(type.kind, VALUE_DECIMAL);
    assert_int_equal(type.precision, 9);
    assert_int_equal(type.scale, 3);
}

/* --- ranges ------------------------------------------------------------------------------------------------------- */

static void narrows_what_an_integer_column_shows(void **state)
{
    const struct pipeline *p = load(*state, WHOLE);
    const struct feed_field *sensor = field_of(p, 0, "Sensor");
    assert_true(sensor->min == INT32_MIN && sensor->max == INT32_MAX);
    assert_string_equal(sensor->holder, "rooms.sensor is integer");
    const struct feed_field *batch = field_of(p, 0, "Batch");
    assert_true(batch->min == INT64_MIN && batch->max == INT64_MAX);
    assert_null(batch->holder);
    p = load(*state, COLUMN("{\"max\": \"Line\", \"type\": \"integer\"}"));
    assert_string_equal(field_of(p, 0, "Line")->holder, "t.c is integer");
}

static void narrows_no_field_under_a_floating_column(void **state)
{
    const struct pipeline *p = load(*state, COLUMN("{\"max\": \"Line\", \"type\": \"real\"}"));
    assert_true(field_of(p, 0, "Line")->max == INT64_MAX);
    assert_null(field_of(p, 0, "Line")->holder);
}

static void narrows_texts_that_are_in_a_primary_key(void **state)
{
    const struct pipeline *p = load(*state, WHOLE);
    assert_int_equal(field_of(p, 1, "Room")->max, PIPELINE_KEY_TEXT_MAX);
    assert_string_equal(field_of(p, 1, "Room")->holder, "rooms.room is in the primary key");
    assert_int_equal(field_of(p, 0, "Unit")->max, TEXT_VALUE_MAX);
    assert_null(field_of(p, 0, "Unit")->holder);
}

static void keeps_windows_within_the_years_that_are_written(void **state)
{
    const struct pipeline *p = load(*state, WHOLE);
    const struct feed_field *at = field_of(p, 0, "At");
    const int64_t hour = INT64_C(3600) * TIMESTAMP_SECOND;
    assert_true(timestamp_window(at->min, hour) >= TIMESTAMP_MIN);
    assert_true(timestamp_window(at->max, hour) + hour <= TIMESTAMP_MAX);
    assert_true(timestamp_window(at->max + 1, hour) + hour > TIMESTAMP_MAX);
    assert_string_equal(at->holder, "windows of rooms end by the year 9999");
    p = load(*state, PIPELINE(FACTS, "\"tables\": {\"t\": {\"window\": {\"on\": \"Day\", \"size\": \"30 days\"}, "
                                     "\"columns\": {\"w\": {\"window\": \"start\"}}}}"));
    const struct feed_field *day = field_of(p, 0, "Day");
    const int64_t size = 30 * TIMESTAMP_DAY;
    assert_true(timestamp_window(day->min * TIMESTAMP_DAY, size) >= TIMESTAMP_MIN);
    assert_true(timestamp_window(day->max * TIMESTAMP_DAY, size) + size <= TIMESTAMP_MAX);
    assert_true((day->max - day->min) % 30 == 29);
}

/* --- types of columns --------------------------------------------------------------------------------------------- */

static void chooses_a_columns_type_by_what_it_is_over(void **state)
{
    static const struct {
        const char *column;
        enum sql_type type;
        uint8_t scale;
    } cases[] = {
        {"{\"sum\": \"Line\"}", SQL_BIGINT, 0},    {"{\"sum\": \"Line\", \"type\": \"numeric\"}", SQL_NUMERIC, 0},
        {"{\"sum\": \"Value\"}", SQL_NUMERIC, 3},  {"{\"sum\": \"Value\", \"type\": \"double\"}", SQL_DOUBLE, 0},
        {"{\"avg\": \"Line\"}", SQL_DOUBLE, 0},    {"{\"avg\": \"Line\", \"type\": \"numeric\"}", SQL_NUMERIC, 6},
        {"{\"avg\": \"Value\"}", SQL_NUMERIC, 9},  {"{\"min\": \"Line\"}", SQL_BIGINT, 0},
        {"{\"max\": \"Value\"}", SQL_NUMERIC, 3},  {"{\"max\": \"Value\", \"type\": \"real\"}", SQL_REAL, 0},
        {"{\"min\": \"Raw\"}", SQL_DOUBLE, 0},     {"{\"max\": \"Day\"}", SQL_DATE, 0},
        {"{\"max\": \"At\"}", SQL_TIMESTAMPTZ, 0}, {"{\"min\": \"Unit\"}", SQL_TEXT, 0},
        {"{\"count\": \"Raw\"}", SQL_BIGINT, 0},   {"{\"count_distinct\": \"Good\"}", SQL_BIGINT, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[TEXT_MAX];
        snprintf(text, sizeof text, COLUMN("%s"), cases[i].column);
        const struct column *column = column_of(load(*state, text));
        assert_int_equal(column->type, cases[i].type);
        assert_int_equal(column->scale, cases[i].scale);
    }
}

static void refuses_columns_that_make_no_sense(void **state)
{
    refused(*state, COLUMN("{\"sum\": @\"Unit\"}"), "\"sum\" over \"Unit\", which is text, expected a number");
    refused(*state, COLUMN("{\"sum\": @\"Raw\"}"),
            "\"sum\" over \"Raw\", which is double: floating numbers give other results in another order; declare a "
            "decimal");
    refused(*state, COLUMN("{\"avg\": @\"Day\"}"), "\"avg\" over \"Day\", which is date, expected a number");
    refused(*state, COLUMN("{\"min\": @\"Good\"}"),
            "\"min\" over \"Good\", which is bool, expected a field with an order");
    refused(*state, COLUMN("{\"max\": \"Value\", \"type\": @\"integer\"}"),
            "\"max\" of \"Value\" cannot be integer, expected numeric, double or real");
    refused(*state, COLUMN("{\"count\": \"Line\", \"type\": @\"integer\"}"),
            "\"count\" of \"Line\" cannot be integer, expected bigint, numeric or double");
    refused(*state, COLUMN("{\"max\": \"Day\", \"type\": @\"text\"}"),
            "\"max\" of \"Day\" cannot be text, expected date");
}

static void refuses_columns_that_say_nothing_or_too_much(void **state)
{
    refused(*state, COLUMN("@{\"type\": \"bigint\"}"),
            "column \"c\" needs one of group, window, count, count_distinct, sum, avg, min, max, ratio or files");
    refused(*state, COLUMN("{\"sum\": \"Line\", @\"count\": \"Line\"}"), "a column is either \"sum\" or \"count\"");
    refused(*state, COLUMN("@5"), "column \"c\" is a number, expected an object such as {\"count\": \"Field\"}");
    refused(
        *state, COLUMN("{@\"summ\": \"Line\"}"),
        "unknown word \"summ\", expected group, window, count, count_distinct, sum, avg, min, max, ratio, files, type, "
        "where or doc; did you mean \"sum\"?");
    refused(*state, COLUMN("{\"sum\": \"Line\", \"type\": @\"bigit\"}"),
            "unknown word \"bigit\", expected integer, bigint, real, double, numeric, text, boolean, date, timestamp "
            "or timestamptz; did you mean \"bigint\"?");
    refused(*state, COLUMN("{\"group\": @\"Line\"}"), "\"Line\" is not in \"group_by\" of this table");
    refused(*state, COLUMN("{\"window\": @\"start\"}"), "this table has no \"window\"");
    refused(*state, COLUMN("{\"group\": \"Sensor\", @\"where\": {\"Line\": 1}}"), "\"group\" takes no \"where\"");
}

static void refuses_ratios_of_what_does_not_add_up(void **state)
{
    refused(*state, COLUMN("{\"ratio\": @[\"s\"]}"),
            "\"ratio\" needs a list of two columns, as in [\"Total\", \"Count\"]");
    refused(*state, COLUMN("{\"max\": \"Line\"}, \"n\": {\"count\": \"Line\"}, \"r\": {\"ratio\": [@\"c\", \"n\"]}"),
            "\"c\" is neither a count nor a sum, so it cannot be in a ratio");
    refused(*state, COLUMN("{\"count\": \"Line\"}, \"r\": {\"ratio\": [\"c\", @\"d\"]}"),
            "unknown column \"d\" of table \"t\"");
    refused(*state, COLUMN("{\"count\": \"Line\"}, \"r\": {\"ratio\": [\"c\", \"c\"], \"type\": @\"bigint\"}"),
            "a ratio cannot be bigint, expected double, numeric or real");
}

static void tells_a_broken_column_once(void **state)
{
    refused(*state, COLUMN("{\"sum\": @\"Valeu\"}, \"n\": {\"count\": \"Line\"}, \"r\": {\"ratio\": [\"c\", \"n\"]}"),
            "unknown field \"Valeu\" of Readings; did you mean \"Value\"?");
}

/* --- where -------------------------------------------------------------------------------------------------------- */

static void refuses_a_where_over_the_wrong_record(void **state)
{
    refused(*state, GRAIN_COLUMN("{\"count\": \"Batch\", \"where\": {@\"Unit\": \"C\"}}"),
            "\"Unit\" differs from line to line; \"where\" reads grain keys and attributes here");
    refused(*state, GRAIN_COLUMN("{\"count\": \"Alarms.Level\", \"where\": {@\"Unit\": \"C\"}}"),
            "\"Unit\" differs from line to line; \"where\" reads grain keys and attributes here");
    refused(*state, GRAIN_COLUMN("{\"count\": \"Alarms.Level\", \"where\": {@\"Sensors.Room\": \"C\"}}"),
            "\"where\" reads Sensors, expected Alarms, which the column is over, or the facts");
    refused(*state, GRAIN_COLUMN("{\"count\": \"Alarms.Level\", \"where\": {\"Alarms.Level\": 1, @\"Kind\": \"C\"}}"),
            "\"where\" reads two feeds, Alarms and Readings, expected one");
}

static void lets_a_where_read_what_fits_its_column(void **state)
{
    const struct column *column =
        column_of(load(*state, GRAIN_COLUMN("{\"count\": \"Alarms.Level\", \"where\": {\"Kind\": \"x\"}}")));
    assert_int_equal(column->where_feed, 0);
    assert_true(column->where_grain);
    column = column_of(load(*state, GRAIN_COLUMN("{\"sum\": \"Value\", \"where\": {\"Unit\": \"C\"}}")));
    assert_int_equal(column->where_feed, 0);
    assert_false(column->where_grain);
    column = column_of(load(*state, GRAIN_COLUMN("{\"sum\": \"Value\", \"where\": {\"Readings.Kind\": \"C\"}}")));
    assert_true(column->where_grain);
    column = column_of(load(*state, COLUMN("{\"count\": \"Line\", \"where\": {\"Value\": {\">\": 0.5}}}")));
    assert_false(column->where_grain);
}

/* --- feeds -------------------------------------------------------------------------------------------------------- */

static void refuses_names_that_cannot_be_folders(void **state)
{
    static const char rule[] = "cannot name a feed: it names a folder, 1 to 63 bytes, without '/' or a dot in front";
    static const char *const names[] = {"", ".", "..", ".x", "a/b", "/"};
    char text[TEXT_MAX], message[256];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(text, sizeof text, PIPELINE("{\"feed\": @\"%s\"}", TABLE), names[i]);
        snprintf(message, sizeof message, "\"%s\" %s", names[i], rule);
        refused(*state, text, message);
    }
    char name[65] = {0};
    memset(name, 'x', 64);
    snprintf(text, sizeof text, PIPELINE("{\"feed\": @\"%s\"}", TABLE), name);
    snprintf(message, sizeof message, "\"%s\" %s", name, rule);
    refused(*state, text, message);
    refused(*state, PIPELINE("{\"feed\": @\"Archive\"}", TABLE),
            "\"Archive\" cannot name a feed: dropfold keeps its own files in that folder");
}

static void refuses_a_feed_that_stands_twice(void **state)
{
    refused(*state, PIPELINE(FACTS, "\"join\": [{\"feed\": @\"readings\", \"on\": \"Batch\"}],\n" TABLE),
            "\"readings\" is a feed of this pipeline already");
}

static void refuses_a_feed_without_descriptors(void **state)
{
    refused(*state, PIPELINE("{\"feed\": @\"Winds\"}", TABLE),
            "no descriptors: folder s/Winds: No such file or directory");
    assert_int_equal(mkdir("s/Rains", 0777), 0);
    refused(*state, PIPELINE("{\"feed\": @\"Rains\"}", TABLE), "no descriptors: folder s/Rains has no 1.json");
}

static void finds_descriptors_by_their_number(void **state)
{
    struct fixture *f = *state;
    put(f, "s/Sensors/README.md", "not one");
    put(f, "s/Sensors/.2.json", "not one either");
    put(f, "s/Sensors/2.json~", "nor this");
    load(f, WHOLE);
    static const char *const names[] = {"latest.json", "02.json", "0.json", "1000001.json", "2x.json", "-1.json"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[64], wanted[256];
        snprintf(path, sizeof path, "s/Sensors/%s", names[i]);
        put(f, path, "{}");
        assert_null(reload(f));
        snprintf(wanted, sizeof wanted, "%s:1:1: a descriptor's file is named by its version, as in 1.json\n", path);
        assert_slice(buf_slice(&f->problems.text), wanted);
        assert_int_equal(unlink(path), 0);
    }
}

static void reports_a_broken_descriptor_and_holds_nothing_else_against_it(void **state)
{
    struct fixture *f = *state;
    load(f, WHOLE);
    put(f, "s/Sensors/1.json",
        "{\"feed\": \"Sensors\", \"version\": 1, \"format\": \"json\", \"fields\": {@\"Se nsor\": {\"type\": "
        "\"text\"}}}");
    const char *message = "\"Se nsor\" cannot name a field: letters, digits and _ only, at most 63, no digit first";
    assert_problems(f, 1, &message);
}

static void refuses_types_of_which_none_holds_the_others(void **state)
{
    struct fixture *f = *state;
    load(f, COLUMN("{\"count\": \"Line\"}"));
    put(f, "s/p.json", COLUMN("{\"count\": \"Clash\"}"));
    assert_null(reload(f));
    assert_slice(buf_slice(&f->problems.text),
                 "s/Readings/2.json:12:19: \"Clash\" is text here and int64 in s/Readings/1.json, and neither holds "
                 "every value of the other\n");
}

static void refuses_options_of_feeds_it_does_not_know(void **state)
{
    refused(*state, PIPELINE(FACTS, "\"feeds\": {@\"Reading\": {}},\n" TABLE),
            "\"Reading\" is no feed of this pipeline; did you mean \"Readings\"?");
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": @3},\n" TABLE),
            "\"Readings\" is a number, expected an object such as {\"after\": \"leave\"}");
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"after\": @\"archiv\"}},\n" TABLE),
            "unknown word \"archiv\", expected archive, leave or delete; did you mean \"archive\"?");
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"ready\": @\"never\"}},\n" TABLE),
            "unknown word \"never\", expected settle or done");
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"settle\": @\"soon\"}},\n" TABLE),
            "\"settle\" is \"soon\", expected a time such as \"1 second\" or \"2 minutes\"");
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"settle\": @\"2 days\"}},\n" TABLE),
            "\"settle\" is \"2 days\", expected at most 1 day");
}

static void knows_what_a_file_at_a_known_path_means(void **state)
{
    const struct pipeline *p = load(*state, WHOLE);
    assert_int_equal(p->feeds[0].on_change, FEED_UPSERT);
    assert_int_equal(p->feeds[1].on_change, FEED_UPSERT);
    assert_int_equal(p->feeds[2].on_change, FEED_APPEND);
    p = load(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"on_change\": \"replace\"}},\n" TABLE));
    assert_int_equal(p->feeds[0].on_change, FEED_REPLACE);
    p = load(*state, PIPELINE(GRAIN, "\"feeds\": {\"Readings\": {\"on_change\": \"reject\"}},\n" TABLE));
    assert_int_equal(p->feeds[0].on_change, FEED_REJECT);
    p = load(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"on_change\": \"append\"}},\n" TABLE));
    assert_int_equal(p->feeds[0].on_change, FEED_APPEND);
    p = load(*state, PIPELINE(GRAIN, "\"feeds\": {\"Readings\": {\"on_change\": \"upsert\"}},\n" TABLE));
    assert_int_equal(p->feeds[0].on_change, FEED_UPSERT);
}

static void knows_how_many_rows_may_be_rejected(void **state)
{
    const struct pipeline *p = load(*state, WHOLE);
    assert_false(p->feeds[0].limits.by_count || p->feeds[0].limits.by_percent);
    p = load(*state,
             PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"max_rejects\": 0, \"max_rejects_percent\": 2.5}},\n" TABLE));
    assert_true(p->feeds[0].limits.by_count && p->feeds[0].limits.by_percent);
    assert_int_equal(p->feeds[0].limits.count, 0);
    assert_int_equal(p->feeds[0].limits.percent, 25000);
    assert_string_equal(p->feeds[0].limits.percent_text, "2.5");
}

static void refuses_limits_that_are_none(void **state)
{
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"max_rejects\": @-1}},\n" TABLE),
            "\"max_rejects\" is -1, expected an integer from 0 to 1000000000");
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"max_rejects_percent\": @100.0001}},\n" TABLE),
            "\"max_rejects_percent\" is 100.0001, expected a number from 0 to 100 with at most 4 places");
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"max_rejects_percent\": @0.00001}},\n" TABLE),
            "\"max_rejects_percent\" is 0.00001, expected a number from 0 to 100 with at most 4 places");
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"max_rejects_percent\": @\"5\"}},\n" TABLE),
            "\"max_rejects_percent\" is a text, expected a number from 0 to 100 with at most 4 places");
}

static void refuses_a_meaning_that_goes_against_the_key(void **state)
{
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"on_change\": @\"replce\"}},\n" TABLE),
            "unknown word \"replce\", expected upsert, append, replace or reject; did you mean \"replace\"?");
    refused(*state, PIPELINE(FACTS, "\"feeds\": {\"Readings\": {\"on_change\": @\"upsert\"}},\n" TABLE),
            "\"on_change\" is \"upsert\", but Readings has no \"key\", expected append, replace or reject");
    refused(*state, PIPELINE(GRAIN, "\"feeds\": {\"Readings\": {\"on_change\": @\"append\"}},\n" TABLE),
            "\"on_change\" is \"append\", but Readings has a \"key\", expected upsert, replace or reject");
}

/* --- keys, grain, joins, filters ---------------------------------------------------------------------------------- */

static void refuses_keys_that_a_version_lacks_or_leaves_null(void **state)
{
    refused(*state, PIPELINE("{\"feed\": \"Readings\", \"key\": [\"Batch\", @\"Old\"]}", TABLE),
            "\"Old\" is not in s/Readings/2.json, but a key field must be in every version");
    const char *const messages[] = {
        "\"Kind\" can be null by s/Readings/2.json, but a key field cannot: make it \"required\" there",
        "\"Kind\" can be null by s/Readings/1.json, but a key field cannot: make it \"required\" there"};
    put(*state, "s/p.json", PIPELINE("{\"feed\": \"Readings\", \"key\": @@\"Kind\"}", TABLE));
    assert_problems(*state, 2, messages);
}

static void refuses_lists_of_fields_that_are_no_keys(void **state)
{
    refused(*state, PIPELINE("{\"feed\": \"Readings\", \"key\": @[]}", TABLE),
            "\"key\" is empty, expected fields of Readings");
    refused(*state, PIPELINE("{\"feed\": \"Readings\", \"key\": [\"Line\", @\"Line\"]}", TABLE),
            "\"Line\" stands twice in \"key\"");
    refused(*state,
            PIPELINE("{\"feed\": \"Readings\", \"key\": @[\"Batch\", \"Line\", \"Sensor\", \"Unit\", \"Day\"]}", TABLE),
            "\"key\" has 5 fields, expected at most 4");
    refused(*state, PIPELINE("{\"feed\": \"Readings\", \"key\": [@\"Bacth\"]}", TABLE),
            "unknown field \"Bacth\" of Readings; did you mean \"Batch\"?");
}

static void refuses_a_grain_that_cuts_through_records(void **state)
{
    refused(*state,
            PIPELINE("{\"feed\": \"Readings\", \"key\": \"Line\", \"grain\": {\"key\": [@\"Batch\"], \"attributes\": "
                     "\"Sensor\"}}",
                     TABLE),
            "grain key \"Batch\" must be among the facts' key fields too");
    refused(*state,
            PIPELINE("{\"feed\": \"Readings\", \"grain\": {\"key\": \"Batch\", \"attributes\": [\"Sensor\", "
                     "@\"Batch\"]}}",
                     TABLE),
            "\"Batch\" is a grain key already");
    refused(*state,
            PIPELINE("{\"feed\": \"Readings\", \"grain\": {\"key\": \"Batch\", \"attributes\": [\"Sensor\", "
                     "@\"Old\"]}}",
                     TABLE),
            "\"Old\" is not in s/Readings/2.json, but a grain attribute must be in every version");
    refused(*state, PIPELINE("{\"feed\": \"Readings\", \"grain\": @{\"attributes\": \"Sensor\"}}", TABLE),
            "\"key\" is missing");
}

static void wants_grouping_and_joins_by_the_grain(void **state)
{
    refused(*state,
            PIPELINE(GRAIN, "\"tables\": {\"t\": {\"group_by\": [@\"Unit\"], \"columns\": {\"u\": {\"group\": "
                            "\"Unit\"}}}}"),
            "\"Unit\" is neither a grain key nor an attribute, so it cannot be in group_by");
    refused(*state,
            PIPELINE(GRAIN, "\"tables\": {\"t\": {\"window\": {\"on\": @\"Day\", \"size\": \"1 day\"}, \"columns\": "
                            "{\"w\": {\"window\": \"start\"}}}}"),
            "\"Day\" is neither a grain key nor an attribute, so it cannot be a window's field");
    refused(*state, PIPELINE(GRAIN, "\"join\": [{\"feed\": \"Alarms\", \"on\": {@\"Line\": \"Level\"}}],\n" TABLE),
            "\"Line\" is neither a grain key nor an attribute, so it cannot be joined on");
}

static void refuses_joins_that_never_match(void **state)
{
    refused(*state,
            PIPELINE(FACTS, "\"join\": [{\"feed\": \"Alarms\", \"on\": {@\"Sensor\": \"Sensor_Name\"}}],\n" TABLE),
            "\"Sensor\" is int64 in Readings and \"Sensor_Name\" is text in Alarms: fields of unlike types are never "
            "equal");
    refused(*state, PIPELINE(FACTS, "\"join\": [{\"feed\": \"Alarms\", \"on\": @\"Raw\"}],\n" TABLE),
            "\"Raw\" is double: floating numbers are not joined on; declare a decimal");
}

static void refuses_joins_that_are_not_said_right(void **state)
{
    refused(*state, PIPELINE(FACTS, "\"join\": [@{\"feed\": \"Alarms\"}],\n" TABLE), "\"on\" is missing");
    refused(*state, PIPELINE(FACTS, "\"join\": [{\"feed\": \"Alarms\", \"on\": @[]}],\n" TABLE),
            "\"on\" has 0 fields, expected 1 to 4");
    refused(*state, PIPELINE(FACTS, "\"join\": [{\"feed\": \"Alarms\", \"on\": @7}],\n" TABLE),
            "\"on\" is a number, expected a text or a list of texts");
    refused(*state, PIPELINE(FACTS, "\"join\": [{\"feed\": \"Alarms\", \"on\": {\"Batch\": @1}}],\n" TABLE),
            "\"Batch\" is joined on a number, expected the name of a field");
    refused(*state,
            PIPELINE(FACTS, "\"join\": [{\"feed\": \"Alarms\", \"on\": {\"Batch\": \"Of_Batch\", @\"Sensor\": "
                            "\"Of_Batch\"}}],\n" TABLE),
            "\"Sensor\" stands twice in \"on\"");
    refused(
        *state,
        PIPELINE(FACTS,
                 "\"join\": [{\"feed\": \"Alarms\", \"on\": {\"Batch\": \"Of_Batch\"}, @\"inner\": true}],\n" TABLE),
        "unknown word \"inner\", expected feed, key, version_field, delete, on, required or filter");
    refused(*state, PIPELINE(FACTS, "\"join\": @{},\n" TABLE), "\"join\" is an object, expected a list of objects");
    refused(*state, PIPELINE(FACTS, "\"join\": [@1],\n" TABLE), "\"join\" lists a number, expected objects only");
}

static void reads_versions_and_delete_markers(void **state)
{
    const struct pipeline *p =
        load(*state, PIPELINE("{\"feed\": \"Readings\", \"key\": [\"Sensor\"], \"version_field\": \"Batch\", "
                              "\"delete\": {\"Batch\": 0}}",
                              TABLE));
    assert_true(p->feeds[0].versioned);
    assert_string_equal(p->feeds[0].fields[p->feeds[0].version_field].name, "Batch");
    assert_non_null(p->feeds[0].deletes);
}

static void refuses_versions_that_do_not_rank(void **state)
{
    refused(*state, PIPELINE("{\"feed\": \"Readings\", \"version_field\": @\"Batch\"}", TABLE),
            "\"version_field\" without a \"key\": every row is a record");
    refused(*state, PIPELINE("{\"feed\": \"Readings\", \"delete\": @{\"Batch\": 1}}", TABLE),
            "\"delete\" without a \"key\": every row is a record");
    refused(*state, PIPELINE("{\"feed\": \"Readings\", \"key\": [\"Sensor\"], \"version_field\": @\"Kind\"}", TABLE),
            "\"Kind\" is text: a version is an int64, a decimal, a date or a timestamp");
    refused(*state, PIPELINE("{\"feed\": \"Readings\", \"key\": [\"Sensor\"], \"version_field\": @\"Bitch\"}", TABLE),
            "unknown field \"Bitch\" of Readings; did you mean \"Batch\"?");
}

static void refuses_a_filter_over_another_feed(void **state)
{
    refused(*state,
            PIPELINE("{\"feed\": \"Readings\", \"filter\": {@\"Alarms.Level\": 1}}",
                     "\"join\": [{\"feed\": \"Alarms\", \"on\": {\"Batch\": \"Of_Batch\"}}],\n" TABLE),
            "\"Alarms.Level\" is not of Readings: a filter reads its own feed only");
    refused(*state,
            PIPELINE(FACTS, "\"join\": [{\"feed\": \"Alarms\", \"on\": {\"Batch\": \"Of_Batch\"}, \"filter\": "
                            "{@\"Unit\": \"C\"}}],\n" TABLE),
            "unknown field \"Unit\" of Alarms");
    load(*state, PIPELINE(FACTS, "\"join\": [{\"feed\": \"Alarms\", \"on\": {\"Batch\": \"Of_Batch\"}, \"filter\": "
                                 "{\"Alarms.Level\": 2}}],\n" TABLE));
}

/* --- tables ------------------------------------------------------------------------------------------------------- */

static void refuses_groups_that_can_be_null_or_are_floating(void **state)
{
    struct fixture *f = *state;
    const char *const messages[] = {
        "\"Kind\" can be null by s/Readings/2.json, but a group_by field cannot: make it \"required\" there",
        "\"Kind\" can be null by s/Readings/1.json, but a group_by field cannot: make it \"required\" there"};
    put(f, "s/p.json",
        PIPELINE(FACTS, "\"tables\": {\"t\": {\"group_by\": @@\"Kind\", \"columns\": {\"k\": {\"group\": "
                        "\"Kind\"}}}}"));
    assert_problems(f, 2, messages);
    refused(
        f, PIPELINE(FACTS, "\"tables\": {\"t\": {\"group_by\": @\"Raw\", \"columns\": {\"r\": {\"group\": \"Raw\"}}}}"),
        "group_by over \"Raw\", which is double: declare a decimal");
}

static void groups_by_a_joined_field_only_where_there_is_one_record(void **state)
{
    static const char by_room[] =
        "{\"pipeline\": \"p\",\n\"facts\": {\"feed\": \"Readings\"},\n\"join\": [{\"feed\": \"Sensors\", %s \"on\": "
        "\"Sensor\"}],\n\"tables\": {\"t\": {\"group_by\": [@\"Sensors.Room\"], \"columns\": {\"r\": {\"group\": "
        "\"Sensors.Room\"}}}}}";
    char text[TEXT_MAX];
    snprintf(text, sizeof text, by_room, "");
    refused(*state, text,
            "group_by over Sensors needs one record at most to join: give Sensors a key and join \"on\" all of it");
    snprintf(text, sizeof text, by_room, "\"key\": \"Sensor\", \"required\": false,");
    refused(*state, text, "group_by over Sensors, whose join is not required: it can be null");
    snprintf(text, sizeof text, by_room, "\"key\": \"Sensor\",");
    assert_int_equal(load(*state, text)->tables[0].group_by[0].feed, 1);
}

static void refuses_tables_without_groups_or_without_their_key(void **state)
{
    refused(*state, PIPELINE(FACTS, "\"tables\": {@\"t\": {\"columns\": {\"n\": {\"count\": \"Line\"}}}}"),
            "table \"t\" needs a \"group_by\" or a \"window\"");
    refused(*state,
            PIPELINE(FACTS, "\"tables\": {@\"t\": {\"group_by\": \"Sensor\", \"columns\": {\"n\": {\"count\": "
                            "\"Line\"}}}}"),
            "table \"t\" is grouped by \"Sensor\" but has no column {\"group\": \"Sensor\"}");
    refused(*state,
            PIPELINE(FACTS, "\"tables\": {@\"t\": {\"window\": {\"on\": \"At\", \"size\": \"1 day\"}, \"columns\": "
                            "{\"n\": {\"window\": \"end\"}}}}"),
            "table \"t\" has windows but no column {\"window\": \"start\"}");
    refused(*state,
            PIPELINE(FACTS, "\"tables\": {\"t\": {\"group_by\": [\"Sensor\", @\"Sensor\"], \"columns\": "
                            "{\"s\": {\"group\": \"Sensor\"}}}}"),
            "\"Sensor\" stands twice in \"group_by\"");
}

static void refuses_windows_that_make_no_sense(void **state)
{
#define WINDOW(window)                                                                                                 \
    PIPELINE(FACTS, "\"join\": [{\"feed\": \"Alarms\", \"on\": {\"Batch\": \"Of_Batch\"}}],\n"                         \
                    "\"tables\": {\"t\": {\"window\": " window ", \"columns\": {\"w\": {\"window\": \"start\"}}}}")
    refused(*state, WINDOW("{\"on\": @\"Unit\", \"size\": \"1 day\"}"),
            "a window is on a timestamp or a date, \"Unit\" is text");
    refused(*state, WINDOW("{\"on\": @\"Alarms.Level\", \"size\": \"1 day\"}"),
            "a window is on a field of the facts, \"Level\" is of Alarms");
    refused(*state, WINDOW("{\"on\": \"At\", \"size\": @\"often\"}"),
            "\"size\" is \"often\", expected a time such as \"10 days\" or \"1 hour\"");
    refused(*state, WINDOW("{\"on\": \"At\", \"size\": @\"99999 days\"}"),
            "\"size\" is \"99999 days\", expected at most 36525 days");
    refused(*state, WINDOW("{\"on\": \"Day\", \"size\": @\"36 hours\"}"),
            "\"size\" is \"36 hours\", expected whole days for a date");
    refused(*state, WINDOW("@{\"on\": \"At\"}"), "\"size\" is missing");
    refused(*state, WINDOW("{\"on\": \"Day\", \"size\": \"1 day\", \"zone\": @\"Etc/UTC\"}"),
            "\"zone\" is for windows on a timestamp only, a date is the same everywhere");
    refused(*state, WINDOW("{\"on\": \"At\", \"size\": @\"36 hours\", \"zone\": \"Etc/UTC\"}"),
            "\"size\" is \"36 hours\", expected whole days in a zone");
    refused(*state, WINDOW("{\"on\": \"At\", \"size\": \"1 day\", \"zone\": @\"\"}"),
            "\"zone\" is \"\", expected how far east of UTC, such as \"+03:00\", or a name such as \"Africa/Lagos\"");
}

/* Two tables with the windows `a` and `b`, and a retention. */
#define RETAINED(a, b, retention)                                                                                      \
    PIPELINE(FACTS, "\"tables\": {\"t\": {" a "\"columns\": {\"f\": {\"window\": \"start\"}}},\n"                      \
                    "\"u\": {" b "\"columns\": {\"f\": {\"window\": \"start\"}}}},\n\"retention\": " retention)
#define WINDOWS(on, size) "\"window\": {\"on\": " on ", \"size\": " size "}, "
#define TEN_DAYS          WINDOWS("\"At\"", "\"10 days\"")

static void knows_when_windows_close(void **state)
{
    struct fixture *f = *state;
    const struct pipeline *p = load(f, RETAINED(TEN_DAYS, TEN_DAYS, "{\"lateness\": \"30 days\"}"));
    assert_true(p->retention.on);
    assert_int_equal(p->retention.lateness, 30 * TIMESTAMP_DAY);
    assert_int_equal(p->retention.max_ahead, TIMESTAMP_DAY);
    p = load(f, RETAINED(TEN_DAYS, WINDOWS("\"At\"", "\"240 hours\""),
                         "{\"lateness\": \"1 hour\", \"max_ahead\": \"2 weeks\"}"));
    assert_int_equal(p->retention.lateness, TIMESTAMP_DAY / 24);
    assert_int_equal(p->retention.max_ahead, 14 * TIMESTAMP_DAY);
    assert_false(load(f, PIPELINE(FACTS, TABLE))->retention.on);
}

static void refuses_a_retention_that_makes_no_sense(void **state)
{
    struct fixture *f = *state;
    refused(f, RETAINED(TEN_DAYS, TEN_DAYS, "@{\"max_ahead\": \"1 day\"}"), "\"lateness\" is missing");
    refused(f, RETAINED(TEN_DAYS, TEN_DAYS, "@7"), "\"retention\" is a number, expected an object");
    refused(f, RETAINED(TEN_DAYS, TEN_DAYS, "{\"lateness\": @\"soon\"}"),
            "\"lateness\" is \"soon\", expected a time such as \"30 days\" or \"1 hour\"");
    refused(f, RETAINED(TEN_DAYS, TEN_DAYS, "{\"lateness\": \"1 day\", \"max_ahead\": @\"36526 days\"}"),
            "\"max_ahead\" is \"36526 days\", expected at most 36525 days");
    refused(f, RETAINED(TEN_DAYS, TEN_DAYS, "{\"lateness\": \"1 day\", @\"ahead\": \"1 day\"}"),
            "unknown word \"ahead\", expected lateness or max_ahead");
}

static void refuses_a_retention_of_windows_that_differ(void **state)
{
    struct fixture *f = *state;
    refused(f, RETAINED(TEN_DAYS, WINDOWS("@\"Day\"", "\"10 days\""), "{\"lateness\": \"1 day\"}"),
            "the window of \"u\" is on \"Day\", that of \"t\" on \"At\": with \"retention\" all tables have the same "
            "windows");
    refused(f, RETAINED(TEN_DAYS, WINDOWS("\"At\"", "@\"5 days\""), "{\"lateness\": \"1 day\"}"),
            "the windows of \"t\" and \"u\" differ in size: with \"retention\" all tables have the same windows");
    refused(
        f, RETAINED(TEN_DAYS, WINDOWS("\"At\"", "\"10 days\", \"zone\": @\"+03:00\""), "{\"lateness\": \"1 day\"}"),
        "the windows of \"t\" and \"u\" are of different zones: with \"retention\" all tables have the same windows");
    refused(f,
            PIPELINE(FACTS, "\"tables\": {@\"t\": {\"group_by\": [\"Sensor\"], \"columns\": {\"s\": {\"group\": "
                            "\"Sensor\"}}}}, \"retention\": {\"lateness\": \"1 day\"}"),
            "table \"t\" has no \"window\": with \"retention\" every table needs one");
}

static void refuses_a_retention_beside_files_that_replace_others(void **state)
{
    refused(*state,
            RETAINED(TEN_DAYS, TEN_DAYS,
                     "{\"lateness\": \"1 day\"}, \"feeds\": {\"Readings\": {\"on_change\": @\"replace\"}}"),
            "\"on_change\" is \"replace\", which cannot stand beside \"retention\": it would take rows back out of "
            "closed windows, and what replaces them is late");
}

static void refuses_uniform_fields_of_joined_feeds_and_of_lines(void **state)
{
    refused(*state,
            PIPELINE(GRAIN, JOINS "\"tables\": {\"t\": {\"group_by\": \"Sensor\", \"uniform\": [@\"Alarms.Level\"], "
                                  "\"columns\": {\"s\": {\"group\": \"Sensor\"}}}}"),
            "\"uniform\" over Alarms.Level, expected a field of the facts");
    refused(*state,
            PIPELINE(GRAIN, "\"tables\": {\"t\": {\"group_by\": \"Sensor\", \"uniform\": @\"Unit\", "
                            "\"columns\": {\"s\": {\"group\": \"Sensor\"}}}}"),
            "\"Unit\" is neither a grain key nor an attribute, so it cannot be in uniform");
}

static void refuses_names_that_targets_do_not_take(void **state)
{
#define NAMED(tables) PIPELINE(FACTS, "\"tables\": {" tables "}")
#define BODY          "{\"group_by\": \"Sensor\", \"columns\": {\"s\": {\"group\": \"Sensor\"}}}"
    refused(*state, NAMED("@\"\": " BODY), "\"\" cannot name a table: 1 to 63 bytes without control characters");
    refused(*state, NAMED("@\"a\\nb\": " BODY),
            "\"a\\nb\" cannot name a table: 1 to 63 bytes without control characters");
    refused(*state, NAMED("@\"Dropfold_x\": " BODY), "a table's name must not begin with \"dropfold_\"");
    refused(*state, NAMED("@\"sqlite_x\": " BODY), "a table's name must not begin with \"sqlite_\"");
    refused(*state, NAMED("@\"PG_x\": " BODY), "a table's name must not begin with \"pg_\"");
    refused(*state, NAMED("\"t\": " BODY ", @\"T\": " BODY), "table \"T\" and \"t\" differ in case only");
    refused(*state, COLUMN("{\"count\": \"Line\"}, @\"C\": {\"count\": \"Line\"}"),
            "column \"C\" and \"c\" on line 4 differ in case only");
    load(*state, NAMED("\"t; drop table \\\"t\\\" -- ₦\": " BODY));
}

/* --- views -------------------------------------------------------------------------------------------------------- */

#define VIEW(view)                                                                                                     \
    PIPELINE(FACTS,                                                                                                    \
             "\"tables\": {\"t\": {\"group_by\": [\"Sensor\", \"Unit\"], \"window\": {\"on\": \"At\", \"size\": "      \
             "\"1 day\"},\n\"columns\": {\"s\": {\"group\": \"Sensor\"}, \"u\": {\"group\": \"Unit\"}, \"w\": "        \
             "{\"window\": \"start\"},\n\"n\": {\"count\": \"Line\"}, \"d\": {\"count_distinct\": \"Line\"}, \"m\": "  \
             "{\"max\": \"Line\"}}}},\n\"views\": {" view "}")

#define FILES(unit, column, view)                                                                                      \
    PIPELINE(FACTS, "\"tables\": {\"t\": {\"group_by\": [\"Unit\"], \"columns\": {" unit ": {\"group\": \"Unit\"}, "   \
                    "\"n\": {\"count\": \"Line\"}, \"f\": {" column                                                    \
                    "}}}},\n\"views\": {\"v\": {\"table\": \"t\", " view "}}")

static void refuses_views_that_could_show_several_rows_for_one(void **state)
{
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"latest\": {\"by\": @[\"s\"], \"on\": \"w\"}}"),
            "\"by\" lacks \"u\" of the primary key, so the latest row would not be one");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"latest\": {\"by\": [\"s\", \"u\"], \"on\": @\"n\"}}"),
            "\"on\" is \"n\", which is not in the primary key of \"t\"");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"latest\": {\"by\": [\"s\", \"u\", \"w\"], \"on\": @\"w\"}}"),
            "\"on\" is in \"by\" too");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"latest\": {\"by\": [\"s\", @\"n\"], \"on\": \"w\"}}"),
            "\"by\" has \"n\", which is not in the primary key of \"t\"");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"latest\": {\"by\": [\"s\", \"u\", @\"s\"], \"on\": \"w\"}}"),
            "\"s\" stands twice in \"by\"");
}

static void refuses_totals_that_do_not_add_up(void **state)
{
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"by\": \"s\", \"columns\": {\"x\": {\"sum\": @\"d\"}}}"),
            "\"sum\" over \"d\", which is neither a sum nor a count");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"by\": \"s\", \"columns\": {\"x\": {\"sum\": @\"m\"}}}"),
            "\"sum\" over \"m\", which is neither a sum nor a count");
    refused(*state,
            VIEW("\"v\": {\"table\": \"t\", \"by\": \"s\", \"columns\": {\"x\": {\"max\": \"m\"}, \"n\": {\"sum\": "
                 "\"n\"}, \"r\": {\"ratio\": [@\"x\", \"n\"]}}}"),
            "a ratio of a view is over two of its own \"sum\" columns, \"x\" is none");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"by\": \"s\", \"columns\": {\"x\": @{}}}"),
            "column \"x\" needs one of {\"sum\": ...}, {\"min\": ...}, {\"max\": ...} or {\"ratio\": [...]}");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"by\": \"s\", \"columns\": {\"x\": {@\"avg\": \"n\"}}}"),
            "unknown word \"avg\", expected sum, min, max or ratio");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"by\": \"s\", \"columns\": {@\"S\": {\"sum\": \"n\"}}}"),
            "column \"S\" stands twice in view \"v\"");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"by\": \"s\", \"columns\": {\"x\": {\"sum\": @\"k\"}}}"),
            "unknown column \"k\" of table \"t\"");
}

static void refuses_views_that_are_not_said_right(void **state)
{
    refused(*state, VIEW("@\"T\": {\"table\": \"t\", \"latest\": {\"by\": [\"s\", \"u\"], \"on\": \"w\"}}"),
            "view \"T\" has the name of a table");
    refused(*state, VIEW("\"v\": {\"table\": @\"tt\", \"latest\": {\"by\": [\"s\", \"u\"], \"on\": \"w\"}}"),
            "unknown word \"tt\", expected t; did you mean \"t\"?");
    refused(*state, VIEW("@\"v\": {\"table\": \"t\"}"),
            "view \"v\" needs \"latest\", \"files\", or \"by\" and \"columns\"");
    refused(*state, VIEW("\"v\": @{\"latest\": {\"by\": [\"s\", \"u\"], \"on\": \"w\"}}"), "\"table\" is missing");
    refused(*state,
            VIEW("\"v\": {\"table\": \"t\", \"latest\": {\"by\": [\"s\", \"u\"], \"on\": \"w\"}, @\"by\": \"s\"}"),
            "unknown word \"by\", expected doc, table or latest");
}

static void takes_and_refuses_lists_of_files(void **state)
{
    const struct pipeline *p = load(*state, FILES("\"u\"", "\"files\": true", "\"files\": \"f\""));
    const struct table *table = &p->tables[0];
    assert_int_equal(table->columns[2].kind, COLUMN_FILES);
    assert_int_equal(table->columns[2].type, SQL_BIGINTS);
    assert_true(table->columns[2].not_null);
    assert_int_equal(p->views[0].kind, VIEW_FILES);
    assert_int_equal(p->views[0].on, 2);
    refused(*state, FILES("\"u\"", "\"files\": @false", "\"files\": \"f\""),
            "\"files\" is false, expected true or another function");
    refused(*state, FILES("\"u\"", "\"files\": true, \"type\": @\"text\"", "\"files\": \"f\""),
            "\"files\" takes no \"type\"");
    refused(*state, FILES("\"u\"", "\"files\": true, @\"where\": {\"Line\": 1}", "\"files\": \"f\""),
            "\"files\" takes no \"where\"");
    refused(*state, FILES("\"u\"", "\"files\": true", "\"files\": @\"n\""),
            "\"files\" is \"n\", which is no column {\"files\": true}");
    refused(*state, FILES("\"Feed\"", "\"files\": true", "\"files\": @\"f\""),
            "\"Feed\" of \"t\" has the name of a column of files");
    refused(*state, FILES("\"u\"", "\"files\": true", "\"by\": \"u\", \"columns\": {\"x\": {\"min\": @\"f\"}}"),
            "\"min\" over \"f\", which is bigint[]");
}

/* --- what is of another kind, or too much of it ------------------------------------------------------------------- */

static void refuses_lists_and_objects_of_another_kind(void **state)
{
#define TABLES(table) PIPELINE(FACTS, "\"tables\": {\"t\": " table "}")
    refused(*state, PIPELINE(FACTS, "\"tables\": {\"t\": @5}"), "table \"t\" is a number, expected an object");
    refused(*state, TABLES("{\"group_by\": [@7], \"columns\": {\"n\": {\"count\": \"Line\"}}}"),
            "\"group_by\" lists a number, expected the name of a field");
    refused(*state, TABLES("{\"group_by\": @7, \"columns\": {\"n\": {\"count\": \"Line\"}}}"),
            "\"group_by\" is a number, expected a list of fields");
    refused(*state,
            TABLES("{\"group_by\": \"Sensor\", \"uniform\": [@{}], \"columns\": {\"s\": {\"group\": \"Sensor\"}}}"),
            "\"uniform\" lists an object, expected the name of a field");
    refused(*state, TABLES("{\"group_by\": \"Sensor\", \"columns\": @{}}"),
            "\"columns\" has 0 columns, expected 1 to 64");
    refused(*state, COLUMN("{\"count\": \"Line\"}, \"r\": {\"ratio\": [\"c\", @1]}"),
            "\"ratio\" lists a number, expected the name of a column");
    refused(*state, VIEW("\"v\": @[]"), "view \"v\" is a list, expected an object");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"by\": \"s\", \"columns\": @{}}"),
            "\"columns\" has 0 columns, expected 1 to 64");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"by\": \"s\", \"columns\": {\"x\": {\"sum\": @[]}}}"),
            "\"sum\" is a list, expected the name of a column");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"by\": \"s\", \"columns\": {\"x\": {\"ratio\": @[\"k\"]}}}"),
            "\"ratio\" needs a list of two columns, as in [\"total\", \"count\"]");
    refused(*state,
            VIEW("\"v\": {\"table\": \"t\", \"latest\": {\"by\": [\"s\", \"u\"], \"on\": \"w\"}}, "
                 "@\"V\": {\"table\": \"t\", \"latest\": {\"by\": [\"s\", \"u\"], \"on\": \"w\"}}"),
            "view \"V\" and \"v\" differ in case only");
}

static void refuses_more_fields_and_columns_than_there_may_be(void **state)
{
    refused(*state,
            TABLES("{\"group_by\": @[\"Batch\", \"Line\", \"Sensor\", \"At\", \"Day\", \"Unit\", \"Batch\", \"Line\", "
                   "\"Sensor\"], \"columns\": {\"n\": {\"count\": \"Line\"}}}"),
            "\"group_by\" has 9 fields, expected at most 8");
    refused(*state, VIEW("\"v\": {\"table\": \"t\", \"by\": @[], \"columns\": {\"x\": {\"sum\": \"n\"}}}"),
            "\"by\" has 0 columns, expected 1 to 8");
    char text[TEXT_MAX];
    size_t len = (size_t)snprintf(text, sizeof text, "%s",
                                  "{\"pipeline\": \"p\", \"facts\": " FACTS ", \"tables\": {\"t\": "
                                  "{\"group_by\": \"Sensor\", \"columns\": @{\"s\": {\"group\": \"Sensor\"}");
    for (int i = 0; i < PIPELINE_COLUMNS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, ", \"c%d\": {\"count\": \"Line\"}", i);
    snprintf(text + len, sizeof text - len, "}}}}");
    refused(*state, text, "\"columns\" has 65 columns, expected 1 to 64");
}

/* --- the whole file ----------------------------------------------------------------------------------------------- */

static void refuses_a_pipeline_without_its_parts(void **state)
{
    struct fixture *f = *state;
    const char *const messages[] = {"\"pipeline\" is missing", "\"facts\" is missing"};
    put(f, "s/p.json", "@@{}");
    assert_problems(f, 2, messages);
    refused(f, "@{\"pipeline\": \"p\", \"facts\": {\"feed\": \"Readings\"}}", "\"tables\" is missing");
    refused(f, PIPELINE(FACTS, "\"tables\": @{}"), "\"tables\" has 0 tables, expected 1 to 16");
    refused(f, "@[]", "a pipeline is an object, found a list");
    refused(f, PIPELINE(FACTS, TABLE ", @\"view\": {}"),
            "unknown word \"view\", expected pipeline, facts, join, feeds, tables, retention, views or ledger; did you "
            "mean "
            "\"views\"?");
}

static void refuses_names_that_cannot_be_a_file(void **state)
{
    static const char *const names[] = {"", "a b", "../x", "-p", "ä"};
    char text[TEXT_MAX], message[256];
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(text, sizeof text, "{\"pipeline\": @\"%s\", \"facts\": " FACTS ", " TABLE "}", names[i]);
        snprintf(message, sizeof message,
                 "\"%s\" cannot name a pipeline: letters, digits, _ and - only, at most 63, no - in front", names[i]);
        refused(*state, text, message);
    }
}

static void reports_all_mistakes_of_all_files_at_once(void **state)
{
    struct fixture *f = *state;
    put(f, "s/Alarms/1.json", "{\"feed\": \"Alarms\", \"version\": 1, \"format\": \"xml\", \"fields\": {}}");
    put(f, "s/Sensors/1.json", "{");
    put(f, "s/p.json",
        PIPELINE("{\"feed\": \"Readings\", \"key\": [\"Batsh\"]}",
                 "\"join\": [{\"feed\": \"Sensors\", \"on\": \"Sensor\"}, {\"feed\": \"Alarms\", \"on\": \"Id\"}],\n"
                 "\"tables\": {\"t\": {\"group_by\": [\"Sensor\"], \"columns\": {\"s\": {\"group\": \"Sensor\"},\n"
                 "\"r\": {\"max\": \"Sensors.Height\"}, \"x\": {\"sum\": \"Raw\"}}}},\n"
                 "\"views\": {\"v\": {\"table\": \"t\", \"by\": \"z\", \"columns\": {\"n\": {\"sum\": \"s\"}}}}"));
    assert_null(reload(f));
    assert_slice(
        buf_slice(&f->problems.text),
        "s/Sensors/1.json:1:2: found the end of the file, expected a name in quotes\n"
        "s/Alarms/1.json:1:44: unknown word \"xml\", expected csv or json\n"
        "s/Alarms/1.json:1:61: \"fields\" has 0 fields, expected 1 to 512\n"
        "s/p.json:2:39: unknown field \"Batsh\" of Readings; did you mean \"Batch\"?\n"
        "s/p.json:3:72: unknown field \"Id\" of Readings\n"
        "s/p.json:5:46: \"sum\" over \"Raw\", which is double: floating numbers give other results in another order; "
        "declare a decimal\n"
        "s/p.json:6:37: unknown column \"z\" of table \"t\"\n"
        "s/p.json:6:67: \"sum\" over \"s\", which is neither a sum nor a count\n");
    assert_int_equal(f->problems.count, 8);
}

static void says_that_a_pipeline_is_not_there(void **state)
{
    struct fixture *f = *state;
    assert_null(pipeline_load("s/q.json", &f->problems));
    assert_slice(buf_slice(&f->problems.text), "s/q.json:1:1: cannot be read: No such file or directory\n");
}

static void finds_descriptors_beside_a_pipeline_named_without_a_folder(void **state)
{
    struct fixture *f = *state;
    put(f, "s/p.json", WHOLE);
    assert_int_equal(chdir("s"), 0);
    f->pipeline = pipeline_load("p.json", &f->problems);
    assert_non_null(f->pipeline);
}

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

static void names_types_as_postgresql_does(void **state)
{
    (void)state;
    assert_string_equal(sql_type_name(SQL_DOUBLE), "double precision");
    assert_string_equal(sql_type_name(SQL_TIMESTAMP), "timestamp without time zone");
    assert_string_equal(sql_type_name(SQL_TIMESTAMPTZ), "timestamp with time zone");
    for (enum sql_type type = SQL_INTEGER; type <= SQL_TIMESTAMPTZ; type++)
        assert_true(strlen(sql_type_name(type)) > 3);
}

/* --- what is shipped ---------------------------------------------------------------------------------------------- */

static void assert_columns(const struct table *table, const char *const (*wanted)[3], size_t count)
{
    assert_int_equal(table->column_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(table->columns[i].name, wanted[i][0]);
        assert_string_equal(sql_type_name(table->columns[i].type), wanted[i][1]);
        assert_string_equal(table->columns[i].not_null ? "not null" : "", wanted[i][2]);
    }
}

static const char *const ecommerce_columns[][3] = {
    {"Customer_ID", "integer", "not null"},
    {"Total_Order_Amount", "double precision", ""},
    {"Average_Order_Amount", "double precision", ""},
    {"Order_Count", "bigint", "not null"},
    {"Highest_Order_Amount", "real", ""},
    {"Lowest_Order_Amount", "real", ""},
    {"Total_Quantity_Ordered", "bigint", ""},
    {"Average_Quantity_Per_Ordered", "double precision", ""},
    {"Total_Delivery_Distance", "double precision", ""},
    {"Average_Delivery_Distance", "double precision", ""},
    {"Distict_Products", "bigint", "not null"},
    {"start_timestamp", "timestamp without time zone", "not null"},
    {"end_timestamp", "timestamp without time zone", ""},
};

static void ships_the_table_its_readers_know(void **state)
{
    struct fixture *f = *state;
    f->pipeline = pipeline_load(PROJECT_DIR "/schemas/ecommerce.json", &f->problems);
    assert_slice(buf_slice(&f->problems.text), "");
    assert_non_null(f->pipeline);
    assert_int_equal(f->pipeline->table_count, 2);
    const struct table *ecommerce = &f->pipeline->tables[0], *windows = &f->pipeline->tables[1];
    assert_string_equal(ecommerce->name, "ecommerce");
    assert_columns(ecommerce, ecommerce_columns, COUNT_OF(ecommerce_columns));
    assert_int_equal(ecommerce->key_count, 2);
    assert_int_equal(ecommerce->key[1], 11);
    assert_int_equal(ecommerce->window_size, 10 * TIMESTAMP_DAY);
    assert_int_equal(ecommerce->uniform_count, 1);
    assert_string_equal(windows->name, "customer_windows");
    assert_int_equal(windows->key_count, 3);
    for (size_t i = 0; i < windows->column_count; i++)
        assert_non_null(windows->columns[i].doc);
    for (size_t i = 0; i < f->pipeline->feed_count; i++)
        assert_int_equal(f->pipeline->feeds[i].version_count, 2);
    assert_int_equal(f->pipeline->view_count, 3);
}

static void ships_the_table_of_a_plain_join(void **state)
{
    struct fixture *f = *state;
    f->pipeline = pipeline_load(PROJECT_DIR "/schemas/ecommerce-rowwise.json", &f->problems);
    assert_slice(buf_slice(&f->problems.text), "");
    assert_non_null(f->pipeline);
    assert_false(f->pipeline->has_grain);
    assert_int_equal(f->pipeline->feeds[0].key_count, 0);
    assert_string_equal(f->pipeline->tables[0].name, "ecommerce_rowwise");
    assert_columns(&f->pipeline->tables[0], ecommerce_columns, COUNT_OF(ecommerce_columns));
    assert_int_equal(f->pipeline->tables[0].columns[10].kind, COLUMN_COUNT);
}

static void binds_the_same_fields_in_both_shipped_markets(void **state)
{
    struct fixture *f = *state;
    f->pipeline = pipeline_load(PROJECT_DIR "/schemas/ecommerce.json", &f->problems);
    assert_non_null(f->pipeline);
    for (size_t i = 0; i < f->pipeline->feed_count; i++) {
        const struct descriptor *two = f->pipeline->feeds[i].versions[0].descriptor;
        const struct descriptor *one = f->pipeline->feeds[i].versions[1].descriptor;
        assert_int_equal(two->match_count, 1);
        assert_int_equal(one->match_count, 0);
        for (size_t j = 0; j < one->field_count; j++) {
            const struct descriptor_field *same = descriptor_field(two, one->fields[j].name);
            assert_non_null(same);
            assert_true(value_type_equal(same->type, one->fields[j].type));
            assert_int_equal(same->required, one->fields[j].required);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(resolves_a_pipeline_of_any_feeds),
        TEST(knows_what_becomes_of_files),
        TEST(knows_what_a_file_at_a_known_path_means),
        TEST(refuses_a_meaning_that_goes_against_the_key),
        TEST(knows_how_many_rows_may_be_rejected),
        TEST(refuses_limits_that_are_none),
        TEST(gives_columns_their_kind_type_and_field),
        TEST(knows_which_record_a_where_reads),
        TEST(makes_the_key_of_groups_then_window),
        TEST(resolves_views),
        TEST(keeps_the_fields_it_uses_and_no_others),
        TEST(leads_from_every_version_to_the_feeds_fields),
        TEST(takes_the_type_that_all_versions_widen_to),
        TEST(narrows_what_an_integer_column_shows),
        TEST(narrows_no_field_under_a_floating_column),
        TEST(narrows_texts_that_are_in_a_primary_key),
        TEST(keeps_windows_within_the_years_that_are_written),
        TEST(chooses_a_columns_type_by_what_it_is_over),
        TEST(refuses_columns_that_make_no_sense),
        TEST(refuses_columns_that_say_nothing_or_too_much),
        TEST(refuses_ratios_of_what_does_not_add_up),
        TEST(tells_a_broken_column_once),
        TEST(refuses_a_where_over_the_wrong_record),
        TEST(lets_a_where_read_what_fits_its_column),
        TEST(refuses_names_that_cannot_be_folders),
        TEST(refuses_a_feed_that_stands_twice),
        TEST(refuses_a_feed_without_descriptors),
        TEST(finds_descriptors_by_their_number),
        TEST(reports_a_broken_descriptor_and_holds_nothing_else_against_it),
        TEST(refuses_types_of_which_none_holds_the_others),
        TEST(refuses_options_of_feeds_it_does_not_know),
        TEST(refuses_keys_that_a_version_lacks_or_leaves_null),
        TEST(refuses_lists_of_fields_that_are_no_keys),
        TEST(refuses_a_grain_that_cuts_through_records),
        TEST(wants_grouping_and_joins_by_the_grain),
        TEST(refuses_joins_that_never_match),
        TEST(refuses_joins_that_are_not_said_right),
        TEST(reads_versions_and_delete_markers),
        TEST(refuses_versions_that_do_not_rank),
        TEST(refuses_a_filter_over_another_feed),
        TEST(refuses_groups_that_can_be_null_or_are_floating),
        TEST(groups_by_a_joined_field_only_where_there_is_one_record),
        TEST(refuses_tables_without_groups_or_without_their_key),
        TEST(refuses_windows_that_make_no_sense),
        TEST(knows_when_windows_close),
        TEST(refuses_a_retention_that_makes_no_sense),
        TEST(refuses_a_retention_of_windows_that_differ),
        TEST(refuses_a_retention_beside_files_that_replace_others),
        TEST(refuses_uniform_fields_of_joined_feeds_and_of_lines),
        TEST(refuses_names_that_targets_do_not_take),
        TEST(refuses_views_that_could_show_several_rows_for_one),
        TEST(refuses_totals_that_do_not_add_up),
        TEST(refuses_views_that_are_not_said_right),
        TEST(takes_and_refuses_lists_of_files),
        TEST(refuses_lists_and_objects_of_another_kind),
        TEST(refuses_more_fields_and_columns_than_there_may_be),
        TEST(refuses_a_pipeline_without_its_parts),
        TEST(refuses_names_that_cannot_be_a_file),
        TEST(reports_all_mistakes_of_all_files_at_once),
        TEST(says_that_a_pipeline_is_not_there),
        TEST(finds_descriptors_beside_a_pipeline_named_without_a_folder),
        TEST(tells_every_byte_of_its_files_by_its_source),
        TEST(keeps_its_fingerprint_while_files_are_only_read_otherwise),
        TEST(changes_its_fingerprint_with_all_that_rows_hang_on),
        TEST(says_which_descriptors_and_which_part_of_the_shape_changed),
        TEST(tells_lines_from_longer_ones_that_begin_alike),
        TEST(tells_the_size_of_a_window_as_it_was_written),
        TEST(shows_where_long_lines_differ),
        TEST(names_types_as_postgresql_does),
        TEST(ships_the_table_its_readers_know),
        TEST(ships_the_table_of_a_plain_join),
        TEST(binds_the_same_fields_in_both_shipped_markets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
