#include "engine/units.h"

#include "engine/accumulate.h"
#include "engine/closed.h"
#include "engine/records.h"

/* So many lines of a unit are looked at for one whose alt says the same: of very many that all differ each would be
   looked at for each. */
enum { ALTS_AHEAD = 64 };

static const struct records *lines_of(const struct engine *engine)
{
    return &engine->records[0];
}

/* --- touching ----------------------------------------------------------------------------------------------------- */

void units_touch(struct engine *engine, uint32_t unit)
{
    int64_t flags = rows_get(&engine->units.rows, unit, KEYED_FLAGS);
    if (flags & PARENT_TOUCHED)
        return;
    if (flags & PARENT_COUNTED)
        accumulate_take(engine, unit);
    rows_set(&engine->units.rows, unit, KEYED_FLAGS, (flags & ~PARENT_COUNTED) | PARENT_TOUCHED);
    ids_push(&engine->memory, &engine->touched, unit);
}

void units_touch_at_node(struct engine *engine, struct engine_join *join, uint32_t node)
{
    uint32_t unit = rows_link(&join->nodes.rows, node, join->node_units);
    for (; unit; unit = rows_link(&engine->units.rows, unit, join->unit_next))
        units_touch(engine, unit);
}

/* --- attributes --------------------------------------------------------------------------------------------------- */

static uint32_t alt_of(const struct engine *engine, uint32_t line)
{
    return rows_link(&lines_of(engine)->rows, line, RECORD_ALT);
}

static void set_alt(struct engine *engine, uint32_t line, uint32_t alt)
{
    rows_set(&engine->records[0].rows, line, RECORD_ALT, alt);
}

static bool row_says(const struct engine *engine, struct rows_at at, size_t nulls, size_t first,
                     const struct codes *codes)
{
    if (((uint64_t)rows_peek(at, nulls) ^ codes->nulls) & engine->attribute_bits)
        return false;
    for (size_t i = 0; i < engine->attribute_count; i++)
        if (rows_peek(at, first + i) != codes->at[engine->attributes[i]])
            return false;
    return true;
}

static bool unit_says(const struct engine *engine, uint32_t unit, const struct codes *codes)
{
    return row_says(engine, rows_at(&engine->units.rows, unit), KEYED_NULLS, engine->attribute_first, codes);
}

static bool alt_says(const struct engine *engine, uint32_t alt, const struct codes *codes)
{
    return row_says(engine, rows_at(&engine->alts, alt), ALT_NULLS, ALT_FIELDS, codes);
}

/* What the unit joins to by its attributes is found anew when it settles. */
static void write_unit(struct engine *engine, uint32_t unit, const struct codes *codes)
{
    struct rows *units = &engine->units.rows;
    uint64_t nulls = (uint64_t)rows_get(units, unit, KEYED_NULLS) & ~engine->attribute_bits;
    rows_set(units, unit, KEYED_NULLS, (int64_t)(nulls | (codes->nulls & engine->attribute_bits)));
    for (size_t i = 0; i < engine->attribute_count; i++)
        rows_set(units, unit, engine->attribute_first + i, codes->at[engine->attributes[i]]);
    keyed_flag(&engine->units, unit, PARENT_MOVED, true);
}

static void write_alt(struct engine *engine, uint32_t alt, const struct codes *codes)
{
    rows_set(&engine->alts, alt, ALT_NULLS, (int64_t)(codes->nulls & engine->attribute_bits));
    for (size_t i = 0; i < engine->attribute_count; i++)
        rows_set(&engine->alts, alt, ALT_FIELDS + i, codes->at[engine->attributes[i]]);
}

/* The attributes as a unit or an alt holds them. */
static void read_attributes(const struct engine *engine, uint32_t unit, uint32_t alt, struct codes *codes)
{
    struct rows_at at = alt ? rows_at(&engine->alts, alt) : rows_at(&engine->units.rows, unit);
    codes->nulls = (uint64_t)rows_peek(at, alt ? (size_t)ALT_NULLS : (size_t)KEYED_NULLS) & engine->attribute_bits;
    size_t first = alt ? (size_t)ALT_FIELDS : engine->attribute_first;
    for (size_t i = 0; i < engine->attribute_count; i++)
        codes->at[engine->attributes[i]] = rows_peek(at, first + i);
}

static void use_alt(struct engine *engine, uint32_t alt, int64_t times)
{
    int64_t count = rows_get(&engine->alts, alt, ALT_COUNT) + times;
    rows_set(&engine->alts, alt, ALT_COUNT, count);
    if (count == 0)
        rows_remove(&engine->alts, alt);
}

/* An alt of the unit that says this, or a new one. */
static uint32_t find_alt(struct engine *engine, uint32_t unit, const struct codes *codes)
{
    const struct records *lines = lines_of(engine);
    uint32_t line = keyed_has(&engine->units, unit, PARENT_ALTS) ? records_first(lines, unit) : 0;
    for (size_t i = 0; line && i < ALTS_AHEAD; i++, line = records_next(lines, line)) {
        uint32_t alt = alt_of(engine, line);
        if (alt && alt_says(engine, alt, codes))
            return alt;
    }
    uint32_t alt = rows_add(&engine->alts);
    write_alt(engine, alt, codes);
    return alt;
}

static bool is_only_line(const struct engine *engine, uint32_t unit, uint32_t line)
{
    return records_first(lines_of(engine), unit) == line && records_next(lines_of(engine), line) == 0;
}

void units_set_attributes(struct engine *engine, uint32_t unit, uint32_t line, const struct codes *codes)
{
    uint32_t before = alt_of(engine, line), alt = 0;
    if (is_only_line(engine, unit, line)) {
        write_unit(engine, unit, codes);
    } else if (!unit_says(engine, unit, codes)) {
        alt = find_alt(engine, unit, codes);
        use_alt(engine, alt, 1);
        keyed_flag(&engine->units, unit, PARENT_ALTS, true);
    }
    if (before)
        use_alt(engine, before, -1);
    if (before != alt)
        set_alt(engine, line, alt);
}

void units_lose_line(struct engine *engine, uint32_t line)
{
    uint32_t alt = alt_of(engine, line);
    if (alt == 0)
        return;
    use_alt(engine, alt, -1);
    set_alt(engine, line, 0);
}

/* --- who says the attributes -------------------------------------------------------------------------------------- */

static int compare_codes(const struct engine *engine, const struct codes *x, const struct codes *y)
{
    for (size_t i = 0; i < engine->attribute_count; i++) {
        size_t field = engine->attributes[i];
        if (codes_null(x, field) != codes_null(y, field))
            return codes_null(x, field) ? -1 : 1;
        int order =
            codes_compare(lines_of(engine)->feed->fields[field].type.kind, x->at[field], y->at[field], &engine->dict);
        if (order != 0)
            return order;
    }
    return 0;
}

/* Orders what two lines say, for lines of one rank. */
static int compare_attributes(const struct engine *engine, uint32_t unit, uint32_t a, uint32_t b)
{
    struct codes x, y;
    read_attributes(engine, unit, alt_of(engine, a), &x);
    read_attributes(engine, unit, alt_of(engine, b), &y);
    return compare_codes(engine, &x, &y);
}

/* The line of highest rank, but for `but`; `all`: whether or not it counts. */
static inline __attribute__((always_inline)) uint32_t find_top(const struct engine *engine, uint32_t unit, uint32_t but,
                                                               bool all)
{
    const struct records *lines = lines_of(engine);
    uint32_t top = 0;
    for (uint32_t line = records_first(lines, unit); line; line = records_next(lines, line)) {
        if (line == but || (!all && !records_count(lines, line)))
            continue;
        int order = top ? rank_compare(records_rank(lines, line), records_rank(lines, top)) : 1;
        if (order > 0 || (order == 0 && compare_attributes(engine, unit, line, top) > 0))
            top = line;
    }
    return top;
}

uint32_t units_top(const struct engine *engine, uint32_t unit)
{
    return find_top(engine, unit, 0, false);
}

/* The attributes that the unit or an alt of it says, and the window that they lie in. Where the window's field is of
   the unit's key all of its lines say the same. */
static bool read_window(const struct engine *engine, uint32_t unit, uint32_t alt, struct codes *codes, int64_t *window)
{
    size_t field = engine->pipeline->tables[0].window_field;
    const struct field_home *home = &lines_of(engine)->homes[field];
    read_attributes(engine, unit, alt, codes);
    if (!home->attribute)
        codes->at[field] = rows_get(&engine->units.rows, unit, home->column);
    return closed_window(engine, codes, window);
}

bool units_window(const struct engine *engine, uint32_t unit, int64_t *window)
{
    struct codes codes;
    uint32_t line = 0;
    if (records_first(lines_of(engine), unit) == 0)
        return false;
    if (!keyed_has(&engine->units, unit, PARENT_COUNTED) && keyed_has(&engine->units, unit, PARENT_ALTS))
        line = find_top(engine, unit, 0, true);
    return read_window(engine, unit, line ? alt_of(engine, line) : 0, &codes, window);
}

static bool lies_behind(const struct engine *engine, uint32_t unit, uint32_t line)
{
    struct codes codes;
    int64_t window;
    return read_window(engine, unit, alt_of(engine, line), &codes, &window) && window < engine->closed.first_open;
}

void units_note_behind(struct engine *engine, uint32_t unit)
{
    const struct records *lines = lines_of(engine);
    bool behind = false;
    if (!keyed_has(&engine->units, unit, PARENT_ALTS | PARENT_BEHIND))
        return;
    for (uint32_t line = records_first(lines, unit); line && !behind; line = records_next(lines, line))
        behind = lies_behind(engine, unit, line);
    keyed_flag(&engine->units, unit, PARENT_BEHIND, behind);
}

bool units_falls_back(const struct engine *engine, uint32_t unit, uint32_t line, const struct batch_row *row,
                      int64_t *window)
{
    struct codes codes;
    uint32_t top = keyed_has(&engine->units, unit, PARENT_BEHIND) ? find_top(engine, unit, line, false) : 0;
    if (top == 0)
        return false;
    bool lies = read_window(engine, unit, alt_of(engine, top), &codes, window);
    int order = rank_compare(row->rank, records_rank(lines_of(engine), top));
    if (row->passes && (order > 0 || (order == 0 && compare_codes(engine, &row->codes, &codes) >= 0)))
        return false;
    return lies && *window < engine->closed.first_open;
}

void units_free(struct engine *engine, uint32_t unit)
{
    const struct records *lines = lines_of(engine);
    for (uint32_t line = records_first(lines, unit); line; line = records_next(lines, line))
        if (alt_of(engine, line))
            use_alt(engine, alt_of(engine, line), -1);
    records_free(engine, 0, unit, 0);
    if (engine->units_found)
        keyed_remove(&engine->units, unit);
    else
        keyed_remove_unfound(&engine->units, unit);
}

/* The unit and the alt of its top line change places; lines follow, also those whose alts say the same. */
static void promote(struct engine *engine, uint32_t unit, uint32_t alt)
{
    const struct records *lines = lines_of(engine);
    struct codes now, before;
    read_attributes(engine, unit, alt, &now);
    read_attributes(engine, unit, 0, &before);
    write_unit(engine, unit, &now);
    write_alt(engine, alt, &before);
    int64_t users = 0;
    for (uint32_t line = records_first(lines, unit); line; line = records_next(lines, line)) {
        uint32_t its = alt_of(engine, line);
        if (its == alt) {
            set_alt(engine, line, 0);
        } else if (its && alt_says(engine, its, &now)) {
            use_alt(engine, its, -1);
            set_alt(engine, line, 0);
        } else if (its == 0) {
            set_alt(engine, line, alt);
            users++;
        }
    }
    rows_set(&engine->alts, alt, ALT_COUNT, users);
    if (users == 0)
        rows_remove(&engine->alts, alt);
}

/* Notes whether lines differ from the unit, and whether ones that count do. */
static void note_alts(struct engine *engine, uint32_t unit)
{
    const struct records *lines = lines_of(engine);
    bool some = false, conflict = false;
    for (uint32_t line = records_first(lines, unit); line && !conflict; line = records_next(lines, line)) {
        bool differs = alt_of(engine, line) != 0;
        some = some || differs;
        conflict = differs && records_count(lines, line);
    }
    keyed_flag(&engine->units, unit, PARENT_ALTS, some);
    keyed_flag(&engine->units, unit, PARENT_CONFLICT, conflict);
}

void units_elect(struct engine *engine, uint32_t unit, uint32_t top)
{
    uint32_t alt = top ? alt_of(engine, top) : 0;
    if (alt)
        promote(engine, unit, alt);
    if (keyed_has(&engine->units, unit, PARENT_ALTS))
        note_alts(engine, unit);
}

void units_read(const struct engine *engine, uint32_t unit, struct codes *codes)
{
    struct rows_at at = rows_at(&engine->units.rows, unit);
    codes->nulls = (uint64_t)rows_peek(at, KEYED_NULLS);
    for (size_t i = 0; i < engine->unit_read_count; i++) {
        size_t field = engine->unit_read[i];
        codes->at[field] = rows_peek(at, engine->records[0].homes[field].column);
    }
}

void units_prefetch(const struct engine *engine, uint32_t unit, uint32_t sources)
{
    struct rows_at at = rows_at(&engine->units.rows, unit);
    if (sources & 2)
        rows_prefetch_some(&engine->records[0].rows, (uint32_t)rows_peek(at, engine->records[0].head));
    for (size_t feed = 1; feed < engine->pipeline->feed_count; feed++) {
        const struct engine_join *join = &engine->joins[feed - 1];
        if (!(sources >> (1 + feed) & 1))
            continue;
        if (join->direct)
            rows_prefetch_some(&engine->records[feed].rows, (uint32_t)rows_peek(at, engine->records[feed].head));
        else
            rows_prefetch_some(&join->nodes.rows, (uint32_t)rows_peek(at, join->unit_node));
    }
}
