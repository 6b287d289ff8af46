#include "app/crew.h"

#include <uv.h>

#include "engine/engine.h"

struct member {
    uv_thread_t thread;
    void (*part)(void *of, size_t i);
    void *of;
    size_t i;
};

static void work(void *argument)
{
    const struct member *member = argument;
    member->part(member->of, member->i);
}

void crew_run(size_t parts, void (*part)(void *of, size_t i), void *of)
{
    struct member members[ENGINE_PARTS_MAX];
    size_t hired = 0;
    while (hired + 1 < parts) {
        members[hired] = (struct member){.part = part, .of = of, .i = hired};
        if (uv_thread_create(&members[hired].thread, work, &members[hired]) != 0)
            break;
        hired++;
    }
    for (size_t i = hired; i < parts; i++)
        part(of, i);
    for (size_t i = 0; i < hired; i++)
        uv_thread_join(&members[i].thread);
}
