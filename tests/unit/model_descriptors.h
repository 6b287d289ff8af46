/*
 * What the tests of descriptors share: a folder to be in, and descriptors of the feed Goods that are loaded from texts
 * there, or are refused with just the problems that a test names.
 */
#ifndef DROPFOLD_TESTS_MODEL_DESCRIPTORS_H
#define DROPFOLD_TESTS_MODEL_DESCRIPTORS_H

#include "testing.h"

#include <unistd.h>

#include "model/descriptor.h"

/* How a descriptor of version 1 begins; what comes behind is on line 2. */
#define HEAD "{\"feed\": \"Goods\", \"version\": 1, \"format\": \"csv\",\n"

struct fixture {
    char folder[TESTING_PATH_MAX];
    struct arena arena;
    struct doc_problems problems;
    struct descriptor *descriptor; /* the last one loaded */
};

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    testing_folder_make(f->folder);
    assert_int_equal(chdir(f->folder), 0);
    arena_init(&f->arena, 8 << 20);
    doc_problems_init(&f->problems);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    descriptor_close(f->descriptor);
    arena_close(&f->arena);
    doc_problems_close(&f->problems);
    assert_int_equal(chdir("/"), 0);
    testing_folder_remove(f->folder);
    free(f);
    return 0;
}

/* The file of a version, whose name is its number. */
static inline void write_version(unsigned version, const char *text)
{
    char name[32];
    snprintf(name, sizeof name, "%u.json", version);
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* NULL, with its problems, when it is refused. */
static inline struct descriptor *try_version(struct fixture *f, unsigned version)
{
    char name[32];
    snprintf(name, sizeof name, "%u.json", version);
    descriptor_close(f->descriptor);
    doc_problems_close(&f->problems);
    doc_problems_init(&f->problems);
    f->descriptor = descriptor_load(name, "Goods", version, &f->arena, &f->problems);
    return f->descriptor;
}

static inline struct descriptor *try_text(struct fixture *f, const char *text)
{
    write_version(1, text);
    return try_version(f, 1);
}

/* It has no mistake. */
static inline struct descriptor *load_version(struct fixture *f, unsigned version)
{
    if (!try_version(f, version))
        print_error("%.*s", (int)f->problems.text.len, f->problems.text.data);
    assert_non_null(f->descriptor);
    assert_int_equal(f->problems.count, 0);
    return f->descriptor;
}

static inline struct descriptor *load(struct fixture *f, const char *text)
{
    write_version(1, text);
    return load_version(f, 1);
}

/* It is refused with exactly these lines. */
static inline void assert_version_refused(struct fixture *f, unsigned version, const char *problems)
{
    assert_null(try_version(f, version));
    assert_slice(buf_slice(&f->problems.text), problems);
}

static inline void assert_refused(struct fixture *f, const char *text, const char *problems)
{
    write_version(1, text);
    assert_version_refused(f, 1, problems);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
