#include "base/list.h"

#include <stdint.h>
#include <stdlib.h>

enum { ROOM_FIRST = 64 /* elements */ };

void *list_grow(void *items, size_t count, size_t *room, size_t size)
{
    size_t more = *room > 0 ? *room * 2 : ROOM_FIRST;
    if (count < *room)
        return items;
    if (*room > SIZE_MAX / 2 || more > SIZE_MAX / size)
        return NULL;
    void *grown = realloc(items, more * size);
    if (grown)
        *room = more;
    return grown;
}

size_t list_place(const size_t *numbers, size_t count, size_t number)
{
    size_t place = 0;
    while (place < count && numbers[place] != number)
        place++;
    return place;
}

bool list_has(const size_t *numbers, size_t count, size_t number)
{
    return list_place(numbers, count, number) < count;
}
