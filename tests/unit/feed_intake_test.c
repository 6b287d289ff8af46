#include "feed_support.h"
#include "parse_testing.h"

#include <dirent.h>

#include "feed/intake.h"

enum { MANY_ROWS = 600 * 1000 /* several batches' worth */ };

static const char descriptor[] =
    "{\"feed\": \"Orders\", \"version\": 1, \"format\": \"csv\","
    " \"fields\": {\"Id\": {\"type\": \"int64\", \"required\": true}, \"Name\": {\"type\": \"text\"}}}";

struct fixture {
    char data[TESTING_PATH_MAX], folder[FEED_PATH_MAX];
    struct parse_feed parse;
    struct landing landing;
    struct file_facts facts;
    struct error error;
    size_t batches, rows, rejects;
    struct intake_how how;
    size_t stop_after;                    /* batches; 0: never */
    void (*meanwhile)(struct fixture *f); /* called at the first batch */
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->how.flushes = true;
    testing_folder_make(f->data);
    path_join(f->folder, f->data, "Orders");
    assert_int_equal(mkdir(f->folder, 0755), 0);
    parse_feed_open(&f->parse, descriptor, NULL);
    assert_ok(landing_open(&f->landing, f->data, &f->parse.feed, 0, true, &f->error), &f->error);
    *state = f;
    return 0;
}

/* With a thread more for large files. */
static int set_up_apart(void **state)
{
    int code = set_up(state);
    ((struct fixture *)*state)->how.spare = 1;
    return code;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    landing_close(&f->landing);
    parse_feed_close(&f->parse);
    testing_folder_remove(f->data);
    free(f);
    return 0;
}

static bool take(void *context, struct batch *batch)
{
    struct fixture *f = context;
    f->batches++;
    f->rows += batch->chunk.rows;
    f->rejects += batch->reject_count;
    batch_free(batch);
    if (f->batches == 1 && f->meanwhile)
        f->meanwhile(f);
    return f->stop_after == 0 || f->batches < f->stop_after;
}

/* The arena is closed here: what is asked of the facts lies outside it. */
static enum intake_result take_in(struct fixture *f, const char *name, struct file_stat *stat)
{
    f->batches = f->rows = f->rejects = 0;
    f->error = (struct error){.kind = ERROR_NONE};
    f->how.parser = parse_parser(&f->parse);
    f->how.sink = take;
    f->how.context = f;
    enum intake_result result = intake_read(&f->landing, name, stat, &f->how, &f->facts, &f->error);
    arena_close(&f->facts.arena);
    return result;
}

static struct digest digest_of(const char *folder, const char *name)
{
    char path[FEED_PATH_MAX], block[4096];
    struct digester digester;
    ssize_t len;
    assert_true(digester_init(&digester, NULL));
    path_join(path, folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    while ((len = read(fd, block, sizeof block)) > 0)
        digester_add(&digester, (struct slice){block, (size_t)len});
    close(fd);
    struct digest digest = digester_take(&digester);
    return digest;
}

static void assert_identity(struct fixture *f, const char *name)
{
    struct digest wanted = digest_of(f->folder, name);
    assert_true(digest_equal(&f->facts.content, &wanted));
    assert_int_equal(f->facts.size, file_stat_of(f->folder, name).size);
}

static void write_many(struct fixture *f, const char *name)
{
    char path[FEED_PATH_MAX];
    path_join(path, f->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "Id,Name\n");
    for (int i = 0; i < MANY_ROWS; i++)
        fprintf(file, "%d,name of %d\n", i, i);
    assert_int_equal(fclose(file), 0);
}

static void reads_rows_and_facts_of_a_file(void **state)
{
    struct fixture *f = *state;
    file_write(f->folder, "a.csv", "Id,Name\n1,x\nnone,y\n3,z\n");
    struct file_stat stat = file_stat_of(f->folder, "a.csv");
    assert_int_equal(take_in(f, "a.csv", &stat), INTAKE_READ);
    assert_int_equal(f->rows, 2);
    assert_int_equal(f->rejects, 1);
    assert_int_equal(f->facts.rows, 3);
    assert_int_equal(f->facts.rejected, 1);
    assert_int_equal(f->facts.version, 1);
    assert_identity(f, "a.csv");
}

static void hands_a_large_file_on_in_batches(void **state)
{
    struct fixture *f = *state;
    write_many(f, "a.csv");
    assert_int_equal(take_in(f, "a.csv", NULL), INTAKE_READ);
    assert_true(f->batches > 1);
    assert_int_equal(f->rows, MANY_ROWS);
    assert_int_equal(f->facts.rows, MANY_ROWS);
    assert_identity(f, "a.csv");
}

static void takes_an_empty_file_for_a_bad_one(void **state)
{
    struct fixture *f = *state;
    file_write(f->folder, "a.csv", "");
    assert_int_equal(take_in(f, "a.csv", NULL), INTAKE_BAD);
    assert_identity(f, "a.csv");
}

static void gives_the_identity_of_a_bad_file(void **state)
{
    struct fixture *f = *state;
    char path[FEED_PATH_MAX], line[128];
    path_join(path, f->folder, "a.csv");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "Id,Name\n1,\"x\n");
    memset(line, 'y', sizeof line);
    for (int i = 0; i < 80000; i++) /* many blocks behind the quote that never closes */
        fwrite(line, 1, sizeof line, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(take_in(f, "a.csv", NULL), INTAKE_BAD);
    assert_error(&f->error, ERROR_DATA, "2:");
    assert_identity(f, "a.csv");
}

static void is_not_kept_by_a_bad_file_from_the_next(void **state)
{
    struct fixture *f = *state;
    file_write(f->folder, "bad.csv", "Nothing,Known\n1,2\n");
    file_write(f->folder, "good.csv", "Id,Name\n1,x\n");
    assert_int_equal(take_in(f, "bad.csv", NULL), INTAKE_BAD);
    assert_identity(f, "bad.csv");
    assert_int_equal(take_in(f, "good.csv", NULL), INTAKE_READ);
    assert_int_equal(f->rows, 1);
}

static void refuses_a_file_that_is_no_more_what_was_found(void **state)
{
    struct fixture *f = *state;
    file_write(f->folder, "a.csv", "Id,Name\n1,x\n");
    struct file_stat stat = file_stat_of(f->folder, "a.csv");
    file_append(f->folder, "a.csv", "2,y\n");
    assert_int_equal(take_in(f, "a.csv", &stat), INTAKE_CHANGED);
    stat = file_stat_of(f->folder, "a.csv");
    file_deliver(f->folder, "a.csv", "Id,Name\n1,x\n2,z\n");
    assert_int_equal(take_in(f, "a.csv", &stat), INTAKE_CHANGED);
    assert_int_equal(f->batches, 0);
    stat = file_stat_of(f->folder, "a.csv");
    assert_int_equal(take_in(f, "a.csv", &stat), INTAKE_READ);
}

static void reads_a_file_whose_mode_or_links_were_changed_and_tells_its_new_stat(void **state)
{
    struct fixture *f = *state;
    char path[FEED_PATH_MAX], other[FEED_PATH_MAX];
    path_join(path, f->folder, "a.csv");
    path_join(other, f->folder, "b.csv");
    file_write(f->folder, "a.csv", "Id,Name\n1,x\n");
    struct file_stat stat = file_stat_of(f->folder, "a.csv");
    stat.ctime_ns--; /* a clock may be too coarse to tell */
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(link(path, other), 0);
    assert_int_equal(take_in(f, "a.csv", &stat), INTAKE_READ);
    const struct file_stat now = file_stat_of(f->folder, "a.csv");
    assert_true(file_stat_equal(&stat, &now));
}

static void append_meanwhile(struct fixture *f)
{
    file_append(f->folder, "a.csv", "7,more\n");
}

static void truncate_meanwhile(struct fixture *f)
{
    char path[FEED_PATH_MAX];
    path_join(path, f->folder, "a.csv");
    assert_int_equal(truncate(path, 1000), 0);
}

static void replace_meanwhile(struct fixture *f)
{
    file_deliver(f->folder, "a.csv", "Id,Name\n1,x\n");
}

/* Neither size nor mtime tells of this one. */
static void rewrite_meanwhile(struct fixture *f)
{
    char path[FEED_PATH_MAX];
    path_join(path, f->folder, "a.csv");
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "9", 1, (off_t)file_stat_of(f->folder, "a.csv").size - 2), 1);
    close(fd);
    file_date(f->folder, "a.csv", 1600000000);
}

/* Until its ctime tells. */
static void chmod_meanwhile(struct fixture *f)
{
    char path[FEED_PATH_MAX];
    path_join(path, f->folder, "a.csv");
    const int64_t before = file_stat_of(f->folder, "a.csv").ctime_ns;
    while (file_stat_of(f->folder, "a.csv").ctime_ns == before)
        assert_int_equal(chmod(path, 0600), 0);
}

static void notices_every_change_while_it_reads(void **state)
{
    struct fixture *f = *state;
    static const struct {
        void (*make)(struct fixture *f);
        enum intake_result result;
    } changes[] = {{append_meanwhile, INTAKE_CHANGED},
                   {truncate_meanwhile, INTAKE_CHANGED},
                   {replace_meanwhile, INTAKE_CHANGED},
                   {rewrite_meanwhile, INTAKE_TOUCHED},
                   {chmod_meanwhile, INTAKE_TOUCHED}};
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        write_many(f, "a.csv");
        file_date(f->folder, "a.csv", 1600000000);
        struct file_stat stat = file_stat_of(f->folder, "a.csv");
        f->meanwhile = changes[i].make;
        assert_int_equal(take_in(f, "a.csv", &stat), changes[i].result);
        assert_true(f->batches >= 1);
        f->meanwhile = NULL;
        assert_int_not_equal(take_in(f, "a.csv", NULL), INTAKE_CHANGED);
        assert_identity(f, "a.csv");
    }
}

static void stops_when_the_sink_says_so(void **state)
{
    struct fixture *f = *state;
    write_many(f, "a.csv");
    f->stop_after = 1;
    assert_int_equal(take_in(f, "a.csv", NULL), INTAKE_STOPPED);
    assert_int_equal(f->batches, 1);
}

static void tells_what_is_gone_and_what_is_odd(void **state)
{
    struct fixture *f = *state;
    char path[FEED_PATH_MAX];
    assert_int_equal(take_in(f, "a.csv", NULL), INTAKE_GONE);
    path_join(path, f->folder, "link");
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(take_in(f, "link", NULL), INTAKE_ODD);
    path_join(path, f->folder, "fifo");
    assert_int_equal(mkfifo(path, 0644), 0);
    assert_int_equal(take_in(f, "fifo", NULL), INTAKE_ODD);
    path_join(path, f->folder, "folder");
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(take_in(f, "folder", NULL), INTAKE_ODD);
    file_socket(f->folder, "socket");
    assert_int_equal(take_in(f, "socket", NULL), INTAKE_ODD);
}

static void read_what_is_forbidden(void *context)
{
    struct fixture *f = context;
    child_check(take_in(f, "a.csv", NULL) == INTAKE_REFUSED);
    child_check(f->error.kind == ERROR_IO && strcmp(f->error.text, "cannot open it: Permission denied") == 0);
}

static void fails_on_a_file_that_it_may_not_read(void **state)
{
    struct fixture *f = *state;
    char path[FEED_PATH_MAX];
    file_write(f->folder, "a.csv", "Id,Name\n1,x\n");
    path_join(path, f->folder, "a.csv");
    assert_int_equal(chmod(path, 0), 0);
    run_unprivileged(f->data, read_what_is_forbidden, f);
}

static enum intake_result take_in_fd(struct fixture *f, int fd)
{
    const struct intake_how how = {.parser = parse_parser(&f->parse), .sink = take, .context = f, .spare = 1};
    enum intake_result result = intake_read_fd(fd, "a.csv", &how, &f->facts, &f->error);
    arena_close(&f->facts.arena);
    return result;
}

static void reads_an_open_file_and_a_pipe(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "Id,Name\n1,x\n2,y\n";
    char path[FEED_PATH_MAX];
    int ends[2];
    file_write(f->folder, "a.csv", text);
    path_join(path, f->folder, "a.csv");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(take_in_fd(f, fd), INTAKE_READ);
    close(fd);
    assert_int_equal(f->rows, 2);
    assert_identity(f, "a.csv");
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
    close(ends[1]);
    assert_int_equal(take_in_fd(f, ends[0]), INTAKE_READ);
    close(ends[0]);
    assert_int_equal(f->rows, 4);
    assert_identity(f, "a.csv");
}

struct counting {
    unsigned threads; /* of this process, at most */
    const char *cut;  /* a path: the file there is cut at the first batch */
};

static bool count_threads(void *context, struct batch *batch)
{
    struct counting *counting = context;
    unsigned threads = 0;
    DIR *dir = opendir("/proc/self/task");
    for (const struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
        threads += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    if (threads > counting->threads)
        counting->threads = threads;
    if (counting->cut && truncate(counting->cut, 1) != 0)
        fail();
    counting->cut = NULL;
    batch_free(batch);
    return true;
}

static enum intake_result read_large(struct fixture *f, unsigned spare, struct counting *counting)
{
    char path[FEED_PATH_MAX];
    path_join(path, f->folder, "large.csv");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("Id,Name\n", file);
    for (int i = 0; i < 400000; i++)
        fprintf(file, "%d,a name that takes place\n", i);
    assert_int_equal(fclose(file), 0);
    if (counting->cut)
        counting->cut = path;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    const struct intake_how how = {
        .parser = parse_parser(&f->parse), .sink = count_threads, .context = counting, .spare = spare};
    enum intake_result result = intake_read_fd(fd, "large.csv", &how, &f->facts, &f->error);
    arena_close(&f->facts.arena);
    close(fd);
    return result;
}

static void reads_a_large_open_file_by_no_more_threads_than_cores_are_to_spare(void **state)
{
    struct fixture *f = *state;
    struct counting before = {0}, counting = {0};
    assert_int_equal(read_large(f, 0, &before), INTAKE_READ);
    assert_int_equal(read_large(f, 2, &counting), INTAKE_READ);
    assert_in_range(counting.threads, before.threads + 1, before.threads + 2);
    counting.threads = 0;
    assert_int_equal(read_large(f, 0, &counting), INTAKE_READ);
    assert_int_equal(counting.threads, before.threads);
}

static void says_that_an_open_file_changed(void **state)
{
    struct fixture *f = *state;
    struct counting counting = {.cut = ""};
    assert_int_equal(read_large(f, 0, &counting), INTAKE_CHANGED);
    assert_error(&f->error, ERROR_IO, "it changed while it was read");
}

static void asks_for_the_version_that_it_is_given(void **state)
{
    struct fixture *f = *state;
    file_write(f->folder, "a.csv", "Id,Name\n1,x\n");
    f->how.version = 9;
    assert_int_not_equal(take_in(f, "a.csv", NULL), INTAKE_READ);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define APART(name)                                                                                                    \
    {                                                                                                                  \
#name " (apart)", name, set_up_apart, tear_down, NULL                                                          \
    }
    const struct CMUnitTest tests[] = {
        TEST(reads_rows_and_facts_of_a_file),
        TEST(hands_a_large_file_on_in_batches),
        APART(hands_a_large_file_on_in_batches),
        TEST(takes_an_empty_file_for_a_bad_one),
        TEST(gives_the_identity_of_a_bad_file),
        APART(gives_the_identity_of_a_bad_file),
        TEST(is_not_kept_by_a_bad_file_from_the_next),
        TEST(refuses_a_file_that_is_no_more_what_was_found),
        TEST(reads_a_file_whose_mode_or_links_were_changed_and_tells_its_new_stat),
        TEST(notices_every_change_while_it_reads),
        APART(notices_every_change_while_it_reads),
        TEST(stops_when_the_sink_says_so),
        APART(stops_when_the_sink_says_so),
        TEST(tells_what_is_gone_and_what_is_odd),
        TEST(fails_on_a_file_that_it_may_not_read),
        TEST(reads_an_open_file_and_a_pipe),
        TEST(reads_a_large_open_file_by_no_more_threads_than_cores_are_to_spare),
        TEST(says_that_an_open_file_changed),
        TEST(asks_for_the_version_that_it_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
