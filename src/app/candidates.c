#include "app/candidates.h"

void candidates_push(struct candidates *list, struct candidate *candidate)
{
    candidate->next = NULL;
    if (list->count++ == 0)
        list->first = candidate;
    else
        list->last->next = candidate;
    list->last = candidate;
}

void candidates_put_back(struct candidates *list, struct candidate *candidate)
{
    candidate->next = list->first;
    list->first = candidate;
    if (list->count++ == 0)
        list->last = candidate;
}

struct candidate *candidates_pop(struct candidates *list)
{
    struct candidate *candidate = list->first;
    list->first = candidate->next;
    list->count--;
    return candidate;
}

/* All of both, each of which is in order, in order. */
static void merge(struct candidates *list, struct candidates *a, struct candidates *b)
{
    while (a->count > 0 || b->count > 0) {
        bool first = b->count == 0 || (a->count > 0 && watch_compare(&a->first, &b->first) < 0);
        candidates_push(list, candidates_pop(first ? a : b));
    }
}

void candidates_sort(struct candidates *list)
{
    struct candidates half = {0}, rest = *list;
    if (list->count <= 1)
        return;
    while (half.count < rest.count)
        candidates_push(&half, candidates_pop(&rest));
    candidates_sort(&half);
    candidates_sort(&rest);
    *list = (struct candidates){0};
    merge(list, &half, &rest);
}
