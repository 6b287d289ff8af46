/* What a failure of PostgreSQL means: worth trying again, or not. By SQLSTATE, never by the server's text. */
#ifndef DROPFOLD_TARGET_PG_ERROR_H
#define DROPFOLD_TARGET_PG_ERROR_H

#include <libpq-fe.h>

#include "base/error.h"

/* ERROR_TARGET, ERROR_DIVERGED or ERROR_REFUSED for a SQLSTATE; NULL, which a lost connection has, may pass. */
enum error_kind pg_error_kind(const char *sqlstate);

/* The error of a failed result; `doing` says what was under way. Returns false. */
bool pg_error_result(const PGresult *result, const char *target, const char *doing, struct error *error);

/* What to do about a right that is missing, with a semicolon before it. */
const char *pg_error_remedy(void);

#define PG_ERROR_TAKEN       "23505" /* a key was written that was there */
#define PG_ERROR_UNSUPPORTED "0A000" /* of BEGIN: READ WRITE, by a standby */

/* The result failed with this SQLSTATE; NULL: with none. */
bool pg_error_is(const PGresult *result, const char *wanted);

enum { PG_FAREWELL_SIZE = 384 };

/* Takes down why the server ends the session, if `result`, an error or a notice, says so. */
void pg_error_farewell(const PGresult *result, char farewell[PG_FAREWELL_SIZE]);

/* The connection broke; the farewell, when there is one, says why. Returns false. */
bool pg_error_lost(const PGconn *pg, const char *farewell, const char *target, struct error *error);

/* It never came about. The connection's verbosity must have been PQERRORS_VERBOSE: only then does libpq tell the
   SQLSTATE of a refused start. Returns false. */
bool pg_error_connect(const PGconn *pg, const char *target, struct error *error);

#endif
