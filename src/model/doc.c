/*
 * Documents: two readings of one text. The scanner finds where everything stands and refuses what cJSON would let pass;
 * cJSON decodes names and texts; both trees are then walked side by side.
 */
#include "model/doc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/text.h"
#include "model/doc_scan.h"

enum {
    PATH_SHOWN_MAX = 1024, /* bytes of a path in messages */
    MESSAGE_MAX = 1024,    /* bytes of one message */
    PROBLEMS_TEXT_MAX = (DOC_PROBLEMS_MAX + 1) * (PATH_SHOWN_MAX + MESSAGE_MAX + 64)
};

/* --- problems ----------------------------------------------------------------------------------------------------- */

void doc_problems_init(struct doc_problems *problems)
{
    buf_init(&problems->text, PROBLEMS_TEXT_MAX);
    problems->count = 0;
    problems->memory = false;
}

void doc_problems_close(struct doc_problems *problems)
{
    buf_close(&problems->text);
}

/* Takes the line at `from` out again when it was told before: a document that others extend is read more than once. */
static void forget_told(struct doc_problems *problems, size_t from)
{
    struct buf *text = &problems->text;
    const char *line = text->data + from;
    size_t len = text->len - from;
    for (const char *at = text->data; !text->failed && at < line;
         at = (const char *)memchr(at, '\n', (size_t)(line - at)) + 1) {
        if (len > 0 && (size_t)(line - at) >= len && memcmp(at, line, len) == 0) {
            text->len = from;
            problems->count--;
            return;
        }
    }
}

static bool add_problem(const struct doc *doc, uint32_t line, uint32_t column, const char *format, va_list args)
    PRINTF_LIKE(4, 0);

static bool add_problem(const struct doc *doc, uint32_t line, uint32_t column, const char *format, va_list args)
{
    struct doc_problems *problems = doc->problems;
    if (problems->count++ >= DOC_PROBLEMS_MAX || problems->memory)
        return false;
    char message[MESSAGE_MAX];
    size_t len = text_format(message, sizeof message, format, args);
    /* A quoted text may hold a line break, and one problem is one line. */
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)message[i] < ' ' || message[i] == 0x7f)
            message[i] = '?';
    size_t before = problems->text.len;
    buf_printf(&problems->text, "%s:%u:%u: %s\n", doc->path, line, column, message);
    forget_told(problems, before);
    return false;
}

bool doc_problem_at(const struct doc *doc, uint32_t line, uint32_t column, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_problem(doc, line, column, format, args);
    va_end(args);
    return false;
}

bool doc_problem(const struct doc *doc, const struct doc_node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_problem(doc, node ? node->line : 1, node ? node->column : 1, format, args);
    va_end(args);
    return false;
}

bool doc_memory(const struct doc *doc)
{
    doc_problem_at(doc, 1, 1, "out of memory");
    doc->problems->memory = true;
    return false;
}

void doc_problems_memory(struct doc_problems *problems, const char *path)
{
    const struct doc nothing = {.path = path, .problems = problems};
    (void)doc_memory(&nothing);
}

/* --- the two trees ------------------------------------------------------------------------------------------------ */

static bool decode_text(const struct doc *doc, struct slice *raw, const char *decoded)
{
    char *copy = arena_string(doc->arena, slice_of(decoded));
    if (!copy)
        return doc_memory(doc);
    *raw = slice_of(copy);
    return true;
}

static bool same_kind(const struct doc_node *node, const cJSON *item)
{
    switch (node->kind) {
    case DOC_OBJECT:
        return cJSON_IsObject(item);
    case DOC_ARRAY:
        return cJSON_IsArray(item);
    case DOC_STRING:
        return cJSON_IsString(item);
    case DOC_NUMBER:
        return cJSON_IsNumber(item);
    case DOC_BOOL:
        return cJSON_IsBool(item) && node->truth == cJSON_IsTrue(item);
    case DOC_NULL:
        return cJSON_IsNull(item);
    }
    return false;
}

static bool disagree(const struct doc_node *node)
{
    return doc_problem(node->doc, node, "this value is read in two ways; please report it as a bug of dropfold");
}

/* Gives `node` and all below it their decoded texts. Numbers only get their NUL. */
static bool decode(struct doc_node *node, const cJSON *item)
{
    if (!item || !same_kind(node, item))
        return disagree(node);
    if (node->kind == DOC_STRING && !decode_text(node->doc, &node->text, item->valuestring))
        return false;
    if (node->kind == DOC_NUMBER) {
        char *copy = arena_string(node->doc->arena, node->text);
        if (!copy)
            return doc_memory(node->doc);
        node->text.data = copy;
    }
    const cJSON *child_item = item->child;
    for (struct doc_node *child = node->child; child; child = child->next) {
        if (!decode(child, child_item))
            return false;
        if (node->kind == DOC_OBJECT && !decode_text(node->doc, &child->name, child_item->string))
            return false;
        child_item = child_item->next;
    }
    return !child_item || disagree(node);
}

static int order_by_name(const void *a, const void *b)
{
    const struct doc_node *x = *(const struct doc_node *const *)a, *y = *(const struct doc_node *const *)b;
    int order = slice_compare(x->name, y->name);
    if (order != 0)
        return order;
    if (x->name_line != y->name_line)
        return x->name_line < y->name_line ? -1 : 1;
    return x->name_column < y->name_column ? -1 : x->name_column > y->name_column;
}

static bool check_names(const struct doc_node *object)
{
    const struct doc_node **sorted = calloc(object->count, sizeof *sorted);
    if (!sorted)
        return doc_memory(object->doc);
    size_t count = 0;
    for (const struct doc_node *child = object->child; child; child = child->next)
        sorted[count++] = child;
    qsort(sorted, count, sizeof *sorted, order_by_name);
    bool ok = true;
    for (size_t i = 1; i < count; i++)
        if (slice_equal(sorted[i]->name, sorted[i - 1]->name))
            ok = doc_problem_at(object->doc, sorted[i]->name_line, sorted[i]->name_column,
                                "\"%s\" stands twice in this object, first on line %u", sorted[i]->name.data,
                                sorted[i - 1]->name_line);
    free(sorted);
    return ok;
}

static bool check_duplicates(const struct doc_node *node)
{
    bool ok = node->kind != DOC_OBJECT || node->count < 2 || check_names(node);
    for (const struct doc_node *child = node->child; child; child = child->next)
        ok = check_duplicates(child) && ok;
    return ok;
}

static bool decode_all(struct doc *doc, struct doc_node *root)
{
    cJSON *tree = cJSON_ParseWithLengthOpts(doc->text.data, doc->text.len, NULL, false);
    if (!tree)
        return doc_memory(doc); /* the scanner accepted the text, so nothing else is left */
    bool ok = decode(root, tree);
    cJSON_Delete(tree);
    return ok && check_duplicates(root);
}

/* `text` is in the arena already. */
static bool parse(struct doc *doc, struct slice text)
{
    if (text.len > DOC_SIZE_MAX)
        return doc_problem(doc, NULL, "larger than %d bytes", DOC_SIZE_MAX);
    doc->text = text;
    struct doc_node *root = doc_scan(doc);
    if (!root || !decode_all(doc, root))
        return false;
    doc->root = root;
    return true;
}

static bool doc_init(struct doc *doc, const char *path, struct arena *arena, struct doc_problems *problems)
{
    char shown[PATH_SHOWN_MAX];
    *doc = (struct doc){.path = "", .problems = problems, .arena = arena};
    const char *copy = arena_string(arena, slice_of(text_escape(slice_of(path), shown, sizeof shown)));
    if (!copy)
        return doc_memory(doc);
    doc->path = copy;
    return true;
}

bool doc_parse(struct doc *doc, const char *path, struct slice text, struct arena *arena, struct doc_problems *problems)
{
    if (!doc_init(doc, path, arena, problems))
        return false;
    struct slice copy = arena_copy(arena, text);
    return copy.data ? parse(doc, copy) : doc_memory(doc);
}

/* --- files -------------------------------------------------------------------------------------------------------- */

ptrdiff_t doc_read_all(int fd, char *data, size_t size)
{
    size_t len = 0;
    while (len < size) {
        ssize_t n = read(fd, data + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ptrdiff_t)len;
}

static bool load(struct doc *doc, int fd)
{
    struct stat stat;
    if (fstat(fd, &stat) != 0)
        return doc_problem(doc, NULL, "cannot be read: %s", strerror(errno));
    if (!S_ISREG(stat.st_mode))
        return doc_problem(doc, NULL, "not a regular file");
    if (stat.st_size > DOC_SIZE_MAX)
        return doc_problem(doc, NULL, "larger than %d bytes", DOC_SIZE_MAX);
    /* One byte more than it has, so that a file that grows meanwhile is not taken for whole. */
    size_t size = (size_t)stat.st_size + 1;
    char *data = arena_alloc(doc->arena, size);
    if (!data)
        return doc_memory(doc);
    ptrdiff_t len = doc_read_all(fd, data, size);
    if (len < 0)
        return doc_problem(doc, NULL, "cannot be read: %s", strerror(errno));
    if (len != stat.st_size)
        return doc_problem(doc, NULL, "changed while it was read");
    return parse(doc, (struct slice){data, (size_t)len});
}

bool doc_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool doc_load(struct doc *doc, const char *path, struct arena *arena, struct doc_problems *problems)
{
    if (!doc_init(doc, path, arena, problems))
        return false;
    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return doc_problem(doc, NULL, "cannot be read: %s", strerror(errno));
    bool ok = load(doc, fd);
    close(fd);
    return ok;
}
