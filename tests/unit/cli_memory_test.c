/* A command that runs out of memory says so, or prints all there is: a line that is missing would look like a row that
   is. */
#include "failing_malloc.h"
#include "store_testing.h"

#include <fcntl.h>

#include "cli/command.h"

enum { ROWS = 40, OUTPUT_MAX = 256 * 1024 };

static char folder[TESTING_PATH_MAX];

/* A file of which all rows were rejected, each with a text that makes the printer's buffer grow. */
static void make_store(void)
{
    static char raw[4000];
    struct error error = {0};
    struct store *store = testing_open(folder, STORE_WRITE);
    struct batch *batch = batch_new(testing_feed());
    assert_non_null(batch);
    memset(raw, 'x', sizeof raw);
    for (uint64_t row = 1; row <= ROWS; row++) {
        const struct reject reject = {
            .row = row, .line = row + 1, .reason = SLICE("broken"), .raw = {raw, (size_t)row * sizeof raw / ROWS}};
        assert_true(batch_reject(batch, &reject));
    }
    struct file_record file = testing_record("a.csv", 1, ROWS);
    file.buckets = (struct buckets){.rejected = ROWS};
    assert_ok(store_begin(store, &error), &error);
    assert_ok(store_file_begin(store, file.feed, &error), &error);
    assert_ok(store_put_batch(store, batch, &error), &error);
    assert_ok(store_file_end(store, &file, &error), &error);
    assert_ok(store_commit(store, SLICE(""), 1, &error), &error);
    batch_free(batch);
    store_close(store);
}

struct outcome {
    int code;
    size_t len;
    uint64_t hash;
};

static int redirect(int stream, const char *path)
{
    int kept = dup(stream), to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(kept >= 0 && to >= 0 && dup2(to, stream) >= 0);
    close(to);
    return kept;
}

static void restore(int stream, int kept)
{
    assert_true(dup2(kept, stream) >= 0);
    close(kept);
}

static struct outcome run(const struct invocation *invocation, const struct failing *f)
{
    static char printed[OUTPUT_MAX];
    const char *path = testing_path(folder, "printed");
    fflush(stdout);
    int out = redirect(STDOUT_FILENO, path), problems = redirect(STDERR_FILENO, "/dev/null");
    failing_begin(f);
    struct outcome outcome = {.code = invocation->command->execute(invocation)};
    failing_pause();
    fflush(stdout);
    restore(STDOUT_FILENO, out);
    restore(STDERR_FILENO, problems);
    int fd = open(path, O_RDONLY);
    ssize_t len = read(fd, printed, sizeof printed);
    assert_true(len >= 0 && len < (ssize_t)sizeof printed);
    close(fd);
    outcome.len = (size_t)len;
    outcome.hash = hash_bytes((struct slice){printed, (size_t)len}, 0);
    return outcome;
}

static void an_export_is_whole_or_fails(void **state)
{
    (void)state;
    struct log log;
    struct error error = {0};
    testing_folder_make(folder);
    make_store();
    log_init(&log, open("/dev/null", O_WRONLY), LOG_ERROR);
    struct invocation invocation = {.command = command_find("rejects"), .log = &log};
    assert_ok(settings_init(&invocation.settings, &error), &error);
    invocation.settings.pipeline = PROJECT_DIR "/schemas/ecommerce.json";
    invocation.settings.checkpoints = folder;
    invocation.settings.export_json = true;
    invocation.operands = (char *[]){(char[]){"export"}};
    invocation.operand_count = 1;
    const struct outcome whole = run(&invocation, &FAILING_NEVER);
    assert_int_equal(whole.code, 0);
    assert_true(whole.len > (size_t)ROWS * 2000);
    struct failing f = {.stride = TESTING_STEP};
    while (failing_next(&f)) {
        struct outcome outcome = run(&invocation, &f);
        (void)failing_end(&f);
        if (outcome.code == 0)
            assert_true(outcome.len == whole.len && outcome.hash == whole.hash);
    }
    close(log.fd);
    testing_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_export_is_whole_or_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
