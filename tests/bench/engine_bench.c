/*
 * How fast the engine replays, and how many bytes it holds.
 *
 *     engine_bench PIPELINE.json [orders] [customers] [days] [files]
 *
 * One line and one delivery an order, as the shipped pipeline names them; customers first, then orders, then
 * deliveries, each in `files` changes. Everything is encoded before the clock starts, which counts this process's own
 * time. Prints rows/s and bytes per order line with its delivery, both by the engine's own count and by what the
 * process grew.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "engine/engine.h"
#include "model/timestamp.h"

enum { CHUNKS_MAX = 4096 };

struct input {
    struct buf chunks[CHUNKS_MAX];
    size_t feeds[CHUNKS_MAX], count;
    size_t rows;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t resident(void)
{
    size_t pages = 0, all;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%zu %zu", &all, &pages) != 2)
        pages = 0;
    if (file)
        fclose(file);
    return pages * 4096;
}

/* The most that was ever resident. */
static size_t peak(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (size_t)usage.ru_maxrss * 1024;
}

static uint64_t mixed(uint64_t x)
{
    return hash_u64(x) >> 16;
}

/* The value of a field of row `i`, by its name. */
static struct value value_of(const struct feed *feed, const char *field, uint64_t i, const uint64_t *sizes)
{
    static char text[32];
    static const char *const states[] = {"COMPLETED", "COMPLETED", "ORDERED", "CANCELLED"};
    uint64_t r = mixed(i * 31 + (uint64_t)field[0] * 7 + strlen(field));
    if (strcmp(field, "Customer_ID") == 0)
        return (struct value){.i = 1000000 +
                                   (int64_t)(feed->filter || strcmp(feed->name, "Customers") == 0 ? i : r % sizes[1])};
    if (strcmp(field, "Order_ID") == 0)
        return (struct value){.i = 11000000 + (int64_t)i};
    if (strcmp(field, "Task_ID") == 0)
        return (struct value){.i = 368000000 + (int64_t)i};
    if (strcmp(field, "Order_Time") == 0)
        return (struct value){.i = (INT64_C(1640995200) + (int64_t)(r % (sizes[2] * 86400))) * TIMESTAMP_SECOND};
    if (strcmp(field, "Order_Total") == 0 || strcmp(field, "Distance_m") == 0)
        return (struct value){.i = (int64_t)(r % 20000000)};
    if (strcmp(field, "Quantity") == 0)
        return (struct value){.i = (int64_t)(r % 20)};
    if (strcmp(field, "SKU") == 0)
        snprintf(text, sizeof text, "KNFS%06u", (unsigned)(r % 20000));
    else
        snprintf(text, sizeof text, "%s", strcmp(field, "Currency") == 0 ? "NGN" : states[r % 4]);
    return (struct value){.text = slice_of(text)};
}

static void encode(const struct pipeline *pipeline, size_t f, uint64_t rows, uint64_t files, const uint64_t *sizes,
                   struct input *input)
{
    const struct feed *feed = &pipeline->feeds[f];
    struct chunk_writer writer;
    chunk_writer_init(&writer, feed);
    for (uint64_t i = 0; i < rows; i++) {
        struct value values[PIPELINE_FIELDS_MAX];
        char texts[PIPELINE_FIELDS_MAX][32];
        uint64_t at = f == 1 ? (i * 7919 + 13) % rows : i; /* deliveries come in another order */
        for (size_t k = 0; k < feed->field_count; k++) {
            values[k] = value_of(feed, feed->fields[k].name, at, sizes);
            if (feed->fields[k].type.kind == VALUE_TEXT) {
                memcpy(texts[k], values[k].text.data, values[k].text.len);
                values[k].text.data = texts[k];
            }
        }
        if (!chunk_put(&writer, i % (rows / files + 1) + 1, 1, values))
            abort();
        if ((i + 1) % (rows / files + 1) == 0 || i + 1 == rows || chunk_full(&writer)) {
            input->chunks[input->count] = writer.buf;
            input->feeds[input->count++] = f;
            chunk_writer_init(&writer, feed);
            writer.last_row = 0;
        }
    }
    input->rows += rows;
}

static void fail_on(const struct error *error)
{
    fprintf(stderr, "%s\n", error->text);
    exit(1);
}

static void apply(struct engine *engine, const struct input *input, uint64_t *sequence)
{
    struct error error;
    for (size_t i = 0; i < input->count; i++) {
        engine_begin(engine, ++*sequence);
        if (!engine_apply(engine, input->feeds[i], buf_slice(&input->chunks[i]), NULL, &error) ||
            !engine_end(engine, &error))
            fail_on(&error);
    }
}

static size_t deliver(struct engine *engine, uint64_t since)
{
    struct error error;
    struct delivery delivery;
    size_t rows = 0;
    if (!engine_delivery_start(engine, since, false, &delivery, &error))
        fail_on(&error);
    for (struct block *block;;) {
        if (!engine_delivery_next(engine, &block, &error))
            fail_on(&error);
        if (!block)
            break;
        rows += block->rows;
        block_free(block);
    }
    engine_delivery_end(engine, true);
    return rows;
}

static uint64_t argument(int argc, char **argv, int i, uint64_t otherwise)
{
    return argc > i ? strtoull(argv[i], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    struct doc_problems problems;
    struct error error;
    uint64_t sizes[3] = {argument(argc, argv, 2, 1000000), argument(argc, argv, 3, 100000),
                         argument(argc, argv, 4, 30)};
    uint64_t files = argument(argc, argv, 5, 20), sequence = 0;
    doc_problems_init(&problems);
    struct pipeline *pipeline = argc > 1 ? pipeline_load(argv[1], &problems) : NULL;
    if (!pipeline) {
        fprintf(stderr, "usage: engine_bench PIPELINE.json [orders] [customers] [days] [files]\n%.*s",
                (int)problems.text.len, problems.text.data ? problems.text.data : "");
        return 64;
    }
    struct input *input = calloc(1, sizeof *input);
    const size_t feeds[] = {2, 0, 1};
    for (size_t i = 0; i < 3; i++)
        encode(pipeline, feeds[i], i == 0 ? sizes[1] : sizes[0], files, sizes, input);
    size_t before = resident();
    struct engine *engine = engine_new(pipeline, 0, &error);
    if (!engine)
        fail_on(&error);
    double start = now();
    apply(engine, input, &sequence);
    double seconds = now() - start;
    struct engine_stats stats;
    engine_stats(engine, &stats);
    printf("%zu rows in %.3f s: %.2f M rows/s\n", input->rows, seconds, (double)input->rows / seconds / 1e6);
    printf("groups %llu and %llu; %.1f bytes an order line with its delivery by count, %.1f by what the process "
           "grew at its peak\n",
           (unsigned long long)stats.groups[0], (unsigned long long)stats.groups[1],
           (double)stats.memory / (double)sizes[0], (double)(peak() - before) / (double)sizes[0]);
    start = now();
    size_t rows = deliver(engine, 0);
    seconds = now() - start;
    printf("%zu groups encoded in %.3f s: %.2f M/s\n", rows, seconds, (double)rows / seconds / 1e6);
    engine_free(engine);
    for (size_t i = 0; i < input->count; i++)
        buf_close(&input->chunks[i]);
    free(input);
    pipeline_free(pipeline);
    doc_problems_close(&problems);
    return 0;
}
