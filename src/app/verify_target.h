/* A target asked step by step, on a loop of its own: each call runs the loop until the answer is there. */
#ifndef DROPFOLD_APP_VERIFY_TARGET_H
#define DROPFOLD_APP_VERIFY_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "app/settings.h"
#include "base/attr.h"
#include "base/error.h"
#include "model/delivery.h"
#include "model/pipeline.h"
#include "target/target.h"

struct verify_target {
    uv_loop_t loop;
    bool loop_open;
    struct target *target; /* NULL: not made */
    bool answered, failed;
    struct error error;
};

/* Made of the address in the settings, not opened yet; to look, or with settings->repair to mend. */
bool verify_target_init(struct verify_target *asked, const struct settings *settings, const struct pipeline *pipeline,
                        struct error *error) MUST_USE;
/* Rolls back what was not committed. */
void verify_target_close(struct verify_target *asked);

/* As target.h has them. */
bool verify_target_open(struct verify_target *asked, struct error *error) MUST_USE;
bool verify_target_begin(struct verify_target *asked, const struct delivery *delivery, struct error *error) MUST_USE;
bool verify_target_write(struct verify_target *asked, struct block *block, struct error *error) MUST_USE;
bool verify_target_compare(struct verify_target *asked, size_t table, struct error *error) MUST_USE;
bool verify_target_read(struct verify_target *asked, size_t table, uint64_t after, struct error *error) MUST_USE;
bool verify_target_mend(struct verify_target *asked, size_t table, struct error *error) MUST_USE;
bool verify_target_commit(struct verify_target *asked, struct error *error) MUST_USE;

#endif
