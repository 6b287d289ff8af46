/* JSON files, whole, arrays and lines: bytes to rows by the feeds of schemas/feeds.json. The first byte chooses. */
#include "parsing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct parsing *parsings[2];
    static const char *const names[] = {"Objects", "Either"};
    for (size_t i = 0; !parsings[1] && i < 2; i++)
        parsings[i] = parsing_new(parsing_shared_feed(names[i]));
    parsing_check_input(parsings, 2, data, size);
    return 0;
}
