/* Row-level security: included by target_pg_test.c. */
#ifndef DROPFOLD_TESTS_TARGET_PG_POLICY_CASES_H
#define DROPFOLD_TESTS_TARGET_PG_POLICY_CASES_H

#include "target_pg_server.h"

/* Its policy hides a row from DELETE and says no to an upsert. */
static void refuses_what_row_level_security_hides(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = fill_kinds(&place), plain;
    subject_close(s);
    query("CREATE ROLE plain LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO plain;"
          "ALTER TABLE kinds ENABLE ROW LEVEL SECURITY;"
          "CREATE POLICY all_seen ON kinds FOR SELECT USING (true);"
          "CREATE POLICY added ON kinds FOR INSERT WITH CHECK (true);"
          "CREATE POLICY some_changed ON kinds FOR UPDATE USING (id <> 2);"
          "CREATE POLICY some_deleted ON kinds FOR DELETE USING (id <> 2)");
    open_as(&place, &plain, "user=plain", 0);
    assert_works(subject_open(&plain));
    subject_prepare(&plain, 2, true);
    assert_fails(subject_begin(&plain), ERROR_REFUSED, "\"kinds\" kept 1 row that should be gone");
    assert_works(subject_open(&plain));
    begin_upserts(&plain, false, 3);
    assert_fails(subject_write(&plain, support_kinds_block(1, 3, "new")), ERROR_REFUSED, "42501");
    subject_close(&plain);
    assert_query("SELECT t, count(*) FROM kinds GROUP BY t", "old|3\n");
    query("DROP OWNED BY plain");
}

/* A row that is hidden would be counted for gone, and stay when it is deleted. */
static void refuses_row_level_security_that_may_hide_rows(void **state)
{
    (void)state;
    static const struct {
        const char *policies;
        bool hides;
    } cases[] = {
        {"CREATE POLICY p ON kinds FOR SELECT USING (id <> 2)", true},
        {"CREATE POLICY p ON kinds FOR UPDATE USING (true)", true}, /* none may be read */
        {"CREATE POLICY p ON kinds USING (true); CREATE POLICY q ON kinds FOR SELECT USING (id <> 2)", false},
        {"CREATE POLICY p ON kinds USING (true); CREATE POLICY q ON kinds AS RESTRICTIVE USING (id <> 2)", true},
        {"CREATE POLICY p ON kinds USING (true); CREATE POLICY q ON kinds AS RESTRICTIVE USING (true)", false},
        {"CREATE POLICY p ON kinds USING (true); CREATE POLICY q ON kinds AS RESTRICTIVE TO limited USING (false)",
         false},
        {"CREATE POLICY p ON kinds TO limited USING (true)", true},
        {"CREATE POLICY p ON kinds TO limited USING (true); GRANT limited TO plain", false},
        {"CREATE POLICY p ON kinds FOR SELECT USING (id <> 2); ALTER ROLE plain BYPASSRLS", false},
        {"ALTER TABLE kinds DISABLE ROW LEVEL SECURITY", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct place place;
        struct subject *s = fill_kinds(&place), plain;
        subject_close(s);
        query("CREATE ROLE plain LOGIN; CREATE ROLE limited;"
              "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO plain;"
              "ALTER TABLE kinds ENABLE ROW LEVEL SECURITY");
        query(cases[i].policies);
        open_as(&place, &plain, "user=plain", 0);
        if (cases[i].hides)
            assert_fails(subject_open(&plain), ERROR_REFUSED,
                         "row-level security of table \"kinds\" may hide rows from this role");
        else
            assert_works(subject_open(&plain));
        subject_close(&plain);
        query("DROP OWNED BY plain, limited");
    }
}

/* Where it lets all through. COPY does not ask it, and would be refused. */
static void delivers_through_row_level_security(void **state)
{
    (void)state;
    struct place place;
    struct subject *s = place_init(&place), plain;
    assert_works(subject_open(s));
    subject_close(s);
    query("CREATE ROLE plain LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO plain;"
          "ALTER TABLE kinds ENABLE ROW LEVEL SECURITY; CREATE POLICY all_of_it ON kinds USING (true)");
    open_as(&place, &plain, "user=plain", 0);
    assert_works(subject_open(&plain));
    subject_deliver(&plain, 1, true, 1, 5000, "first");
    subject_deliver(&plain, 2, true, 1, 5000, "new");
    subject_close(&plain);
    assert_query("SELECT t, count(*) FROM kinds GROUP BY t", "new|5000\n");
    query("DROP OWNED BY plain");
}

#define TARGET_PG_POLICY_CASES                                                                                         \
    cmocka_unit_test(refuses_what_row_level_security_hides),                                                           \
        cmocka_unit_test(refuses_row_level_security_that_may_hide_rows),                                               \
        cmocka_unit_test(delivers_through_row_level_security)

#endif
