/*
 * Random histories against the reference: after every change the engine must deliver what a computation from scratch
 * over the live rows yields, in full and, through a target that only ever sees changes, in parts. With retention
 * windows close in between. Now and then the target is put back to what it was. Only every TESTING_STEP-th history is
 * told.
 */
#include "engine_history_checks.h"

#define ALL_COLUMNS(D)                                                                                                 \
    "'orders': {'count': 'Order_ID'}, 'priced': {'count': 'Total'}, 'total': {'sum': 'Total'},"                        \
    "'total_f': {'sum': 'Total', 'type': 'double'}, 'average': {'avg': 'Total'}, 'highest': {'max': 'Total'},"         \
    "'lowest': {'min': 'Total', 'type': 'real'}, 'last': {'max': 'Time'}, 'first_day': {'min': 'Day'},"                \
    "'heaviest': {'max': 'Weight'}, 'pieces': {'sum': 'Quantity'}, 'most': {'max': 'Quantity'},"                       \
    "'products': {'count_distinct': 'SKU'}, 'currencies': {'count_distinct': 'Currency'},"                             \
    "'per_order': {'ratio': ['pieces', 'orders'], 'type': 'numeric'},"                                                 \
    "'done': {'count': 'Order_ID', 'where': {'Status': 'done'}},"                                                      \
    "'done_total': {'sum': 'Total', 'where': {'Status': 'done'}},"                                                     \
    "'open_highest': {'max': 'Total', 'where': {'not': {'Status': ['done', 'lost']}}},"                                \
    "'many': {'sum': 'Quantity', 'where': {'Quantity': {'>': 2}}},"                                                    \
    "'tasks': {'count': '" D ".Task_ID'}, 'distance': {'sum': '" D ".Distance'},"                                      \
    "'far': {'max': '" D ".Distance', 'where': {'" D ".Driver': 'x'}},"                                                \
    "'drivers': {'count_distinct': '" D ".Driver'},"                                                                   \
    "'done_distance': {'avg': '" D ".Distance', 'type': 'double', 'where': {'Status': 'done'}}"

#define BY_CUSTOMER(D) BY_CUSTOMER_IN("'size': '10 days'", D)
#define BY_CUSTOMER_IN(WINDOWS, D)                                                                                     \
    "'by_customer': {'group_by': ['Customer_ID'], 'window': {'on': 'Time', " WINDOWS "}, 'uniform': "                  \
    "['Currency'],"                                                                                                    \
    "'columns': {'customer': {'group': 'Customer_ID', 'type': 'integer'}, 'start': {'window': 'start'}, 'files': "     \
    "{'files': true}, " ALL_COLUMNS(D) "}}"

#define BY_REGION(D)                                                                                                   \
    "'by_region': {'group_by': ['Region'], 'uniform': ['Status', 'Currency'],"                                         \
    "'columns': {'region': {'group': 'Region'}," ALL_COLUMNS(D) "}}"

#define BY_CITY(D) BY_CITY_IN("'size': '2 days'", D)
#define BY_CITY_IN(WINDOWS, D)                                                                                         \
    "'by_city': {'group_by': ['Customers.City', 'Region'], 'window': {'on': 'Day', " WINDOWS "},"                      \
    "'columns': {'end': {'window': 'end', 'type': 'timestamp'}, 'region': {'group': 'Region'},"                        \
    "'start': {'window': 'start'}, 'city': {'group': 'Customers.City'}, 'bonus': {'sum': 'Customers.Bonus'},"          \
    "'people': {'count': 'Customers.Customer_ID'}," ALL_COLUMNS(D) "}}"

#define GRAIN                                                                                                          \
    "'grain': {'key': ['Order_ID'], 'attributes': ['Customer_ID', 'Time', 'Total', 'Status', 'Currency', 'Day', "      \
    "'Region']}"

static const char *const pipelines[] = {
    /* Orders with lines, tasks and a known customer, as the shipped pipeline has it. */
    "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU'], " GRAIN ", 'filter': {'Quantity': {'>=': 0}}},"
    "'join': [{'feed': 'Deliveries', 'key': ['Task_ID'], 'on': 'Order_ID'},"
    "{'feed': 'Customers', 'key': ['Customer_ID'], 'on': 'Customer_ID', 'filter': {'City': {'null': false}}}],"
    "'tables': {" BY_CUSTOMER("Deliveries") ", " BY_REGION("Deliveries") ", " BY_CITY("Deliveries") "}",
    /* The plain join of all rows. */
    "'facts': {'feed': 'Orders'}, 'join': [{'feed': 'Deliveries', 'on': 'Order_ID', 'required': false},"
    "{'feed': 'Customers', 'on': 'Customer_ID'}], 'tables': {" BY_CUSTOMER("Deliveries") ", " BY_REGION(
        "Deliveries") "}",
    /* Single lines with keys; deliveries that are corrected, and move. */
    "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU'], 'filter': {'any': [{'Status': 'done'}, {'Total': {'>': "
    "1}}]}},"
    "'join': [{'feed': 'Deliveries', 'key': ['Task_ID'], 'on': 'Order_ID', 'filter': {'Driver': ['x', 'y']}},"
    "{'feed': 'Customers', 'key': ['Customer_ID'], 'on': 'Customer_ID'}], 'tables': {" BY_CUSTOMER(
        "Deliveries") ", " BY_CITY("Deliveries") "}",
    /* Lines without keys; one delivery an order, found through it. */
    "'facts': {'feed': 'Orders', " GRAIN "},"
    "'join': [{'feed': 'Trips', 'key': ['Order_ID'], 'on': 'Order_ID', 'required': false},"
    "{'feed': 'Customers', 'key': ['Customer_ID', 'City'], 'on': 'Customer_ID'}],"
    "'tables': {" BY_REGION("Trips") ", " BY_CUSTOMER_IN("'size': '1 year', 'origin': '1969-04-01'", "Trips") "}",
    /* A fact is an order; its deliveries lie under it and weigh. */
    "'facts': {'feed': 'Orders', 'key': ['Order_ID']},"
    "'join': [{'feed': 'Trips', 'key': ['Task_ID', 'Order_ID'], 'on': 'Order_ID'},"
    "{'feed': 'Customers', 'on': 'Customer_ID', 'required': false}],"
    "'tables': {" BY_CUSTOMER("Trips") ", " BY_REGION("Trips") "}",
    /* Versions decide, and some rows are delete markers. */
    "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU'], 'version_field': 'Quantity', 'delete': {'Status': "
    "'lost'}," GRAIN
    "}, 'join': [{'feed': 'Deliveries', 'key': ['Task_ID'], 'version_field': 'Distance', 'delete': {'Driver': 'w'},"
    "'on': 'Order_ID'}, {'feed': 'Customers', 'key': ['Customer_ID'], 'on': 'Customer_ID', 'filter': {'City': {'null': "
    "false}}}], 'tables': {" BY_CUSTOMER("Deliveries") ", " BY_REGION("Deliveries") ", " BY_CITY("Deliveries") "}",
};

/* Windows that slide: a fact lies in several. */
static const char *const sliding[] = {
    "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU'], 'version_field': 'Quantity', 'delete': {'Status': "
    "'lost'}," GRAIN "}, 'join': [{'feed': 'Deliveries', 'key': ['Task_ID'], 'on': 'Order_ID'},"
    "{'feed': 'Customers', 'key': ['Customer_ID'], 'on': 'Customer_ID', 'filter': {'City': {'null': false}}}],"
    "'tables': {" BY_CUSTOMER_IN("'size': '30 days', 'slide': '10 days'", "Deliveries") ", " BY_REGION(
        "Deliveries") ", " BY_CITY_IN("'size': '4 days', 'slide': '1 day'", "Deliveries") "}",
    "'facts': {'feed': 'Orders', 'key': ['Order_ID']},"
    "'join': [{'feed': 'Trips', 'key': ['Task_ID', 'Order_ID'], 'on': 'Order_ID'},"
    "{'feed': 'Customers', 'on': 'Customer_ID', 'required': false}],"
    "'tables': {" BY_CUSTOMER_IN("'size': '1 year', 'slide': '3 months', 'origin': '1970-02-01'", "Trips") "}",
};

#define RETENTION ", 'retention': {'lateness': '20 days', 'max_ahead': '40 days'}"

#define BY_PLACE(D)                                                                                                    \
    "'by_place': {'group_by': ['Customers.City', 'Region'], 'window': {'on': 'Time', 'size': '10 days'},"              \
    "'uniform': ['Status', 'Currency'],"                                                                               \
    "'columns': {'region': {'group': 'Region'}, 'start': {'window': 'start'}, 'city': {'group': 'Customers.City'},"    \
    "'bonus': {'sum': 'Customers.Bonus'}, 'last_city': {'max': 'Customers.City'}," ALL_COLUMNS(D) "}}"

/* The same six with windows that close, some of them months or with an origin, and one whose windows are over a part of
   its key. */
static const char *const closing[] = {
    "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU', 'Time'], 'grain': {'key': ['Order_ID', 'Time'], "
    "'attributes': "
    "['Customer_ID', 'Total', 'Status', 'Currency', 'Day', 'Region']}, 'filter': {'Quantity': {'>=': 0}}},"
    "'join': [{'feed': 'Deliveries', 'key': ['Task_ID'], 'on': 'Order_ID'},"
    "{'feed': 'Customers', 'key': ['Customer_ID'], 'on': 'Customer_ID', 'filter': {'City': {'null': false}}}],"
    "'tables': {" BY_CUSTOMER("Deliveries") ", " BY_PLACE("Deliveries") "}" RETENTION,
    "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU'], " GRAIN ", 'filter': {'Quantity': {'>=': 0}}},"
    "'join': [{'feed': 'Deliveries', 'key': ['Task_ID'], 'on': 'Order_ID'},"
    "{'feed': 'Customers', 'key': ['Customer_ID'], 'on': 'Customer_ID', 'filter': {'City': {'null': false}}}],"
    "'tables': {" BY_CUSTOMER("Deliveries") ", " BY_PLACE("Deliveries") "}" RETENTION,
    "'facts': {'feed': 'Orders'}, 'join': [{'feed': 'Deliveries', 'on': 'Order_ID', 'required': false},"
    "{'feed': 'Customers', 'on': 'Customer_ID'}], 'tables': {" BY_CUSTOMER_IN(
        "'size': '10 days', 'origin': '2024-05-06T10:00:05'", "Deliveries") "}" RETENTION,
    "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU'], 'filter': {'any': [{'Status': 'done'}, {'Total': {'>': "
    "1}}]}},"
    "'join': [{'feed': 'Deliveries', 'key': ['Task_ID'], 'on': 'Order_ID', 'filter': {'Driver': ['x', 'y']}},"
    "{'feed': 'Customers', 'key': ['Customer_ID'], 'on': 'Customer_ID'}], 'tables': {" BY_CUSTOMER(
        "Deliveries") ", " BY_PLACE("Deliveries") "}" RETENTION,
    "'facts': {'feed': 'Orders', " GRAIN "},"
    "'join': [{'feed': 'Trips', 'key': ['Order_ID'], 'on': 'Order_ID', 'required': false},"
    "{'feed': 'Customers', 'key': ['Customer_ID', 'City'], 'on': 'Customer_ID'}],"
    "'tables': {" BY_CUSTOMER("Trips") "}" RETENTION,
    "'facts': {'feed': 'Orders', 'key': ['Order_ID']},"
    "'join': [{'feed': 'Trips', 'key': ['Task_ID', 'Order_ID'], 'on': 'Order_ID'},"
    "{'feed': 'Customers', 'on': 'Customer_ID', 'required': false}],"
    "'tables': {" BY_CUSTOMER_IN("'size': '2 months', 'origin': '1970-02-01'", "Trips") "}" RETENTION,
    "'facts': {'feed': 'Orders', 'key': ['Order_ID', 'SKU'], 'version_field': 'Quantity', 'delete': {'Status': "
    "'lost'}," GRAIN
    "}, 'join': [{'feed': 'Deliveries', 'key': ['Task_ID'], 'version_field': 'Distance', 'delete': {'Driver': 'w'},"
    "'on': 'Order_ID'}, {'feed': 'Customers', 'key': ['Customer_ID'], 'on': 'Customer_ID', 'filter': {'City': {'null': "
    "false}}}], 'tables': {" BY_CUSTOMER("Deliveries") ", " BY_PLACE("Deliveries") "}" RETENTION,
};

/* --- histories ---------------------------------------------------------------------------------------------------- */

static void run_history(struct pipeline *pipeline, uint64_t seed)
{
    struct error error;
    struct history *h = calloc(1, sizeof *h);
    assert_non_null(h);
    random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 12345;
    bool many = random_below(3) == 0;
    h->space = (struct space){.orders = many ? 150 : 1 + random_below(12),
                              .products = 1 + random_below(random_below(6) ? 4 : 40),
                              .tasks = many ? 200 : 1 + random_below(30),
                              .customers = 1 + random_below(many ? 2 : 5),
                              .windows = 1 + random_below(many ? 2 : 6),
                              .nulls = random_below(40)};
    h->shop.pipeline = pipeline;
    h->shop.engine = engine_new(pipeline, 0, &error);
    assert_non_null(h->shop.engine);
    engine_lend(h->shop.engine, (size_t)(1 + random_below(4)), 1, shop_backwards);
    h->ref.pipeline = pipeline;
    for (size_t t = 0; t < PIPELINE_TABLES_MAX; t++)
        buf_init(&h->expected[t], SIZE_MAX);
    for (int changes = 4 + random_below(8); changes > 0; changes--) {
        run_change(h);
        if (h->open && retains(h) && random_below(2) == 0)
            run_close(h);
        if (h->open) {
            drain(h);
            end_delivery(h, random_below(4) != 0);
        }
        if (retains(h) && random_below(2) == 0)
            run_close(h);
        if (random_below(2) == 0) {
            deliver_some(h);
            if (random_below(2) == 0) {
                drain(h);
                end_delivery(h, true);
            }
        }
        if (!h->open) {
            check_state(h);
            disturb_target(h);
        }
    }
    if (h->open) {
        drain(h);
        end_delivery(h, true);
    }
    deliver_some(h);
    drain(h);
    end_delivery(h, true);
    check_state(h);
    check_replay(h);
    if (!retains(h))
        check_feed_order(h, (size_t)random_below(3));
    history_close(h);
}

static void run_pipeline(const char *members, int seeds)
{
    struct pipeline *pipeline = shop_pipeline(members);
    const char *only = getenv("ENGINE_SEED");
    for (int seed = 1; seed <= seeds; seed++)
        if (only ? atoi(only) == seed : seed % TESTING_STEP == 0) {
            if (getenv("ENGINE_VERBOSE"))
                fprintf(stderr, "seed %d\n", seed);
            run_history(pipeline, (uint64_t)seed);
        }
    pipeline_free(pipeline);
}

static void orders_with_lines_tasks_and_customers_equal_the_reference(void **state)
{
    (void)state;
    run_pipeline(pipelines[0], 250);
}

static void the_plain_join_of_all_rows_equals_the_reference(void **state)
{
    (void)state;
    run_pipeline(pipelines[1], 100);
}

static void lines_with_keys_and_no_grain_equal_the_reference(void **state)
{
    (void)state;
    run_pipeline(pipelines[2], 200);
}

static void lines_without_keys_equal_the_reference(void **state)
{
    (void)state;
    run_pipeline(pipelines[3], 200);
}

static void weighted_records_under_their_fact_equal_the_reference(void **state)
{
    (void)state;
    run_pipeline(pipelines[4], 200);
}

static void versions_and_delete_markers_equal_the_reference(void **state)
{
    (void)state;
    run_pipeline(pipelines[5], 200);
}

static void windows_that_slide_equal_the_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sliding); i++)
        run_pipeline(sliding[i], 150);
}

static void windows_that_close_equal_the_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(closing); i++)
        run_pipeline(closing[i], 80);
}

/* After the others: the histories above had rows taken back, of both kinds, fresh groups, and targets that were
   older. */
static void rows_were_taken_back_groups_fresh_and_targets_older(void **state)
{
    (void)state;
    if (getenv("ENGINE_SEED"))
        skip();
    assert_in_range(fresh_rows, 200, 1000000);
    assert_in_range(taken_back[0], 200, 100000);
    assert_in_range(taken_back[1], 200, 100000);
    assert_in_range(rewinds, 100, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_that_close_equal_the_reference),
        cmocka_unit_test(windows_that_slide_equal_the_reference),
        cmocka_unit_test(versions_and_delete_markers_equal_the_reference),
        cmocka_unit_test(orders_with_lines_tasks_and_customers_equal_the_reference),
        cmocka_unit_test(the_plain_join_of_all_rows_equals_the_reference),
        cmocka_unit_test(lines_with_keys_and_no_grain_equal_the_reference),
        cmocka_unit_test(lines_without_keys_equal_the_reference),
        cmocka_unit_test(weighted_records_under_their_fact_equal_the_reference),
        cmocka_unit_test(rows_were_taken_back_groups_fresh_and_targets_older),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
