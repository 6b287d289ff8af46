#include "engine/beside.h"

size_t beside_parts(const struct engine *engine, size_t count)
{
    if (engine->lent.parts < 2 || count / engine->lent.least < 2)
        return 1;
    size_t parts = count / engine->lent.least;
    return parts < engine->lent.parts ? parts : engine->lent.parts;
}

void beside_run(const struct engine *engine, size_t parts, void (*part)(void *of, size_t i), void *of)
{
    if (parts > 1)
        engine->lent.run(parts, part, of);
    else
        part(of, 0);
}
