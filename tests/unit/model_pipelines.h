/*
 * What the tests of pipelines share: pipelines over feeds of a weather station, so that nothing here can lean on what
 * the shipped schemas are about. A test is in a folder of its own, with the descriptors in "s". A text under test may
 * hold '@' signs: they are taken out before it is loaded, and each says where a problem is expected.
 */
#ifndef DROPFOLD_TESTS_MODEL_PIPELINES_H
#define DROPFOLD_TESTS_MODEL_PIPELINES_H

#include "testing.h"

#include <sys/stat.h>
#include <unistd.h>

#include "model/pipeline.h"

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
static inline void put(struct fixture *f, const char *path, const char *text)
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
    assert_int_equal(fclose(file), 0);
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

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    pipeline_free(f->pipeline);
    doc_problems_close(&f->problems);
    assert_int_equal(chdir("/"), 0);
    testing_folder_remove(f->folder);
    free(f);
    return 0;
}

/* Loads what is there; NULL if it is refused. */
static inline struct pipeline *reload(struct fixture *f)
{
    pipeline_free(f->pipeline);
    doc_problems_close(&f->problems);
    doc_problems_init(&f->problems);
    return f->pipeline = pipeline_load("s/p.json", &f->problems);
}

/* Loads `text`, which has no mistake. */
static inline const struct pipeline *load(struct fixture *f, const char *text)
{
    put(f, "s/p.json", text);
    if (!reload(f))
        print_error("%.*s\nin %s", (int)f->problems.text.len, f->problems.text.data, text);
    assert_non_null(f->pipeline);
    assert_int_equal(f->problems.count, 0);
    return f->pipeline;
}

/* Loading fails with these messages at the '@' signs, in this order, and no others. */
static inline void assert_problems(struct fixture *f, size_t count, const char *const *messages)
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

/* Loading `text` fails with this message at its '@' sign, and no other. */
static inline void refused(struct fixture *f, const char *text, const char *message)
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

/* A table with groups, windows and columns of several kinds, and views of it. */
#define VIEW(view)                                                                                                     \
    PIPELINE(FACTS,                                                                                                    \
             "\"tables\": {\"t\": {\"group_by\": [\"Sensor\", \"Unit\"], \"window\": {\"on\": \"At\", \"size\": "      \
             "\"1 day\"},\n\"columns\": {\"s\": {\"group\": \"Sensor\"}, \"u\": {\"group\": \"Unit\"}, \"w\": "        \
             "{\"window\": \"start\"},\n\"n\": {\"count\": \"Line\"}, \"d\": {\"count_distinct\": \"Line\"}, \"m\": "  \
             "{\"max\": \"Line\"}}}},\n\"views\": {" view "}")

/* A pipeline with most of what there may be. */
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
