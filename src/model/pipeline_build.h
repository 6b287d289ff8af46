/*
 * A pipeline while it is being made; private to pipeline*.c.
 *
 * Steps, each of which reports all its mistakes and lets the next one go on: the feeds' names and descriptors
 * (pipeline_feeds.c), keys, grain, joins and filters (pipeline_facts.c), tables (pipeline_tables.c and
 * pipeline_columns.c), retention (pipeline_retention.c), the ledger's tables (pipeline_ledger.c), views
 * (pipeline_views.c), and the shape of it all (pipeline_shape.c). A field enters its feed when something first asks for
 * it (pipeline_fields.c), so a feed has the fields the pipeline uses and no others.
 */
#ifndef DROPFOLD_MODEL_PIPELINE_BUILD_H
#define DROPFOLD_MODEL_PIPELINE_BUILD_H

#include "model/pipeline.h"

enum {
    BUILD_SHOWN_MAX = 96 /* bytes of a user's word in a message */
};

_Static_assert(PIPELINE_COLUMNS_MAX <= 64, "broken_columns has a bit for each");

/* A place in the pipeline's file. */
struct place {
    uint32_t line, column;
};

/* What is known of a feed beyond struct feed. */
struct build_feed {
    const struct doc_node *node; /* its object in "facts" or "join" */
    const char **names;          /* of the fields of all its descriptors, for messages */
    size_t name_count;
    bool broken; /* some descriptor did not load: what it lacks is not held against the pipeline */
};

struct build {
    struct pipeline *pipeline;
    struct doc *doc;
    struct arena *arena;
    const char *folder; /* of the pipeline's file; the descriptors lie below it */
    struct build_feed feeds[PIPELINE_FEEDS_MAX];
    bool grain_broken;                            /* the grain did not load: nothing is measured by it */
    uint64_t broken_columns[PIPELINE_TABLES_MAX]; /* a bit for each column that did not load */
    bool group_broken; /* the table at hand has a group_by that did not load: its columns are not measured by it */
};

static inline struct place place_of(const struct doc_node *node)
{
    return (struct place){node->line, node->column};
}

static inline struct place place_of_name(const struct doc_node *node)
{
    return (struct place){node->name_line, node->name_column};
}

/* Adds a problem of the pipeline's file. Returns false. */
bool build_problem(const struct build *build, struct place place, const char *format, ...) PRINTF_LIKE(3, 4);

/* Zeroed memory from the pipeline's arena; NULL after reporting. */
void *build_alloc(const struct build *build, size_t count, size_t size) MUST_USE;

/* A string in the arena; NULL after reporting. */
const char *build_printf(const struct build *build, const char *format, ...) PRINTF_LIKE(2, 3) MUST_USE;

/* Whether a name has 1 to PIPELINE_NAME_MAX bytes and none of the characters that text_escape escapes but
   backslashes. */
bool build_name_fits(struct slice name);

/* The same of a table's, a view's or a column's name; reports one that does not. */
bool build_check_name(const struct build *build, const struct doc_node *member, const char *what) MUST_USE;

/* A member that is a time. */
struct build_interval {
    const char *name, *examples; /* two in quotes, for the message */
    unsigned days_max;
};

/* Reads it; false after reporting. *out stays as it is where one that is not required is missing. */
bool build_interval(const struct doc_node *object, struct build_interval member, bool required, int64_t *out) MUST_USE;

/* Equal without regard to the case of ASCII letters, as SQLite compares names. */
bool build_same_name(const char *a, const char *b);

/* --- pipeline_feeds.c --------------------------------------------------------------------------------------------- */

/* Finds the feeds in "facts" and "join" and loads their descriptors. False when there is no fact feed to go on with. */
bool build_feeds(struct build *build, const struct doc_node *root) MUST_USE;

/* Reads "feeds": what becomes of files, and when they are ready. */
void build_feed_options(struct build *build, const struct doc_node *root);

/* The feed called `name`; reports the unknown one at `place`. */
bool build_find_feed(const struct build *build, struct place place, struct slice name, size_t *feed) MUST_USE;

/* Once all fields are known: how each descriptor's fields become the feed's. */
bool build_versions(struct build *build) MUST_USE;

/* --- pipeline_fields.c -------------------------------------------------------------------------------------------- */

/* The field `name` of feed `feed`, made known to the feed when it is new. False after reporting at `place`. */
bool build_field(struct build *build, size_t feed, struct place place, struct slice name, size_t *field) MUST_USE;

/* "Field" of the fact feed or "Feed.Field". */
bool build_reference(struct build *build, struct place place, struct slice name, struct field_ref *ref) MUST_USE;

/* The same for the text of member `name` of `object`, which must be there. */
bool build_member_reference(struct build *build, const struct doc_node *object, const char *name,
                            struct field_ref *ref) MUST_USE;

/* Reports the versions in which the field is missing, or where `never_null` it could be null. `what` is "a key field".
 */
bool build_check_field(struct build *build, struct place place, struct field_ref ref, bool never_null,
                       const char *what);

struct feed_field *build_feed_field(const struct build *build, struct field_ref ref);

/* Takes from the field's range what is outside of min to max, because of `holder` ("ecommerce.Customer_ID is integer").
 */
void build_narrow(struct build *build, struct field_ref ref, int64_t min, int64_t max, const char *holder);

/* True for a grain key or attribute, and for all when the grain is broken. */
bool build_in_grain(const struct build *build, size_t field);

/* "Order_ID", or "Deliveries.Task_ID" for a field that is not the fact feed's. */
const char *build_ref_text(const struct build *build, struct field_ref ref, char out[BUILD_SHOWN_MAX]);

/* --- the steps ---------------------------------------------------------------------------------------------------- */

/* False only when out of memory. */
bool build_facts(struct build *build, const struct doc_node *root) MUST_USE;
void build_tables(struct build *build, const struct doc_node *root);
/* Once all columns have taken theirs: what no version can be from the ranges of their fields. */
void build_narrow_versions(struct build *build);
void build_column(struct build *build, const struct table *table, const struct doc_node *member, struct column *column);
/* Once all columns of the table are read: what a ratio refers to. */
void build_ratio(struct build *build, const struct table *table, const struct doc_node *member, struct column *column);
/* The column `name` of the table; reports the unknown one at `place`. */
bool build_find_column(const struct build *build, struct place place, const struct table *table, struct slice name,
                       size_t *column) MUST_USE;
/* True for a column that was told to be wrong already. */
static inline bool build_is_broken(const struct build *build, const struct table *table, size_t column)
{
    return build->broken_columns[table - build->pipeline->tables] >> column & 1;
}
/* Once all tables are read: those of the ledger behind them, unless "ledger" is false. */
void build_ledger(struct build *build, const struct doc_node *root);
/* Reads "retention", and holds the windows of all tables against each other. */
void build_retention(struct build *build, const struct doc_node *root);
void build_views(struct build *build, const struct doc_node *root);

/* Once all is resolved: the shape and its fingerprint (pipeline_shape.c). False when out of memory. */
bool build_shape(struct build *build) MUST_USE;

#endif
