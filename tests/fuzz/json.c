/* JSON files, whole, arrays and lines: bytes to rows by the feeds of schemas/feeds.json. The first byte chooses. */
#include "parsing.h"
#include "reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct parsing *parsings[6];
    static const char *const names[] = {"Words", "Objects", "Either", "Cleaned", "Forms", "Spread"};
    for (size_t i = 0; !parsings[5] && i < 6; i++)
        parsings[i] = parsing_new(parsing_shared_feed(names[i]));
    parsing_check_input(parsings, 6, reference_json, data, size);
    return 0;
}
