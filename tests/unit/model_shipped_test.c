/* The pipelines in schemas/. */
#include "model_pipelines.h"

#include "model/timestamp.h"

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
    assert_int_equal(ecommerce->window.size, 10 * TIMESTAMP_DAY);
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
    const struct CMUnitTest tests[] = {
        TEST(ships_the_table_its_readers_know),
        TEST(ships_the_table_of_a_plain_join),
        TEST(binds_the_same_fields_in_both_shipped_markets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
