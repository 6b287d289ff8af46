/*
 * SQLSTATEs to kinds of errors.
 *
 * A start that the server refuses gives no result to ask for its SQLSTATE, only a message. In libpq's verbose form each
 * line of a host that answered reads `...: FATAL:  28P01: password authentication failed...`, whatever the language of
 * the server, so the code is found by its shape between two colons. When several hosts were tried, one that may come
 * back makes it worth trying again.
 *
 * For a certificate that is not accepted, and for want of memory in this process, there is no code at all. What libpq
 * and OpenSSL say of it is known by its words: they are spoken by this process, which never sets another language than
 * C.
 */
#include "target/pg_error.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum {
    MESSAGE_MAX = 16384 /* bytes of one that libpq gathered from several hosts */
};

/* Behind a severity, as is_sqlstate has it. */
#define WRONG_PASSWORD ":  28P01:"

/* Said of a database to one that connects; of anything else "not in the state that is asked for", which lasts. */
#define TAKES_NO_CONNECTIONS "55000"

static bool starts_with_any(const char *sqlstate, const char *const *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(sqlstate, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

enum error_kind pg_error_kind(const char *sqlstate)
{
    static const char *const passing[] = {
        "08",    /* connection */
        "40",    /* deadlock, serialization */
        "53",    /* out of space, memory, connections */
        "57P",   /* shutdown, starting up */
        "57014", /* cancelled: also statement_timeout */
        "55P03", /* lock_timeout */
        "25006", /* read only: a standby, which a failover will change */
        "25P03", /* idle in transaction for too long: this process was stopped */
        "25P04", /* a transaction that took too long */
        "58",    /* the server's disk */
    };
    /* Gone or another since the target was opened: that looks for them, makes them anew or says what is wrong. */
    static const char *const gone[] = {
        "3F000", /* schema */
        "42P01", /* table */
        "42703", /* column */
        "42P10", /* primary key */
        "42804", /* a column's type */
    };
    if (!sqlstate || starts_with_any(sqlstate, passing, COUNT_OF(passing)))
        return ERROR_TARGET;
    if (starts_with_any(sqlstate, gone, COUNT_OF(gone)))
        return ERROR_DIVERGED;
    return ERROR_REFUSED;
}

const char *pg_error_remedy(void)
{
    return "; let the owner of the database make what is missing with `dropfold target init` and grant this role what "
           "`dropfold target --help` names";
}

/* What to do about it, when that is known. */
static const char *remedy(const char *sqlstate)
{
    if (sqlstate && strcmp(sqlstate, "42501") == 0)
        return pg_error_remedy();
    if (sqlstate && strcmp(sqlstate, "22P05") == 0)
        return "; a database with the encoding UTF8 takes every character";
    return "";
}

/* In libpq's words, without a SQLSTATE: the server's memory has one. */
static bool is_about_memory(const char *message)
{
    return strstr(message, "out of memory") || strstr(message, "cannot allocate memory") ||
           strstr(message, "Memory allocation failure"); /* of looking a name up */
}

bool pg_error_result(const PGresult *result, const char *target, const char *doing, struct error *error)
{
    char primary[384], detail[384];
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *more = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    text_escape(slice_trim(slice_of(text ? text : PQresultErrorMessage(result))), primary, sizeof primary);
    text_escape(slice_of(more), detail, sizeof detail);
    bool memory = !sqlstate && is_about_memory(PQresultErrorMessage(result));
    return error_set(error, memory ? ERROR_MEMORY : pg_error_kind(sqlstate), "%s: %s: %s%s%s%s (%s)%s", target, doing,
                     primary, more ? " (" : "", detail, more ? ")" : "", sqlstate ? sqlstate : "no SQLSTATE",
                     remedy(sqlstate));
}

bool pg_error_is(const PGresult *result, const char *wanted)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return sqlstate && wanted && strcmp(sqlstate, wanted) == 0;
}

/* A server that stops at once, or after the crash of another session, only warns. */
static bool ends_session(const PGresult *result, const char *sqlstate)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    return strncmp(sqlstate, "57P", 3) == 0 ||
           (severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0));
}

void pg_error_farewell(const PGresult *result, char farewell[PG_FAREWELL_SIZE])
{
    char primary[PG_FAREWELL_SIZE - 16];
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!sqlstate || !text || !ends_session(result, sqlstate))
        return;
    text_escape(slice_trim(slice_of(text)), primary, sizeof primary);
    snprintf(farewell, PG_FAREWELL_SIZE, "%s (%.5s)", primary, sqlstate);
}

bool pg_error_lost(const PGconn *pg, const char *farewell, const char *target, struct error *error)
{
    char text[ERROR_TEXT_MAX];
    if (farewell[0])
        return error_set(error, ERROR_TARGET, "%s: the connection is lost: %s", target, farewell);
    text_escape(slice_trim(slice_of(PQerrorMessage(pg))), text, sizeof text);
    return error_set(error, is_about_memory(text) ? ERROR_MEMORY : ERROR_TARGET, "%s: the connection is lost: %s",
                     target, text[0] ? text : "no reason given");
}

/* The five characters of a SQLSTATE and a colon. */
static bool is_sqlstate(const char *text)
{
    for (int i = 0; i < 5; i++)
        if (!isdigit((unsigned char)text[i]) && !isupper((unsigned char)text[i]))
            return false;
    return text[5] == ':';
}

static bool is_about_certificates(const char *message)
{
    static const char *const words[] = {
        "certificate verify failed",       /* unknown authority, expired, revoked */
        "server certificate for \"",       /* ... does not match host name */
        "root certificate file \"",        /* ... does not exist */
        "could not load root certificate", /* of the system's */
        "but SSL was required",            /* the server has none */
        "alert unknown ca",                /* the server says so of ours: */
        "alert bad certificate",
        "alert certificate",
    };
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strstr(message, words[i]))
            return true;
    return false;
}

static enum error_kind connect_kind(const PGconn *pg, const char *message)
{
    bool memory = is_about_memory(message);
    bool refused = PQconnectionNeedsPassword(pg) != 0 || is_about_certificates(message);
    while ((message = strstr(message, ":  "))) {
        message += 3;
        if (!is_sqlstate(message))
            continue;
        if (pg_error_kind(message) == ERROR_TARGET || strncmp(message, TAKES_NO_CONNECTIONS, 5) == 0)
            return ERROR_TARGET;
        refused = true;
    }
    if (refused)
        return ERROR_REFUSED;
    return memory ? ERROR_MEMORY : ERROR_TARGET;
}

/* The code of a line, or NULL. */
static const char *find_code(struct slice line)
{
    for (size_t i = 0; i + 9 < line.len; i++)
        if (strncmp(line.data + i, ":  ", 3) == 0 && is_sqlstate(line.data + i + 3))
            return line.data + i + 3;
    return NULL;
}

/* "failed: FATAL:  28P01: no such role" as all others tell a code: "failed: no such role (28P01)". */
static void put_line(struct buf *out, struct slice line)
{
    const char *code = find_code(line);
    if (!code) {
        buf_put(out, line.data, line.len);
        return;
    }
    size_t before = (size_t)(code - line.data) - 3;
    while (before > 0 && line.data[before - 1] != ' ')
        before--;
    struct slice words = slice_trim((struct slice){code + 6, line.len - (size_t)(code + 6 - line.data)});
    buf_put(out, line.data, before);
    buf_put(out, words.data, words.len);
    buf_printf(out, " (%.5s)", code);
}

/* Without the lines that say where in the server's source it happened, and without what indents the others. */
static void put_lines(struct buf *out, const char *message)
{
    while (*message) {
        message += strspn(message, " \t");
        size_t len = strcspn(message, "\n");
        if (len > 0 && strncmp(message, "LOCATION:", 9) != 0) {
            buf_put_text(out, out->len > 0 ? "; " : "");
            put_line(out, (struct slice){message, len});
        }
        message += len + (message[len] == '\n');
    }
}

bool pg_error_connect(const PGconn *pg, const char *target, struct error *error)
{
    struct buf out;
    char text[ERROR_TEXT_MAX];
    const char *message = PQerrorMessage(pg);
    buf_init(&out, MESSAGE_MAX);
    put_lines(&out, message);
    text_escape(buf_slice(&out), text, sizeof text);
    bool whole = !out.failed;
    buf_close(&out);
    if (!whole)
        return error_memory(error);
    const char *hint = "";
    if (PQconnectionNeedsPassword(pg) || strstr(message, WRONG_PASSWORD))
        hint = "; give the password by PGPASSWORD, ~/.pgpass, PGPASSFILE or a service file";
    else if (is_about_certificates(message))
        hint = " (TLS: nothing was sent; sslmode, sslrootcert, sslcert of the address or PGSSLMODE, PGSSLROOTCERT, "
               "PGSSLCERT say what is expected)";
    return error_set(error, connect_kind(pg, message), "%s: %s%s", target, text, hint);
}
