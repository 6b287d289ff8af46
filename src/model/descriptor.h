/*
 * A descriptor: the versioned schema of one feed, schemas/<feed>/<version>.json.
 *
 * It says how a file's columns become typed fields. docs/descriptors.md is the reference of its keys.
 */
#ifndef DROPFOLD_MODEL_DESCRIPTOR_H
#define DROPFOLD_MODEL_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/hash.h"
#include "base/slice.h"
#include "model/cleaning.h"
#include "model/derive.h"
#include "model/doc.h"
#include "model/pattern.h"
#include "model/value.h"

enum {
    DESCRIPTOR_FIELDS_MAX = 512,
    DESCRIPTOR_NAME_MAX = 63,     /* bytes of a field's name, which often becomes a column's */
    DESCRIPTOR_HEADER_MAX = 4096, /* columns that "header" may name: as many as a file may have */
    DESCRIPTOR_VERSION_MAX = 1000000,
    DESCRIPTOR_REPAIR_MAX = 4,  /* columns whose unquoted commas are repaired */
    DESCRIPTOR_DERIVED_MAX = 32 /* fields that are computed from others */
};

enum descriptor_format { DESCRIPTOR_CSV, DESCRIPTOR_JSON };
enum descriptor_encoding {
    DESCRIPTOR_UTF8,
    DESCRIPTOR_UTF16LE,
    DESCRIPTOR_UTF16BE,
    DESCRIPTOR_LATIN1,
    DESCRIPTOR_WINDOWS1252
};
enum descriptor_names { DESCRIPTOR_NAMES_EXACT, DESCRIPTOR_NAMES_UNDERSCORE, DESCRIPTOR_NAMES_FOLD };

struct descriptor_pair {
    struct slice from, to;
};

/* How bytes become columns; all but the encoding and `lines` is CSV's. */
struct descriptor_form {
    enum descriptor_encoding encoding; /* where no byte order mark says another */
    bool lines;                        /* JSON: each line is a record, the format ndjson */
    char delimiter, quote;             /* quote: NUL where there is none */
    struct slice comment;              /* what lines to be left out begin with; empty: none are */
    uint32_t skip;                     /* lines before the header */
    struct slice *header;              /* columns of files that have no header; or NULL */
    size_t header_count;
};

/* That of files of which a descriptor says nothing else. */
#define DESCRIPTOR_FORM_PLAIN ((struct descriptor_form){.delimiter = ',', .quote = '"'})

/* The way to a member inside of others, as `user.name` or `variants[].price` say it. */
struct descriptor_path {
    struct slice *steps; /* names, from the outside */
    size_t count;        /* 0: the text is a name and no path */
    size_t spread;       /* steps up to and with the array whose elements become rows; 0: none is */
};

/* How a text becomes a value, in this order: a null word makes it null, strip_prefix, unicode, replace (and a null word
   again), extract, split and join, map, number or the words of a bool, type. Blanks at both ends of it count for texts
   only. */
struct descriptor_field {
    const char *name;
    struct slice *from; /* source names, first found wins; the field's own name when none were given */
    size_t from_count;
    /* JSON only: of each of them, should no member have that very name; NULL: none is a path. */
    struct descriptor_path *paths;
    struct value_type type;
    bool required;      /* the column must be there, and a row where it is null is rejected */
    struct slice *null; /* words that mean null: the field's own, else the descriptor's */
    size_t null_count;
    struct pattern *extract;    /* or NULL */
    struct slice *strip_prefix; /* the first that the text begins with is taken off, and the blanks behind it */
    size_t strip_prefix_count;
    struct descriptor_pair *map; /* exact text to text, after strip_prefix and extract; unmapped text stays */
    size_t map_count;
    const char **formats; /* of a date or timestamp */
    size_t format_count;
    struct cleaning *cleaning; /* what few fields ask for; or NULL */
    struct derive *derive;     /* it is computed from other fields, of which all of the above is read; or NULL */
    bool is_source;            /* some field is computed from it */
    const char *doc;           /* or NULL */
};

struct descriptor {
    const char *feed;
    uint32_t version;
    enum descriptor_format format;
    struct descriptor_form form;
    struct slice spread; /* JSON only: the array whose elements become rows, as its path is written; empty: none */
    enum descriptor_names names;
    struct slice *match; /* source columns that must also be present for this version to be chosen */
    size_t match_count;
    struct slice *repair; /* source columns of a CSV file in which commas may stand unquoted */
    size_t repair_count;
    bool unknown_rejected; /* a file with a column that nothing here speaks of does not fit */
    struct descriptor_field *fields;
    size_t field_count;
    uint16_t derived[DESCRIPTOR_DERIVED_MAX]; /* fields that are computed, each behind those it needs */
    size_t derived_count;
    struct digest digest; /* of the file's bytes, of those it extends, and of the rules of its zones */
    const char *path;
    const struct doc_node *root; /* for messages about it later */
};

/*
 * Reads one descriptor; everything lives in `arena`, which must outlive it (patterns excepted: descriptor_close frees
 * them). `feed` and `version` are what the path says; the file must agree. Problems go to `problems`; NULL when there
 * were any.
 */
struct descriptor *descriptor_load(const char *path, const char *feed, uint32_t version, struct arena *arena,
                                   struct doc_problems *problems) MUST_USE;
void descriptor_close(struct descriptor *descriptor);

/* The field called `name`, or NULL. */
const struct descriptor_field *descriptor_field(const struct descriptor *descriptor, const char *name);

/* Whether a file, or a JSON record, without the field's column cannot be read: it is required and nothing stands in. */
static inline bool descriptor_field_needs_column(const struct descriptor_field *field)
{
    const struct cleaning *cleaning = field->cleaning;
    return field->required && !field->derive && (!cleaning || (!cleaning->has_fallback && !cleaning->from_name));
}

/* Whether a row that is accepted always has a value there. */
static inline bool descriptor_field_is_filled(const struct descriptor_field *field)
{
    return field->required || (field->cleaning && field->cleaning->fallback_null);
}

/* Reads a text that went through all steps before as the field's type. `plain`: numbers are written plainly, whatever
   "number" says. False with *expected as in value_parse. */
bool descriptor_value(const struct descriptor_field *field, bool plain, struct slice text, struct value *value,
                      const char **expected) MUST_USE;

/* Whether files of the two have one form, so that one reading tells which of the two fits. */
bool descriptor_same_form(const struct descriptor *a, const struct descriptor *b);

/* Whether the source column `column` is what the field reads, the descriptor's `names` applied: with "underscore"
   blanks count as underscores, with "fold" so do hyphens, and capital letters from A to Z as small ones; on both
   sides. */
bool descriptor_name_matches(const struct descriptor *descriptor, struct slice from, struct slice column);

/* Whether a field's `from`, `match` or a repair speaks of this column; a repair of an unnamed one too. */
bool descriptor_declares(const struct descriptor *descriptor, struct slice column);

/*
 * Where the fields stand among a file's columns.
 *
 * columns[i] of field i is its index in the header, or -1; a path stands where its first step does. Fits when every
 * required field and every `match` column is there, no declared field is found twice and, with unknown_rejected, no
 * other column is there. When it does not fit, `lacks` (if not NULL) says so in words: `lacks Order_ID, SKU` or `column
 * "Tip" stands twice` or `has undeclared columns "Tip"`.
 */
bool descriptor_bind(const struct descriptor *descriptor, const struct slice *header, size_t header_count, int *columns,
                     struct buf *lacks) MUST_USE;

#endif
