/* A folder of its own for each test of the store, and the error that its calls fill. Included after the other headers
   of these tests, whose functions have parameters of the same names. */
#ifndef DROPFOLD_TESTS_STORE_FOLDER_H
#define DROPFOLD_TESTS_STORE_FOLDER_H

#include "store_testing.h"

static char folder[TESTING_PATH_MAX];
static struct error error;

static inline int make_folder(void **state)
{
    (void)state;
    testing_folder_make(folder);
    error = (struct error){0};
    return 0;
}

static inline int remove_folder(void **state)
{
    (void)state;
    testing_folder_remove(folder);
    return 0;
}

#endif
