#include "engine/beside.h"

size_t beside_parts(const struct engine *engine, size_t count, size_t least)
{
    size_t most = engine->lent.parts, parts = count / least;
    if (parts > most)
        parts = most;
    return parts > 0 ? parts : 1;
}

void beside_run(const struct engine *engine, size_t parts, void (*part)(void *of, size_t i), void *of)
{
    if (parts > 1)
        engine->lent.run(parts, part, of);
    else
        part(of, 0);
}
