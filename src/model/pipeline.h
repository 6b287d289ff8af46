/*
 * A pipeline: what to compute, resolved against the descriptors of its feeds.
 *
 * Names are gone here: every reference is an index, every type is known, every range is narrowed to what the columns
 * that show it can hold. Made once, then read by every thread; nothing in it changes.
 */
#ifndef DROPFOLD_MODEL_PIPELINE_H
#define DROPFOLD_MODEL_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/hash.h"
#include "model/condition.h"
#include "model/descriptor.h"
#include "model/value.h"
#include "model/window.h"

enum {
    PIPELINE_FEEDS_MAX = 8,   /* the fact feed and up to seven joined ones */
    PIPELINE_FIELDS_MAX = 64, /* fields of one feed that the pipeline uses */
    PIPELINE_KEY_MAX = 4,     /* fields of a key, of a grain key, of a join */
    PIPELINE_GROUP_MAX = 8,   /* group_by fields of a table */
    PIPELINE_TABLES_MAX = 16,
    PIPELINE_SLOTS_MAX = 256,   /* groups that a fact lies in: one of each table, of sliding windows several */
    PIPELINE_LEDGER_TABLES = 2, /* dropfold_files and dropfold_rejects */
    PIPELINE_DELIVERED_MAX = PIPELINE_TABLES_MAX + PIPELINE_LEDGER_TABLES,
    PIPELINE_COLUMNS_MAX = 64,
    PIPELINE_FILES_MAX = 1000,  /* numbers in a list of files */
    PIPELINE_NAME_MAX = 63,     /* bytes: PostgreSQL cuts longer identifiers silently */
    PIPELINE_KEY_TEXT_MAX = 300 /* bytes of a text in a primary key: eight fit PostgreSQL's index row of 2,704 */
};

/* A field that the pipeline uses, in its canonical type: the one all descriptor versions widen to. */
struct feed_field {
    const char *name;
    struct value_type type;
    /* The range that its columns can hold, in units of the type (of a text: its bytes; a double is free). */
    int64_t min, max;
    const char *holder; /* "ecommerce.Customer_ID is integer": why it is narrowed, for messages; or NULL */
    const char *doc;    /* from the newest descriptor that has one; or NULL */
};

/* A version of the feed's descriptor and how its fields become the feed's. */
struct feed_version {
    struct descriptor *descriptor;
    int *feed_field; /* for each descriptor field the index of the feed field, or -1: validated, then dropped */
};

enum { FEED_PERCENT_UNIT = 10000 }; /* units of a percent */

enum feed_after { FEED_ARCHIVE, FEED_LEAVE, FEED_DELETE };
enum feed_ready { FEED_READY_SETTLE, FEED_READY_DONE_MARKER };
/* What a file means where another content of its feed and name was applied before, and not forgotten. */
enum feed_on_change {
    FEED_UPSERT,  /* its rows rank above the earlier ones, which stay; of feeds with a key */
    FEED_APPEND,  /* all its rows are added; of feeds without a key */
    FEED_REPLACE, /* what the earlier file brought is taken back */
    FEED_REJECT   /* it is quarantined */
};

/* How many rows of a file may be rejected; a file with more is quarantined. */
struct feed_limits {
    bool by_count, by_percent; /* what is limited */
    uint64_t count;            /* rows */
    uint64_t percent;          /* of the rows read, in units of 1 / FEED_PERCENT_UNIT percent */
    const char *percent_text;  /* as it was written */
};

struct feed {
    const char *name; /* also its landing folder under the data folder */
    struct feed_field *fields;
    size_t field_count;
    size_t key[PIPELINE_KEY_MAX]; /* feed fields; the record of highest rank with a key is live */
    size_t key_count;             /* 0: every row is a record */
    bool versioned;               /* of two rows of a key the one with the greater version_field ranks higher */
    size_t version_field;         /* a feed field: int64, decimal, date or timestamp; null is the least */
    struct condition *deletes;    /* rows for which it holds are delete markers: live, and count for nothing; or NULL */
    struct condition *filter;     /* over the feed's fields; NULL: everything passes. Applied after keys are resolved */
    struct feed_version *versions; /* highest version first */
    size_t version_count;
    enum feed_after after;
    enum feed_ready ready;
    enum feed_on_change on_change;
    struct feed_limits limits;
    int64_t settle; /* microseconds */
};

struct field_ref {
    size_t feed, field;
};

/* The feed `feed` joined to the fact feed by equality. Null equals nothing. */
struct join {
    size_t feed;
    size_t fact_field[PIPELINE_KEY_MAX]; /* with a grain: grain keys or attributes only */
    size_t feed_field[PIPELINE_KEY_MAX]; /* same types as fact_field's */
    size_t on_count;
    bool required; /* inner; else left */
    bool lookup;   /* the feed has a key and `on` covers it: at most one record matches */
};

enum column_kind {
    COLUMN_GROUP,        /* a group_by value */
    COLUMN_WINDOW_START, /* of the window */
    COLUMN_WINDOW_END,
    COLUMN_COUNT, /* of field's values that are not null */
    COLUMN_COUNT_DISTINCT,
    COLUMN_SUM,
    COLUMN_AVG, /* sum over count of values that are not null */
    COLUMN_MIN,
    COLUMN_MAX,
    COLUMN_RATIO, /* one column of the table over another; NULL where that is 0 or NULL */
    COLUMN_FILES  /* the changes that brought the group's records, the newest PIPELINE_FILES_MAX of them */
};

/* Types of table columns, as PostgreSQL has them; target.h says what SQLite makes of them. */
enum sql_type {
    SQL_INTEGER,
    SQL_BIGINT,
    SQL_REAL,
    SQL_DOUBLE,
    SQL_NUMERIC,
    SQL_TEXT,
    SQL_BOOLEAN,
    SQL_DATE,
    SQL_TIMESTAMP,
    SQL_TIMESTAMPTZ,
    SQL_BIGINTS /* an array of bigint */
};

struct column {
    const char *name;
    const char *doc; /* the column's comment: its own, else its field's; or NULL */
    enum column_kind kind;
    enum sql_type type;
    bool not_null; /* key columns and counts */
    uint8_t scale; /* places of a SQL_NUMERIC: sums, min, max and groups have the field's, avg and ratio six more */
    struct field_ref field;        /* of every kind but windows, ratios and files */
    struct value_type field_type;  /* of that field */
    struct condition *where;       /* or NULL */
    size_t where_feed;             /* the feed whose record `where` reads: field.feed, or 0 */
    size_t numerator, denominator; /* columns of the same table, kinds count, sum: a ratio's */
};

struct table {
    const char *name;
    const char *doc;
    /* Of the facts (with a grain: its keys and attributes), or of a lookup join. */
    struct field_ref group_by[PIPELINE_GROUP_MAX];
    size_t group_count;
    bool windowed;
    size_t window_field; /* a timestamp or date of the facts (with a grain: of the grain) */
    struct window window;
    struct field_ref uniform[PIPELINE_GROUP_MAX]; /* fields of the facts expected to have one value in a group; groups
                                                     that mix are counted */
    size_t uniform_count;
    struct column *columns;
    size_t column_count;
    size_t key[PIPELINE_GROUP_MAX + 1]; /* columns of the primary key: every group_by value, then the window start */
    size_t key_count;
    bool shared; /* with other pipelines of the target: the first column of the key is the name of the row's */
};

/*
 * A view over one table, declared by structure and never by SQL text.
 * latest: of the rows with equal `by` columns the one with the greatest `on`.
 * total: grouped `by` columns; further columns aggregate the table's.
 * files: the key of each row with each of its files, as the ledger has them.
 */
enum view_kind { VIEW_LATEST, VIEW_TOTAL, VIEW_FILES };
enum view_function { VIEW_SUM, VIEW_MIN, VIEW_MAX, VIEW_RATIO };

struct view_column {
    const char *name;
    enum view_function function;
    size_t column;                 /* of the table */
    size_t numerator, denominator; /* columns of this view: a ratio's */
};

struct view {
    const char *name;
    const char *doc;
    enum view_kind kind;
    size_t table;
    size_t by[PIPELINE_GROUP_MAX];
    size_t by_count;
    size_t on;                   /* VIEW_LATEST: column of the table; VIEW_FILES: the one of kind COLUMN_FILES */
    struct view_column *columns; /* VIEW_TOTAL */
    size_t column_count;
};

/*
 * When windows close. The watermark is the greatest window value of the fact rows read so far, without those further
 * than `max_ahead` ahead of the time their change was committed; a window closes once the watermark is `lateness` past
 * its end.
 */
struct retention {
    bool on;                     /* then all tables have windows, over one field and of one size */
    int64_t lateness, max_ahead; /* microseconds */
};

struct pipeline {
    struct arena *arena;
    const char *name;
    struct feed *feeds; /* [0] is the fact feed */
    size_t feed_count;
    bool has_grain;
    size_t grain_key[PIPELINE_KEY_MAX]; /* fields of the fact feed */
    size_t grain_key_count;
    size_t grain_attributes[PIPELINE_FIELDS_MAX];
    size_t grain_attribute_count;
    struct join *joins; /* joins[i] joins feeds[i + 1] */
    size_t join_count;
    struct table *tables;
    size_t table_count;
    size_t ledger_count; /* tables behind those, which the checkpoint store fills and not the engine: 0, or
                            PIPELINE_LEDGER_TABLES, with columns as pipeline_ledger.h has them */
    struct retention retention;
    struct view *views;
    size_t view_count;
    struct slice shape;        /* what committed rows and delivered tables hang on, as text: pipeline_shape.c */
    struct digest fingerprint; /* of the shape */
    struct digest source;      /* of the bytes of the pipeline and of all descriptors */
};

/*
 * Loads the pipeline at `path` and every descriptor `<folder of path>/<feed>/<version>.json` of its feeds. All mistakes
 * of all files are added to `problems`; NULL when there were any.
 *
 * Two pipelines of one fingerprint make the same of the same chunks: keys, grain, joins, conditions, tables and
 * windows, and of each feed the fields in use with their types, are the same. What they may differ in is how files are
 * read and handled, names in the descriptors, comments and views.
 */
struct pipeline *pipeline_load(const char *path, struct doc_problems *problems) MUST_USE;
void pipeline_free(struct pipeline *pipeline);

/* The feed called `name`, or NULL. */
const struct feed *pipeline_feed(const struct pipeline *pipeline, struct slice name);
/* Its number, or SIZE_MAX. */
size_t pipeline_feed_index(const struct pipeline *pipeline, struct slice name);

enum { PIPELINE_FEEDS_SHOWN = PIPELINE_FEEDS_MAX * (PIPELINE_NAME_MAX + 2) };
/* Its feeds' names as "Orders, Deliveries, Customers", for messages. Returns out. */
char *pipeline_list_feeds(const struct pipeline *pipeline, char out[PIPELINE_FEEDS_SHOWN]);

/* The default or constant of a descriptor's field as the feed's field has it; `target` NULL when no pipeline uses it.
   False when that cannot hold it. */
bool feed_fallback(const struct descriptor_field *field, const struct feed_field *target, struct value *value) MUST_USE;

/* The tables that a target has of the pipeline: its own, then those of the ledger. */
static inline size_t pipeline_delivered(const struct pipeline *pipeline)
{
    return pipeline->table_count + pipeline->ledger_count;
}

/* Whether the column is one of the table's primary key. */
bool table_is_key(const struct table *table, size_t column);

/* "integer", "timestamp with time zone" and so on. */
const char *sql_type_name(enum sql_type type);

#endif
