/* Where the tests of a database that is a target take place, and what they see of it from outside. */
#ifndef DROPFOLD_TESTS_TARGET_GROUND_H
#define DROPFOLD_TESTS_TARGET_GROUND_H

#include "target_support.h"

struct ground {
    const char *address;
    bool postgresql;
    /* The result of SQL, run by another client, as "a|b\n" lines, null as "-"; valid until the next call. */
    const char *(*query)(const char *sql);
    /* Removes everything that a test may have made. */
    void (*clean)(void);
};

/* The one ground of a test program. */
static struct ground ground;

static inline void assert_query(const char *sql, const char *wanted)
{
    const char *given = ground.query(sql);
    if (strcmp(given, wanted) != 0)
        print_error("%s\n", sql);
    assert_string_equal(given, wanted);
}

struct place {
    struct support_pipeline pipeline;
    struct subject subject;
};

static inline struct subject *place_init(struct place *place)
{
    ground.clean();
    support_pipeline_init(&place->pipeline);
    subject_init(&place->subject, &place->pipeline.pipeline, ground.address, 0);
    return &place->subject;
}

/* Another one on the same tables, as a second process would be. */
static inline struct subject *place_again(struct place *place)
{
    support_pipeline_init(&place->pipeline);
    subject_init(&place->subject, &place->pipeline.pipeline, ground.address, 0);
    return &place->subject;
}

/* One that makes nothing; `mend`: and may mend. */
static inline struct subject *place_look_to(struct place *place, bool mend)
{
    const struct target_options options = {.address = ground.address, .look = true, .mend = mend};
    support_pipeline_init(&place->pipeline);
    subject_init_as(&place->subject, &place->pipeline.pipeline, &options);
    return &place->subject;
}

static inline struct subject *place_look(struct place *place)
{
    return place_look_to(place, false);
}

#endif
