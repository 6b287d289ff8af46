/* Zones from the bytes of their files, and the arithmetic over them. tests/flow/zones_test.py compares the system's
   zones with those of Python. */
#include "testing.h"

#include "base/buf.h"
#include "base/hash.h"
#include "model/timestamp.h"
#include "model/zone.h"
#include "model/zone_rule.h"

#define HOUR (3600 * TIMESTAMP_SECOND)

static void put_be(struct buf *out, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        buf_put_byte(out, (uint8_t)(value >> (8 * i)));
}

static void put_header(struct buf *out, char version, uint32_t leaps, uint32_t times, uint32_t types)
{
    buf_put_text(out, "TZif");
    buf_put_byte(out, (uint8_t)version);
    buf_put(out, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 15);
    put_be(out, 0, 4);
    put_be(out, 0, 4);
    put_be(out, leaps, 4);
    put_be(out, times, 4);
    put_be(out, types, 4);
    put_be(out, 4, 4);
}

/* A file of the types 0, 1 and 2 hours east of UTC, with changes at these seconds to types 1, 2, 1 and so on. */
static void put_file(struct buf *out, const int64_t *times, size_t count, uint32_t leaps, const char *rule)
{
    buf_reset(out);
    put_header(out, '2', 0, 0, 1);
    buf_put(out, "\0\0\0\0\0\0LMT\0", 10);
    put_header(out, '2', leaps, (uint32_t)count, 3);
    for (size_t i = 0; i < count; i++)
        put_be(out, (uint64_t)times[i], 8);
    for (size_t i = 0; i < count; i++)
        buf_put_byte(out, i % 2 ? 2 : 1);
    for (uint32_t hours = 0; hours < 3; hours++) {
        put_be(out, 3600 * hours, 4);
        put_be(out, 0, 2);
    }
    buf_put(out, "LMT\0", 4);
    for (uint32_t i = 0; i < leaps; i++)
        buf_put(out, "\0\0\0\0\0\0\0\0\0\0\0", 12);
    buf_printf(out, "\n%s\n", rule);
    assert_false(out->failed);
}

static bool read_file(struct slice file, struct arena *arena, struct zone *zone, struct error *error)
{
    char *copy = malloc(file.len + 1); /* so that a sanitizer sees a read beyond it */
    assert_non_null(copy);
    memcpy(copy, file.data, file.len);
    bool ok = zone_read((struct slice){copy, file.len}, arena, zone, error);
    free(copy);
    return ok;
}

static int64_t at(const char *text)
{
    int64_t micros;
    const char *expected;
    assert_true(timestamp_parse_iso(slice_of(text), &micros, &expected));
    return micros;
}

static void knows_changes_rules_and_what_repeats(void **state)
{
    (void)state;
    const int64_t times[] = {INT64_MIN / 2, 0, 1000000};
    const char *expected;
    int64_t utc;
    struct error error = {0};
    struct arena arena;
    struct zone zone;
    struct buf file;
    buf_init(&file, 1 << 20);
    arena_init(&arena, 1 << 20);
    put_file(&file, times, COUNT_OF(times), 0, "<+01>-1<+02>,M3.5.0,M10.5.0/3");
    assert_ok(read_file(buf_slice(&file), &arena, &zone, &error), &error);
    assert_int_equal(zone.first, HOUR); /* the change before all times */
    assert_int_equal(zone.changes[0].at, 0);
    assert_int_equal(zone.changes[0].offset, 2 * HOUR);
    assert_int_equal(zone.changes[1].at, INT64_C(1000000) * TIMESTAMP_SECOND);
    assert_int_equal(zone_local(&zone, -1), HOUR - 1);
    assert_int_equal(zone_local(&zone, 0), 2 * HOUR);
    for (int year = 1970; year < 9999; year += 37) {
        char text[40];
        int64_t march, day;
        assert_true(timestamp_days(year, 3, 31, &march));
        day = march - (march + 4) % 7; /* the last Sunday */
        assert_int_equal(zone_local(&zone, day * TIMESTAMP_DAY + HOUR - 1), day * TIMESTAMP_DAY + 2 * HOUR - 1);
        assert_int_equal(zone_local(&zone, day * TIMESTAMP_DAY + HOUR), day * TIMESTAMP_DAY + 3 * HOUR);
        assert_false(zone_utc(&zone, day * TIMESTAMP_DAY + 2 * HOUR, &utc, &expected));
        assert_non_null(strstr(expected, "forward"));
        assert_int_equal(zone_since(&zone, day * TIMESTAMP_DAY + 2 * HOUR + 5), day * TIMESTAMP_DAY + HOUR);
        snprintf(text, sizeof text, "%04d-11-15T12:00Z", year);
        assert_true(zone_utc(&zone, at(text), &utc, &expected));
        assert_int_equal(utc, at(text) - HOUR);
    }
    assert_false(zone_utc(&zone, at("2024-10-27T02:00Z"), &utc, &expected));
    assert_non_null(strstr(expected, "back"));
    assert_true(zone_utc(&zone, at("2024-10-27T03:00Z"), &utc, &expected));
    assert_int_equal(zone_since(&zone, at("2024-10-27T02:30Z")), at("2024-10-27T00:30Z"));
    arena_close(&arena);
    buf_close(&file);
}

static struct digest digest_of(int64_t first, const struct zone_change *changes, size_t count)
{
    struct zone_change copy[2];
    struct error error = {0};
    struct digester digester;
    memcpy(copy, changes, count * sizeof *copy);
    assert_ok(digester_init(&digester, &error), &error);
    zone_add_digest(&(struct zone){.first = first, .changes = copy, .count = count}, &digester);
    return digester_take(&digester);
}

/* By which it is seen that the system's database says something else now. */
static void differs_from_another_in_its_digest(void **state)
{
    (void)state;
    static const struct zone_change changes[] = {{5, HOUR}, {9, 2 * HOUR}};
    static const struct zone_change others[][2] = {
        {{4, HOUR}, {9, 2 * HOUR}}, {{5, 0}, {9, 2 * HOUR}}, {{5, HOUR}, {8, 2 * HOUR}}, {{5, HOUR}, {9, HOUR}}};
    struct digest digest = digest_of(0, changes, 2), same = digest_of(0, changes, 2);
    struct digest later = digest_of(HOUR, changes, 2), shorter = digest_of(0, changes, 1);
    assert_true(digest_equal(&digest, &same));
    assert_false(digest_equal(&digest, &later));
    assert_false(digest_equal(&digest, &shorter));
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        struct digest other = digest_of(0, others[i], 2);
        assert_false(digest_equal(&digest, &other));
    }
}

static void reads_rules_of_every_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int year;
        const char *start, *end; /* by the clocks before the change */
    } cases[] = {
        {"CET-1CEST,M3.5.0,M10.5.0/3", 2024, "2024-03-31T02:00Z", "2024-10-27T03:00Z"},
        {"EST5EDT,M3.2.0,M11.1.0", 2024, "2024-03-10T02:00Z", "2024-11-03T02:00Z"},
        {"XXX+3YYY,J59/+0,J60", 2024, "2024-02-28T00:00Z", "2024-03-01T02:00Z"},
        {"XXX3YYY,59/1:30,60/-1:00:30", 2024, "2024-02-29T01:30Z", "2024-02-29T22:59:30Z"},
        {"<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", 2025, "2025-03-29T22:00Z", "2025-10-25T23:00Z"},
        {"XXX3YYY,M12.5.0,M12.5.3", 2024, "2024-12-29T02:00Z", "2024-12-25T02:00Z"},
        {"XXX-1YYY-2:30,M2.5.4/24,M12.5.3/167", 2024, "2024-03-01T00:00Z", "2024-12-31T23:00Z"},
    };
    struct zone_rule rule;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(zone_rule_parse(slice_of(cases[i].text), &rule));
        assert_true(rule.changes);
        assert_int_equal(zone_rule_time(&rule.start, cases[i].year), at(cases[i].start));
        assert_int_equal(zone_rule_time(&rule.end, cases[i].year), at(cases[i].end));
    }
    assert_int_equal(rule.standard, HOUR);
    assert_int_equal(rule.summer, 2 * HOUR + HOUR / 2);
    assert_true(zone_rule_parse(SLICE("<+0545>-5:45"), &rule));
    assert_false(rule.changes);
    assert_int_equal(rule.standard, 5 * HOUR + HOUR / 4 * 3);
    static const char *const bad[] = {"",
                                      "UT0",
                                      "UTC",
                                      "UTC0x",
                                      "UTC25",
                                      "<a",
                                      "CET-1C",
                                      "CET-1CEST",
                                      "CET-1CEST,M3.5.0",
                                      "CET-1CEST,M13.1.0,J1",
                                      "CET-1CEST,M3.6.0,J1",
                                      "CET-1CEST,M3.5.7,J1",
                                      "CET-1CEST,J0,J1",
                                      "CET-1CEST,366,J1",
                                      "CET-1CEST,J1,J2,",
                                      "CET-1CEST,J1/168,J2"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(zone_rule_parse(slice_of(bad[i]), &rule));
}

static void refuses_files_that_it_does_not_understand(void **state)
{
    (void)state;
    const int64_t times[] = {0, 1000000}, late[] = {INT64_C(4070908800)}, unordered[] = {5, 5};
    struct error error = {0};
    struct arena arena;
    struct zone zone;
    struct buf file;
    buf_init(&file, 1 << 20);
    arena_init(&arena, 64 << 20);
#define REFUSED(words, ...)                                                                                            \
    put_file(&file, __VA_ARGS__);                                                                                      \
    assert_false(read_file(buf_slice(&file), &arena, &zone, &error));                                                  \
    assert_int_equal(error.kind, ERROR_CONFIG);                                                                        \
    assert_string_equal(error.text, words)
    REFUSED("has changes after the year 2098, which are not understood", late, 1, 0, "");
    REFUSED("is damaged", unordered, 2, 0, "");
    REFUSED("counts leap seconds, which UTC as it is kept here does not", times, 2, 1, "");
    REFUSED("has a rule that is not understood, \"never\"", times, 2, 0, "never");
    put_file(&file, times, 2, 0, "XXX-2");
    assert_ok(read_file(buf_slice(&file), &arena, &zone, &error), &error);
    assert_int_equal(zone.count, 2);
    for (size_t len = 0; len < file.len; len++) {
        assert_false(read_file((struct slice){file.data, len}, &arena, &zone, &error));
        arena_reset(&arena);
    }
    /* Whatever byte is another, it is read or refused. */
    for (size_t i = 0; i < file.len * 8; i++) {
        file.data[i / 8] = (char)(file.data[i / 8] ^ (1 << i % 8));
        if (read_file(buf_slice(&file), &arena, &zone, &error))
            assert_in_range(zone_local(&zone, 0), 0, 5 * HOUR * 24);
        file.data[i / 8] = (char)(file.data[i / 8] ^ (1 << i % 8));
        arena_reset(&arena);
    }
    file.data[4] = '\0';
    assert_false(read_file(buf_slice(&file), &arena, &zone, &error));
    assert_string_equal(error.text, "is of the first version of such files, which ends in 2037");
    arena_close(&arena);
    buf_close(&file);
}

static void looks_for_names_in_the_database_alone(void **state)
{
    (void)state;
    static const char *const names[] = {"",        "/etc/passwd", "../x", "Africa/../x", "Africa//Lagos",
                                        "Africa/", ".x",          "a b",  "0x"};
    struct error error = {0};
    struct arena arena;
    struct zone zone;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_false(zone_load(names[i], &arena, &zone, &error));
        assert_non_null(strstr(error.text, "is no name of a time zone"));
    }
    assert_ok(zone_load("Etc/UTC", &arena, &zone, &error), &error);
    assert_int_equal(zone.count, 0);
    assert_false(zone_load("Etc", &arena, &zone, &error));
    assert_false(zone_load("Nowhere/At_All", &arena, &zone, &error));
    assert_non_null(strstr(error.text, "no time zone \"Nowhere/At_All\" in "));
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_changes_rules_and_what_repeats),
        cmocka_unit_test(differs_from_another_in_its_digest),
        cmocka_unit_test(reads_rules_of_every_form),
        cmocka_unit_test(refuses_files_that_it_does_not_understand),
        cmocka_unit_test(looks_for_names_in_the_database_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
