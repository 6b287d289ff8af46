#include "feed/parts.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
    TAIL_MAX = 16 * 1024, /* bytes at a piece's end in which its cut is looked for */
    REFUSED_MAX = 4,      /* parts that may be read in vain, and for each some more that are not */
    REFUSED_SHARE = 4
};

enum piece_state {
    PIECE_OWN,   /* for the caller's parser */
    PIECE_OPEN,  /* for any thread */
    PIECE_TAKEN, /* some thread parses it */
    PIECE_READ   /* by its own parser */
};

struct piece {
    char *bytes;
    size_t len;
    struct parser *parser; /* NULL: there is none */
    enum piece_state state;
    bool good; /* all of it was parsed */
};

struct parts {
    uv_mutex_t mutex;
    uv_cond_t work, done; /* helpers wait for the first, the caller for the other */
    uv_thread_t threads[PARTS_HELPERS_MAX];
    size_t thread_count;

    /* under the mutex */
    struct piece pieces[PARTS_PIECES_MAX];
    size_t piece_count, piece_bytes;
    uint64_t filled, hashed, joined; /* pieces so far: the n-th of the file is in place n % piece_count */
    bool hashing;                    /* some thread does */
    bool ended;                      /* helpers go */

    /* the caller's */
    struct parser *parser;
    struct digester *digester;  /* of whoever is `hashing` */
    bool splits;                /* parts may be read apart */
    bool at_cut;                /* the next piece begins at a likely place */
    bool last;                  /* all is read */
    bool feeding;               /* the caller was told to feed the first piece */
    uint64_t accepted, refused; /* parts */
    char tail[TAIL_MAX];        /* what was read behind the last cut */
    size_t tail_len;
};

static struct piece *piece_of(struct parts *parts, uint64_t number)
{
    return &parts->pieces[number % parts->piece_count];
}

/* --- what any thread does ----------------------------------------------------------------------------------------- */

/* All of these are called with the mutex and let it go while they work. */

static void hash_next(struct parts *parts)
{
    const struct piece *piece = piece_of(parts, parts->hashed);
    parts->hashing = true;
    uv_mutex_unlock(&parts->mutex);
    digester_add(parts->digester, (struct slice){piece->bytes, piece->len});
    uv_mutex_lock(&parts->mutex);
    parts->hashing = false;
    parts->hashed++;
    uv_cond_signal(&parts->done);
}

/* A part that fills a batch is left to the caller's parser, so that what waits is bounded. */
static bool parse_all(struct piece *piece)
{
    struct error ignored = {.kind = ERROR_NONE}; /* the caller's parser will say it, if it is so */
    bool good = parser_part(piece->parser, &ignored);
    for (size_t at = 0, len; good && at < piece->len; at += len) {
        len = piece->len - at < PARSER_INPUT_MAX ? piece->len - at : PARSER_INPUT_MAX;
        good =
            parser_feed(piece->parser, (struct slice){piece->bytes + at, len}, &ignored) && !parser_full(piece->parser);
    }
    return good;
}

static void parse_piece(struct parts *parts, struct piece *piece)
{
    piece->state = PIECE_TAKEN;
    uv_mutex_unlock(&parts->mutex);
    piece->good = parse_all(piece);
    uv_mutex_lock(&parts->mutex);
    piece->state = PIECE_READ;
    uv_cond_signal(&parts->done);
}

static struct piece *open_piece(struct parts *parts)
{
    for (uint64_t i = parts->joined; i < parts->filled; i++)
        if (piece_of(parts, i)->state == PIECE_OPEN)
            return piece_of(parts, i);
    return NULL;
}

/* False when there is nothing to be done now. Pieces are hashed first: none is free again before that. */
static bool do_some(struct parts *parts)
{
    if (!parts->hashing && parts->hashed < parts->filled) {
        hash_next(parts);
        return true;
    }
    struct piece *piece = open_piece(parts);
    if (piece)
        parse_piece(parts, piece);
    return piece != NULL;
}

static void help(void *argument)
{
    struct parts *parts = argument;
    uv_mutex_lock(&parts->mutex);
    while (!parts->ended)
        if (!do_some(parts))
            uv_cond_wait(&parts->work, &parts->mutex);
    uv_mutex_unlock(&parts->mutex);
}

/* --- the caller --------------------------------------------------------------------------------------------------- */

static bool has_place(const struct parts *parts)
{
    uint64_t freed = parts->joined < parts->hashed ? parts->joined : parts->hashed;
    return !parts->last && parts->filled - freed < parts->piece_count;
}

/* Pieces that nobody has begun to parse are the caller's. */
static void leave_open(struct parts *parts)
{
    struct piece *piece;
    while ((piece = open_piece(parts)) != NULL)
        piece->state = PIECE_OWN;
}

/* Joins the first piece, or says that it is to be fed. Without the mutex: it is no other thread's any more. */
static enum parts_step join(struct parts *parts, struct piece *piece, struct error *error)
{
    if (!parts->splits || !piece->good || !parser_joins(parts->parser, piece->parser)) {
        parts->refused++;
        parts->splits = parts->splits && parts->refused <= REFUSED_MAX + parts->accepted / REFUSED_SHARE;
        return PARTS_FEED;
    }
    parts->accepted++;
    return parser_join(parts->parser, piece->parser, error) ? PARTS_TAKE : PARTS_FAILED;
}

/* The first piece has come to its turn and no thread has it. */
static bool first_waits(struct parts *parts)
{
    enum piece_state state = piece_of(parts, parts->joined)->state;
    return parts->joined < parts->filled && (state == PIECE_OWN || state == PIECE_READ);
}

static enum parts_step take_first(struct parts *parts, struct parts_bytes *bytes, struct error *error)
{
    struct piece *piece = piece_of(parts, parts->joined);
    bool read = piece->state == PIECE_READ;
    piece->state = PIECE_TAKEN;
    *bytes = (struct parts_bytes){piece->bytes, piece->len};
    uv_mutex_unlock(&parts->mutex);
    enum parts_step step = read ? join(parts, piece, error) : PARTS_FEED;
    uv_mutex_lock(&parts->mutex);
    if (!parts->splits)
        leave_open(parts);
    parts->feeding = step == PARTS_FEED;
    parts->joined += step == PARTS_TAKE;
    return step;
}

/* Behind what is left of the piece before. */
static enum parts_step fill_next(struct parts *parts, struct parts_bytes *bytes)
{
    const struct piece *piece = piece_of(parts, parts->filled);
    memcpy(piece->bytes, parts->tail, parts->tail_len);
    *bytes = (struct parts_bytes){piece->bytes + parts->tail_len, parts->piece_bytes - parts->tail_len};
    return PARTS_FILL;
}

static enum parts_step next(struct parts *parts, struct parts_bytes *bytes, struct error *error)
{
    parts->joined += parts->feeding;
    parts->feeding = false;
    for (;;) {
        if (has_place(parts))
            return fill_next(parts, bytes);
        if (first_waits(parts))
            return take_first(parts, bytes, error);
        if (parts->joined == parts->filled && parts->hashed == parts->filled)
            return PARTS_END;
        if (!do_some(parts))
            uv_cond_wait(&parts->done, &parts->mutex);
    }
}

enum parts_step parts_next(struct parts *parts, struct parts_bytes *bytes, struct error *error)
{
    uv_mutex_lock(&parts->mutex);
    enum parts_step step = next(parts, bytes, error);
    uv_mutex_unlock(&parts->mutex);
    return step;
}

/* Ends the piece at a likely place and keeps what lies behind it. False where none is seen. */
static bool cut(struct parts *parts, struct piece *piece)
{
    size_t window = piece->len / 2 < TAIL_MAX ? piece->len / 2 : TAIL_MAX;
    size_t at = parts->splits && !parts->last
                    ? parser_cut(parts->parser, (struct slice){piece->bytes, piece->len}, piece->len - window)
                    : 0;
    if (at == 0)
        return false;
    parts->tail_len = piece->len - at;
    memcpy(parts->tail, piece->bytes + at, parts->tail_len);
    piece->len = at;
    return true;
}

void parts_filled(struct parts *parts, size_t len, bool last)
{
    struct piece *piece = piece_of(parts, parts->filled);
    bool from_cut = parts->at_cut;
    piece->len = parts->tail_len + len;
    parts->tail_len = 0;
    parts->last = last;
    parts->at_cut = cut(parts, piece);
    uv_mutex_lock(&parts->mutex);
    piece->state = from_cut && parts->at_cut && piece->parser ? PIECE_OPEN : PIECE_OWN;
    parts->filled++;
    uv_cond_broadcast(&parts->work);
    uv_mutex_unlock(&parts->mutex);
}

void parts_hash_only(struct parts *parts)
{
    parts->splits = false;
    uv_mutex_lock(&parts->mutex);
    leave_open(parts);
    uv_mutex_unlock(&parts->mutex);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static bool init_threads(struct parts *parts)
{
    if (uv_mutex_init(&parts->mutex) != 0)
        return false;
    if (uv_cond_init(&parts->work) == 0) {
        if (uv_cond_init(&parts->done) == 0)
            return true;
        uv_cond_destroy(&parts->work);
    }
    uv_mutex_destroy(&parts->mutex);
    return false;
}

/* A piece without a parser is the caller's to parse. */
static bool make_pieces(struct parts *parts, struct slice head)
{
    struct error ignored = {.kind = ERROR_NONE};
    for (size_t i = 0; i < parts->piece_count; i++) {
        struct piece *piece = &parts->pieces[i];
        piece->bytes = malloc(parts->piece_bytes);
        if (!piece->bytes)
            return false;
        if (parts->splits)
            piece->parser = parser_twin(parts->parser, head, &ignored);
    }
    return true;
}

static void free_all(struct parts *parts)
{
    for (size_t i = 0; i < parts->piece_count; i++) {
        free(parts->pieces[i].bytes);
        parser_free(parts->pieces[i].parser);
    }
    free(parts);
}

struct parts *parts_start(struct parser *parser, struct slice head, struct digester *digester, unsigned helpers,
                          size_t piece_bytes)
{
    struct parts *parts = calloc(1, sizeof *parts);
    if (!parts)
        return NULL;
    if (helpers > PARTS_HELPERS_MAX)
        helpers = PARTS_HELPERS_MAX;
    parts->parser = parser;
    parts->digester = digester;
    parts->splits = parser_splits(parser);
    parts->piece_count = PARTS_PER_THREAD * (1 + helpers);
    parts->piece_bytes = piece_bytes;
    if (!make_pieces(parts, head) || !init_threads(parts)) {
        free_all(parts);
        return NULL;
    }
    while (parts->thread_count < helpers && uv_thread_create(&parts->threads[parts->thread_count], help, parts) == 0)
        parts->thread_count++;
    if (parts->thread_count > 0)
        return parts;
    parts_end(parts);
    return NULL;
}

void parts_end(struct parts *parts)
{
    uv_mutex_lock(&parts->mutex);
    parts->ended = true;
    uv_cond_broadcast(&parts->work);
    uv_mutex_unlock(&parts->mutex);
    for (size_t i = 0; i < parts->thread_count; i++)
        uv_thread_join(&parts->threads[i]);
    uv_cond_destroy(&parts->done);
    uv_cond_destroy(&parts->work);
    uv_mutex_destroy(&parts->mutex);
    free_all(parts);
}
