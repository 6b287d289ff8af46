/*
 * The control socket of a running daemon: <checkpoints>/<pipeline>.sock, for the user who may write there (mode 0600).
 *
 * A client sends one line, words separated by tabs, and reads the answer until the daemon closes: the first line is the
 * exit code in decimal, the rest is for stdout. One request a connection; a line is at most CONTROL_LINE_MAX bytes; a
 * client that is slow to ask is dropped.
 *
 * A socket left by a killed daemon is removed by the next one, which holds the store's lock by then, so it cannot be in
 * use.
 */
#ifndef DROPFOLD_APP_CONTROL_H
#define DROPFOLD_APP_CONTROL_H

#include <stdbool.h>
#include <uv.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"

enum {
    CONTROL_LINE_MAX = 4096,
    CONTROL_WORDS_MAX = 8,
    CONTROL_ANSWER_MAX = 64 * 1024, /* bytes */
    CONTROL_CLIENTS_MAX = 16,
    CONTROL_DEADLINE = 10 * 1000 * 1000 /* microseconds that a command waits for its answer */
};

struct control;
struct control_client;

/* A request: words[0] is what is asked for. Answered by control_answer, at once or later, exactly once. */
typedef void (*control_request)(void *context, struct control_client *client, char **words, size_t count);

/* Whose socket it is, and who answers. */
struct control_service {
    const char *checkpoints; /* must outlive the socket */
    const char *pipeline;
    control_request request; /* called on the loop */
    void *context;
};
/* Listens, for at most CONTROL_CLIENTS_MAX clients at once. On false (ERROR_IO) what is left of it goes when the loop
   runs. */
bool control_start(struct control **control, uv_loop_t *loop, const struct control_service *service,
                   struct error *error) MUST_USE;

/* *made: the socket was gone from its folder, somebody having removed it, and was made anew; false when it could not
   be. Clients that are connected notice nothing. */
bool control_keep(struct control *control, bool *made, struct error *error) MUST_USE;

/* `text` is what the client prints; `code` its exit code. */
void control_answer(struct control_client *client, int code, const char *text);

/* Drops clients that still wait, removes the socket; `stopped` is called on the loop when nothing of it is left
   there. */
void control_stop(struct control *control, void (*stopped)(void *context), void *context);

/* The client's side: what is asked, and the daemon of which pipeline. */
struct control_question {
    const char *checkpoints, *pipeline;
    const char *const *words;
    size_t count;
    int64_t deadline; /* microseconds to wait for the answer */
};
/* Blocks. False with ERROR_TARGET when no daemon listens, or one hangs up before it reads what it is asked; with
   ERROR_IO when it does not answer or is another user's. `answer` (initialised by the caller) receives the text, *code
   the exit code. */
bool control_ask(const struct control_question *question, struct buf *answer, int *code, struct error *error) MUST_USE;

#endif
