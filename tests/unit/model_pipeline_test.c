/* A whole pipeline: what its parts become, which fields it keeps, and within which bounds their values stay. */
#include "model_pipelines.h"

#include "model/timestamp.h"

static const struct feed_field *field_of(const struct pipeline *p, size_t feed, const char *name)
{
    for (size_t i = 0; i < p->feeds[feed].field_count; i++)
        if (strcmp(p->feeds[feed].fields[i].name, name) == 0)
            return &p->feeds[feed].fields[i];
    fail_msg("feed %zu has no field %s", feed, name);
    return NULL;
}

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

static void makes_the_key_of_groups_then_window(void **state)
{
    const struct table *t = &load(*state, WHOLE)->tables[0];
    assert_string_equal(t->name, "rooms");
    assert_string_equal(t->doc, "By room");
    assert_int_equal(t->group_count, 2);
    assert_true(t->windowed);
    assert_int_equal(t->window.size, INT64_C(3600) * TIMESTAMP_SECOND);
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

/* --- bounds ------------------------------------------------------------------------------------------------------- */

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

#define VERSIONED(TYPE)                                                                                                \
    PIPELINE("{\"feed\": \"Readings\", \"key\": [\"Sensor\"], \"version_field\": \"Line\"}",                           \
             "\"tables\": {\"t\": {\"group_by\": [\"Sensor\"], \"columns\": {\"s\": {\"group\": \"Sensor\"}, "         \
             "\"c\": {\"max\": \"Line\", \"type\": \"" TYPE "\"}}}}")

static void narrows_a_version_by_what_a_null_one_ranks_as(void **state)
{
    const struct pipeline *p = load(*state, VERSIONED("bigint"));
    assert_true(field_of(p, 0, "Line")->min == INT64_MIN + 1 && field_of(p, 0, "Line")->max == INT64_MAX);
    assert_string_equal(field_of(p, 0, "Line")->holder, "Readings.Line is the version_field");
    p = load(*state, VERSIONED("integer"));
    assert_string_equal(field_of(p, 0, "Line")->holder, "t.c is integer");
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
    assert_true(timestamp_window(at->min, hour) * hour >= TIMESTAMP_MIN);
    assert_true(timestamp_window(at->max, hour) * hour + hour <= TIMESTAMP_MAX);
    assert_true(timestamp_window(at->max + 1, hour) * hour + hour > TIMESTAMP_MAX);
    assert_string_equal(at->holder, "windows of rooms end by the year 9999");
    p = load(*state, PIPELINE(FACTS, "\"tables\": {\"t\": {\"window\": {\"on\": \"Day\", \"size\": \"30 days\"}, "
                                     "\"columns\": {\"w\": {\"window\": \"start\"}}}}"));
    const struct feed_field *day = field_of(p, 0, "Day");
    const int64_t size = 30 * TIMESTAMP_DAY;
    assert_true(timestamp_window(day->min * TIMESTAMP_DAY, size) * size >= TIMESTAMP_MIN);
    assert_true(timestamp_window(day->max * TIMESTAMP_DAY, size) * size + size <= TIMESTAMP_MAX);
    assert_true((day->max - day->min) % 30 == 29);
}

/* The moments that a window of this size, with these members behind it, takes. */
static void assert_moments(struct fixture *f, const char *size, const char *least, const char *most)
{
    char text[TEXT_MAX];
    struct buf min, max;
    buf_init(&min, SIZE_MAX);
    buf_init(&max, SIZE_MAX);
    snprintf(text, sizeof text,
             PIPELINE(FACTS, "\"tables\": {\"t\": {\"window\": {\"on\": \"At\", \"size\": %s}, \"columns\": {\"w\": "
                             "{\"window\": \"start\"}}}}"),
             size);
    const struct feed_field *at = field_of(load(f, text), 0, "At");
    timestamp_print(at->min, &min);
    timestamp_print(at->max, &max);
    assert_slice(buf_slice(&min), least);
    assert_slice(buf_slice(&max), most);
    buf_close(&min);
    buf_close(&max);
}

static void keeps_windows_of_months_within_them_too(void **state)
{
    struct fixture *f = *state;
    assert_moments(f, "\"1 month\"", "0001-01-01T00:00:00Z", "9999-11-30T23:59:59.999999Z");
    assert_moments(f, "\"1 year\"", "0001-01-01T00:00:00Z", "9998-12-31T23:59:59.999999Z");
    assert_moments(f, "\"7 months\"", "0001-04-01T00:00:00Z", "9999-07-31T23:59:59.999999Z");
    assert_moments(f, "\"100 years\"", "0070-01-01T00:00:00Z", "9969-12-31T23:59:59.999999Z");
    assert_moments(f, "\"1 year\", \"origin\": \"1970-04-01\"", "0001-04-01T00:00:00Z", "9999-03-31T23:59:59.999999Z");
    assert_moments(f, "\"1 day\", \"origin\": \"2000-01-01T06:00\"", "0001-01-01T06:00:00Z",
                   "9999-12-31T05:59:59.999999Z");
    assert_moments(f, "\"1 day\", \"origin\": \"2000-01-01T06:00\", \"zone\": \"+03:00\"", "0001-01-05T06:00:00Z",
                   "9999-12-27T05:59:59.999999Z");
    assert_moments(f, "\"1 month\", \"zone\": \"+03:00\"", "0001-02-04T00:00:00Z", "9999-10-28T23:59:59.999999Z");
    assert_moments(f, "\"6 months\", \"slide\": \"1 month\"", "0001-06-01T00:00:00Z", "9999-06-30T23:59:59.999999Z");
    assert_moments(f, "\"4 days\", \"slide\": \"1 day\"", "0001-01-04T00:00:00Z", "9999-12-27T23:59:59.999999Z");
    struct table table =
        load(f, PIPELINE(FACTS, "\"tables\": {\"t\": {\"window\": {\"on\": \"Day\", \"size\": \"2 years\"}, "
                                "\"columns\": {\"w\": {\"window\": \"start\"}}}}"))
            ->tables[0];
    assert_true(table.window.months && table.window.zone == &window_utc && !table.window.zone_name);
    assert_int_equal(table.window.size, 24);
    const struct feed_field *day = field_of(f->pipeline, 0, "Day");
    struct buf text;
    buf_init(&text, SIZE_MAX);
    timestamp_print_date(day->min, &text);
    buf_put_byte(&text, ' ');
    timestamp_print_date(day->max, &text);
    assert_slice(buf_slice(&text), "0002-01-01 9997-12-31");
    buf_close(&text);
}

static void knows_how_windows_slide(void **state)
{
    const struct pipeline *p =
        load(*state, PIPELINE(FACTS, "\"tables\": {\"t\": {\"window\": {\"on\": \"At\", \"size\": "
                                     "\"2 hours\", \"slide\": \"15 minutes\"}, \"columns\": {\"w\": "
                                     "{\"window\": \"start\"}}}}"));
    assert_int_equal(p->tables[0].window.size, 900 * TIMESTAMP_SECOND);
    assert_int_equal(p->tables[0].window.span, 8);
    assert_non_null(strstr(p->shape.data, " of 7200000000 each 900000000 "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(resolves_a_pipeline_of_any_feeds),
        TEST(makes_the_key_of_groups_then_window),
        TEST(resolves_views),
        TEST(keeps_the_fields_it_uses_and_no_others),
        TEST(leads_from_every_version_to_the_feeds_fields),
        TEST(takes_the_type_that_all_versions_widen_to),
        TEST(narrows_what_an_integer_column_shows),
        TEST(narrows_no_field_under_a_floating_column),
        TEST(narrows_a_version_by_what_a_null_one_ranks_as),
        TEST(narrows_texts_that_are_in_a_primary_key),
        TEST(keeps_windows_within_the_years_that_are_written),
        TEST(keeps_windows_of_months_within_them_too),
        TEST(knows_how_windows_slide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
