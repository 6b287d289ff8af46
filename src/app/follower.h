/*
 * A thread that does somebody's steps behind them: in order, and so many behind at most.
 *
 *   caller: follower_room, fills the place, follower_push  ...  -->  the thread: `work` for each place
 *
 * A place is the caller's from follower_room to follower_push, and the thread's until `work` has returned; what both
 * only read may be read by both. Each side sleeps until half of the places are there for it: waking a thread costs as
 * much as hashing some pages, or applying some rows.
 */
#ifndef DROPFOLD_APP_FOLLOWER_H
#define DROPFOLD_APP_FOLLOWER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct follower;

/* Does one step, on the thread; false: no further one is done. */
typedef bool (*follower_work)(void *context, size_t place);

/* Starts the thread with places 0 to `places` - 1 (2 or more). NULL: there is no memory or no thread for it. */
struct follower *follower_start(size_t places, follower_work work, void *context) MUST_USE;

/* The next place to fill, waiting while none is free; false when a step has failed. */
bool follower_room(struct follower *follower, size_t *place) MUST_USE;
void follower_push(struct follower *follower);

/* Waits until all steps were done, ends the thread and frees the follower. False when a step has failed; what `work`
   wrote can be read from here on. */
bool follower_end(struct follower *follower);

#endif
