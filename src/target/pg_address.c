/*
 * Checks and names addresses.
 *
 * A password in an address stands in `ps`, in shell histories and in unit files, so it is refused and the ways that
 * keep it out of sight are named. libpq's complaint about an address may quote it, so it is passed on only when the
 * address cannot hold a secret.
 */
#include "target/pg_address.h"

#include <libpq-fe.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

enum {
    NAME_MAX_BYTES = 65536 /* of a name before it is cut to its place */
};

static const PQconninfoOption *find(const PQconninfoOption *options, const char *keyword)
{
    for (; options && options->keyword; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options;
    return NULL;
}

static const char *given(const PQconninfoOption *options, const char *keyword)
{
    const PQconninfoOption *option = find(options, keyword);
    return option && option->val && option->val[0] ? option->val : NULL;
}

/* The n-th of a comma-separated list, or its only one; empty when there is none. */
static struct slice item(const char *list, size_t n)
{
    if (!list)
        return (struct slice){"", 0};
    bool single = !strchr(list, ',');
    for (; n > 0 && !single; n--) {
        list = strchr(list, ',');
        if (!list)
            return (struct slice){"", 0};
        list++;
    }
    return (struct slice){list, strcspn(list, ",")};
}

static void put_hosts(struct buf *out, const char *hosts, const char *ports)
{
    size_t n = 0;
    for (const char *at = hosts; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL, n++) {
        struct slice port = item(ports, n);
        buf_put_text(out, n > 0 ? "," : "");
        buf_put(out, at, strcspn(at, ","));
        if (port.len > 0)
            buf_printf(out, ":%.*s", (int)port.len, port.data);
    }
}

/* In a URI the folder of a Unix socket cannot stand where a host does. */
static void put_tail(struct buf *out, const char *socket, const char *port, const char *service)
{
    const char *between = "?";
    if (socket) {
        buf_printf(out, "?host=%s", socket);
        between = "&";
    }
    if (socket && port) {
        buf_printf(out, "&port=%s", port);
    }
    if (service)
        buf_printf(out, "%sservice=%s", between, service);
}

static void put_name(struct buf *out, const PQconninfoOption *set, const PQconninfoOption *defaults)
{
    const char *service = given(set, "service") ? given(set, "service") : given(defaults, "service");
    const char *values[4];
    static const char *const keywords[] = {"user", "host", "port", "dbname"};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        values[i] = given(set, keywords[i]);
        if (!values[i] && !service)
            values[i] = given(defaults, keywords[i]);
    }
    if (!values[1] && given(set, "hostaddr"))
        values[1] = given(set, "hostaddr");
    if (!values[3])
        values[3] = values[0];
    bool socket = values[1] && (values[1][0] == '/' || values[1][0] == '@');
    buf_put_text(out, "postgresql://");
    if (values[0])
        buf_printf(out, "%s@", values[0]);
    if (values[1] && !socket)
        put_hosts(out, values[1], values[2]);
    buf_printf(out, "/%s", values[3] ? values[3] : "");
    put_tail(out, socket ? values[1] : NULL, values[2], service);
}

static bool name(const PQconninfoOption *set, char *out, size_t size, struct error *error)
{
    struct buf text;
    PQconninfoOption *defaults = PQconndefaults();
    buf_init(&text, NAME_MAX_BYTES);
    put_name(&text, set, defaults);
    text_escape(buf_slice(&text), out, size);
    bool ok = !text.failed;
    buf_close(&text);
    PQconninfoFree(defaults);
    return ok || error_memory(error);
}

static bool bad_address(const char *address, const char *message, struct error *error)
{
    char text[ERROR_TEXT_MAX / 2];
    bool secret = strcasestr(address, "passw") || strchr(address, '@');
    text_escape(slice_trim(slice_of(secret || !message ? "it is not what libpq understands" : message)), text,
                sizeof text);
    return error_set(error, ERROR_USAGE,
                     "the target's address: %s; expected sqlite:PATH, none:, postgresql://USER@HOST/DB, or a conninfo "
                     "such as \"host=... dbname=...\"",
                     text);
}

bool pg_address_check(const char *address, char *out, size_t size, struct error *error)
{
    char *message = NULL;
    PQconninfoOption *set = PQconninfoParse(address, &message);
    if (!set) {
        bad_address(address, message, error);
        PQfreemem(message);
        return false;
    }
    bool ok = !given(set, "password") && !given(set, "sslpassword");
    if (!ok)
        error_set(error, ERROR_USAGE,
                  "the target's address holds a password, which anybody can read there; give it by PGPASSWORD, "
                  "~/.pgpass, PGPASSFILE or a service file");
    ok = ok && name(set, out, size, error);
    PQconninfoFree(set);
    return ok;
}
