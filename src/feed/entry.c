/*
 * A hash table with chains, doubled when it is full: names are looked up once for each event and each file of a scan,
 * and a folder may hold a hundred thousand of them.
 */
#include "feed/entry.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"

enum { SLOTS_FIRST = 64 };

#define BIT(state) (1u << (state))

/* Where a file may go from each state. From nowhere (removal, adding) is not a move. */
static const unsigned allowed[ENTRY_STATES] = {
    [ENTRY_DUE] =
        BIT(ENTRY_DUE) | BIT(ENTRY_LOOKING) | BIT(ENTRY_READY) | BIT(ENTRY_SETTLING) | BIT(ENTRY_DONE) | BIT(ENTRY_ODD),
    [ENTRY_LOOKING] =
        BIT(ENTRY_DUE) | BIT(ENTRY_SETTLING) | BIT(ENTRY_READY) | BIT(ENTRY_DONE) | BIT(ENTRY_ODD) | BIT(ENTRY_LATER),
    [ENTRY_SETTLING] = BIT(ENTRY_DUE),
    [ENTRY_READY] = BIT(ENTRY_DUE) | BIT(ENTRY_OUT),
    [ENTRY_OUT] = BIT(ENTRY_DUE) | BIT(ENTRY_DONE) | BIT(ENTRY_LATER),
    [ENTRY_LATER] = BIT(ENTRY_DUE) | BIT(ENTRY_READY) | BIT(ENTRY_SETTLING) | BIT(ENTRY_DONE) | BIT(ENTRY_ODD),
    [ENTRY_DONE] = BIT(ENTRY_DUE) | BIT(ENTRY_READY) | BIT(ENTRY_SETTLING) | BIT(ENTRY_DONE) | BIT(ENTRY_ODD),
    [ENTRY_ODD] = BIT(ENTRY_DUE) | BIT(ENTRY_READY) | BIT(ENTRY_SETTLING) | BIT(ENTRY_DONE) | BIT(ENTRY_ODD),
};

void entries_init(struct entries *entries, const char *feed, struct log *log)
{
    *entries = (struct entries){.feed = feed, .log = log};
}

static void free_entry(struct entry *entry)
{
    free(entry->candidate.note);
    free(entry);
}

void entries_close(struct entries *entries)
{
    for (size_t i = 0; i < entries->slot_count; i++) {
        struct entry *next;
        for (struct entry *entry = entries->slots[i]; entry; entry = next) {
            next = entry->next_in_slot;
            free_entry(entry);
        }
    }
    free(entries->slots);
    entries_init(entries, entries->feed, entries->log);
}

static struct entry **slot_of(const struct entries *entries, uint64_t hash)
{
    return &entries->slots[hash & (entries->slot_count - 1)];
}

static uint64_t hash_name(const char *name)
{
    return hash_bytes(slice_of(name), 0);
}

struct entry *entries_find(const struct entries *entries, const char *name)
{
    if (entries->count == 0)
        return NULL;
    uint64_t hash = hash_name(name);
    struct entry *entry = *slot_of(entries, hash);
    while (entry && (entry->hash != hash || strcmp(entry->name, name) != 0))
        entry = entry->next_in_slot;
    return entry;
}

static void put_in_slot(struct entries *entries, struct entry *entry)
{
    struct entry **slot = slot_of(entries, entry->hash);
    entry->next_in_slot = *slot;
    *slot = entry;
}

static bool make_room(struct entries *entries)
{
    if (entries->count < entries->slot_count)
        return true;
    struct entries old = *entries;
    size_t count = old.slot_count ? old.slot_count * 2 : SLOTS_FIRST;
    struct entry **slots = calloc(count, sizeof(struct entry *));
    if (!slots)
        return false;
    entries->slots = slots;
    entries->slot_count = count;
    for (size_t i = 0; i < old.slot_count; i++) {
        struct entry *next;
        for (struct entry *entry = old.slots[i]; entry; entry = next) {
            next = entry->next_in_slot;
            put_in_slot(entries, entry);
        }
    }
    free(old.slots);
    return true;
}

static void append(struct entry_list *list, struct entry *entry)
{
    entry->before = list->last;
    entry->after = NULL;
    if (list->last)
        list->last->after = entry;
    else
        list->first = entry;
    list->last = entry;
    list->count++;
}

static void take_out(struct entry_list *list, struct entry *entry)
{
    if (entry->before)
        entry->before->after = entry->after;
    else
        list->first = entry->after;
    if (entry->after)
        entry->after->before = entry->before;
    else
        list->last = entry->before;
    list->count--;
}

struct entry *entries_add(struct entries *entries, const char *name)
{
    size_t size = strlen(name) + 1;
    struct entry *entry = make_room(entries) ? calloc(1, sizeof *entry + size) : NULL;
    if (!entry)
        return NULL;
    memcpy(entry->name, name, size);
    entry->candidate.name = entry->name;
    entry->hash = hash_name(name);
    entry->state = ENTRY_DUE;
    put_in_slot(entries, entry);
    entries->count++;
    append(&entries->lists[ENTRY_DUE], entry);
    return entry;
}

void entries_remove(struct entries *entries, struct entry *entry)
{
    if (entry->state == ENTRY_OUT || entry->state == ENTRY_LOOKING)
        abort();
    struct entry **link = slot_of(entries, entry->hash);
    while (*link != entry)
        link = &(*link)->next_in_slot;
    *link = entry->next_in_slot;
    entries->count--;
    take_out(&entries->lists[entry->state], entry);
    free_entry(entry);
}

static void log_move(const struct entries *entries, const struct entry *entry, enum entry_state state)
{
    static const char *const names[ENTRY_STATES] = {
        [ENTRY_DUE] = "due", [ENTRY_LOOKING] = "looking", [ENTRY_SETTLING] = "settling", [ENTRY_READY] = "ready",
        [ENTRY_OUT] = "out", [ENTRY_LATER] = "later",     [ENTRY_DONE] = "done",         [ENTRY_ODD] = "odd",
    };
    if (entries->log->level < LOG_DEBUG)
        return;
    char shown[4 * LANDING_NAME_SIZE];
    text_escape(slice_of(entry->name), shown, sizeof shown);
    log_debug(entries->log, "%s/%s: %s -> %s", entries->feed, shown, names[entry->state], names[state]);
}

void entry_move(struct entries *entries, struct entry *entry, enum entry_state state)
{
    if (!(allowed[entry->state] & BIT(state)))
        abort();
    log_move(entries, entry, state);
    take_out(&entries->lists[entry->state], entry);
    entry->state = (uint8_t)state;
    append(&entries->lists[state], entry);
}
