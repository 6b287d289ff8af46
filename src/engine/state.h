/*
 * What the engine holds, and how its parts refer to each other. Made by plan.c from a pipeline, private to this folder.
 *
 *   feed 0     unit <--- lines          (records of the fact feed, chained under their unit)
 *   joins      unit <--- records        when `on` is the whole key of the units
 *              unit ---> node <--- records   otherwise; a node also chains the units that lie at it
 *   tables     unit ---> group          of sliding windows several
 *
 * A unit is an order where the pipeline has a grain. Without one it is a fact record: its key is the feed's, all other
 * fields count as its attributes, and it has one line without fields of its own. So there is one shape for both, and
 * only the weights of sums differ. A unit holds the attributes that its line of highest rank says; a line that says
 * otherwise refers to an `alt` row, which lines of the unit share where they are not far apart.
 *
 * With retention, units of closed windows are freed, and what joins to them by their key. Of each its key stays (struct
 * closed), and its groups keep their sums, and of what they look through units for its outcome.
 *
 * Records lie under a parent, a unit or a node, which holds the fields they are joined by. Where the feed's key
 * contains those fields, the parent leads to the record and the feed needs no index of its own, but for parents with
 * many.
 */
#ifndef DROPFOLD_ENGINE_STATE_H
#define DROPFOLD_ENGINE_STATE_H

#include "engine/bag.h"
#include "engine/codes.h"
#include "engine/engine.h"
#include "engine/keyed.h"
#include "engine/where.h"

enum {
    STATE_BIG = 64,   /* units of a group; with more, bags replace the list of its members */
    STATE_CROWD = 16, /* records of a parent; with more, they are found through the feed's map */
    STATE_BATCH = 32, /* rows whose memory is asked for before the first of them is applied */
    STATE_PARTS_MAX = PIPELINE_COLUMNS_MAX + PIPELINE_GROUP_MAX, /* selections or measures of a table */
    STATE_SOURCES = 1 + PIPELINE_FEEDS_MAX
};

/* The highest product of matches that a record may have without a grain; keeps 128-bit sums from ever overflowing. */
#define STATE_WEIGHT_MAX (INT64_C(1) << 31)

/* Flags of units and nodes, after those of keyed.h. */
enum {
    PARENT_TOUCHED = KEYED_FLAG_OWN,       /* taken back from its groups, in the touched list */
    PARENT_COUNTED = KEYED_FLAG_OWN << 1,  /* what it contributes is in groups and counters */
    PARENT_ALTS = KEYED_FLAG_OWN << 2,     /* some line has an alt */
    PARENT_CONFLICT = KEYED_FLAG_OWN << 3, /* its live, unfiltered lines disagree; as last counted */
    PARENT_MOVED = KEYED_FLAG_OWN << 4,    /* its attributes were written since it last found its nodes */
    PARENT_BEHIND = KEYED_FLAG_OWN << 5,   /* when windows were last closed, one of its lines lay in such a one */
    PARENT_CROWDED = KEYED_FLAG_OWN << 6,  /* shifted by the feed's number: too many records to look through */
    PARENT_HUSKS = PARENT_CROWDED << PIPELINE_FEEDS_MAX /* so is this: it is in the list of husks */
};

/* Columns of records; the feed's own fields follow. */
enum { RECORD_NEXT, RECORD_PARENT, RECORD_SEQUENCE, RECORD_ROW, RECORD_FLAGS, RECORD_NULLS, RECORD_ALT, RECORD_FIELDS };

enum {
    RECORD_FILTERED = 1, /* live, but counts for nothing */
    RECORD_DEAD = 2      /* given back, or moved to another row and still in its old parent's chain */
};

/* Columns of alts; the attributes follow. */
enum { ALT_COUNT, ALT_NULLS, ALT_FIELDS };

/* Where a field's code and null bit lie. */
struct field_home {
    bool in_parent; /* a key field or attribute of the unit, a key field of the node */
    bool attribute; /* in the unit, and of an attribute: a line's alt goes before */
    uint16_t column;
    uint16_t alt_column;
    uint64_t null_bit; /* in the row where the code lies */
};

/* The live records of one feed. */
struct records {
    const struct feed *feed;
    struct rows rows;
    struct keyed *parents;              /* units, or the join's nodes */
    size_t head;                        /* column of parents: the first record */
    bool keyed;                         /* the feed has a key */
    bool filters;                       /* the feed has a filter or delete markers: some records may not count */
    size_t version;                     /* column: the version_field's rank; 0: it has none */
    size_t lifted_sequence, lifted_row; /* columns: how far rows of the same values lifted the rank; 0: no table asks */
    bool nested;                        /* which contains the parent's: records are found through their parent */
    size_t rest[PIPELINE_KEY_MAX];      /* nested: key fields that are not the parent's; else all of them */
    size_t rest_count;
    struct map map;     /* by `rest` and, when nested, parent; nested: of crowded parents' records only */
    struct ids crowded; /* parents */
    struct field_home homes[PIPELINE_FIELDS_MAX];
    size_t own[PIPELINE_FIELDS_MAX]; /* fields in the record's row */
    size_t own_count;
    uint64_t own_bits;
    size_t parent_fields[PIPELINE_KEY_MAX]; /* the feed's field for each part of the parent's key */
    size_t read[PIPELINE_FIELDS_MAX];       /* own fields that some table reads */
    size_t read_count;
    size_t read_parent[PIPELINE_KEY_MAX]; /* the same of fields in the parent; not for the facts */
    size_t read_parent_count;
    uint64_t live;
};

struct engine_join {
    const struct join *join;
    bool direct; /* records lie under units; no nodes */
    struct keyed nodes;
    size_t node_units;                        /* column of nodes: first unit at it */
    size_t unit_node, unit_next, unit_before; /* columns of units */
};

/* Records that count: a source and a condition. */
struct selection {
    struct where *where;
    uint16_t first, count; /* its measures */
    uint16_t rows;         /* column: how many, each by its weight */
    uint8_t source;        /* 0 units, 1 lines, 1 + n records of feed n (n >= 1) */
    bool on_unit;          /* `where` reads the unit, not the record */
    bool counted;          /* somebody asks how many */
    bool is_units;         /* which is the group's number of units: no column of its own */
    bool scanned;          /* a measure is ordered or uniform */
};

/* What a group keeps of one field of a selection. Walked over for every record that changes, hence small. */
struct measure {
    uint8_t field, selection;
    uint8_t kind; /* enum value_kind */
    bool counted, sum, uniform;
    bool ordered;                 /* minimum, maximum or distinct is asked for */
    bool distinct;                /* distinct is */
    bool by_bytes;                /* ordered as texts are */
    uint8_t bag;                  /* its place in a big group's bags, when ordered or uniform */
    uint16_t nulls;               /* column: how many of the selection's are null, when counted */
    uint16_t low, high;           /* columns of the sum: low + high * 2^64, low with a sign */
    uint16_t value, same, others; /* columns of a uniform one: a value, how many have it, how many another */
};

/* With retention: where a closed group keeps the outcome of an ordered measure, in place of the units it was found
   from. */
struct kept {
    bool extremes;            /* minimum or maximum is asked for */
    uint16_t least, greatest; /* columns: ranks, where they are */
    uint16_t count;           /* column: how many different values; of a measure without `distinct` 1 for any */
};

struct engine_table {
    const struct table *table;
    struct keyed groups;
    size_t changed, units, members, bags;             /* columns of groups */
    size_t closed;                                    /* with retention: the change that closed it */
    size_t slots, unit_group;                         /* groups that a unit lies in; columns of units: each of them */
    struct rows runs;                                 /* of the lists of members */
    struct selection selections[STATE_PARTS_MAX + 1]; /* one more, at which the measures end */
    struct measure measures[STATE_PARTS_MAX];
    struct kept kept[STATE_PARTS_MAX]; /* by measure */
    size_t kept_files;                 /* with retention, column: the files of a closed group, as files_keep has them */
    size_t selection_count, measure_count, bag_count;
    uint32_t sources, scanned;                   /* bits of sources that have selections, and scanned ones */
    size_t source_first[STATE_SOURCES + 1];      /* selections are sorted by source */
    size_t column_measure[PIPELINE_COLUMNS_MAX]; /* of columns that have one */
    size_t column_part[PIPELINE_COLUMNS_MAX];    /* of group_by and window columns: the part of the groups' key */
    bool scans;        /* units are listed by group: some measure is ordered or uniform, or it shows files */
    bool plain;        /* what is scanned lies in units and lines, and has no condition */
    bool files;        /* it shows files */
    uint8_t files_bag; /* the place of theirs in a big group's bags */
    struct bag **big;  /* bags of big groups, bag_count each; by the groups' column `bags`, from 1 */
    size_t big_count, big_room;
    struct ids big_unused;
    struct ids dirty; /* groups changed after `dirty_since`, each once */
    uint64_t dirty_since;
    struct ids emptied; /* groups without units that a target may still hold */
    uint64_t live, changed_last, mixed;
    uint64_t closed_live; /* closed groups, which count as live too */
};

/* Flags of groups. */
enum {
    GROUP_PENDING = KEYED_FLAG_OWN,      /* listed by the open delivery and not yet sent */
    GROUP_ASIDE = KEYED_FLAG_OWN << 1,   /* and its row was set aside */
    GROUP_EMPTIED = KEYED_FLAG_OWN << 2, /* in the list of emptied groups */
    GROUP_CLOSED = KEYED_FLAG_OWN << 3,  /* its values are final, and its units freed */
    GROUP_FRESH = KEYED_FLAG_OWN << 4    /* made after change `delivered`, and in no delivery since */
};

/* What is left of closed windows; all of it unused without retention. */
struct closed {
    bool on;  /* the pipeline has retention */
    bool any; /* windows are closed: all those with a number below `first_open` */
    int64_t first_open;
    int64_t before;                 /* where that begins, microseconds */
    int64_t watermark;              /* microseconds; INT64_MIN: none yet */
    int64_t horizon;                /* of the change under way: what lies beyond does not move the watermark */
    struct keyed units;             /* keys of freed units, where units have one */
    bool keeps[PIPELINE_FEEDS_MAX]; /* the feed's records are freed with units, and have keys of their own: */
    struct keyed records[PIPELINE_FEEDS_MAX];
    uint64_t count, waiting; /* units freed; of which lacked a record */
    struct engine_late late; /* the last row that was late */
    engine_visit_late visit;
    void *context;
};

struct deliver; /* deliver.c */
struct opened;  /* accumulate.h */
struct batch_row;
struct engine_rows; /* decoded.h */

struct engine {
    const struct pipeline *pipeline;
    struct memory memory;
    struct dict dict;
    struct keyed units;
    uint32_t sources; /* of all tables */
    bool units_found; /* units have a key */
    bool files;       /* some table shows files */
    bool weighted;    /* records count once for every combination of the join */
    size_t attributes[PIPELINE_FIELDS_MAX];
    size_t attribute_count, attribute_first; /* columns of units, one after the other */
    size_t unit_lacks;                       /* column: the feeds it was counted as lacking, as bits */
    uint64_t attribute_bits;
    size_t unit_read[PIPELINE_FIELDS_MAX]; /* fields of units that some table reads */
    size_t unit_read_count;
    struct rows alts;
    struct records records[PIPELINE_FEEDS_MAX];
    struct engine_join joins[PIPELINE_FEEDS_MAX - 1];
    struct engine_table *tables;
    uint64_t sequence, rank; /* of the change; the one by which its rows rank */
    bool in_change;
    bool too_wide; /* a record without a grain has more than STATE_WEIGHT_MAX combinations */
    struct ids touched;
    struct ids husks; /* pairs: feed, parent whose chain holds dead records */
    /* Bits: sequences of records that were live when a row of another sequence came with their key, and lost. */
    struct ids shared;
    uint64_t counted; /* units with a line that counts */
    uint64_t waiting[PIPELINE_FEEDS_MAX], conflicts;
    struct engine_overflows overflows;
    struct closed closed;
    uint64_t delivered; /* what the target held when that was last known; 0: it never was */
    uint64_t dropped;   /* the newest change that emptied a group which is forgotten; 0: none is */
    struct deliver *deliver;
    struct batch_row *batch;  /* STATE_BATCH */
    struct engine_rows *rows; /* of the chunk that is applied */
    struct opened *opened;    /* SETTLE_UNITS */
    struct {
        size_t parts; /* 0 or 1: none */
        size_t least; /* rows of a part */
        engine_beside run;
    } lent;
};

#endif
