/* The address of a PostgreSQL target: conninfo and URI as libpq has them, without secrets. */
#ifndef DROPFOLD_TARGET_PG_ADDRESS_H
#define DROPFOLD_TARGET_PG_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"

/* ERROR_USAGE for what libpq does not understand and for a password; else the name that messages use. */
bool pg_address_check(const char *address, char *name, size_t size, struct error *error) MUST_USE;

#endif
