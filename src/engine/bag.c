#include "engine/bag.h"

enum {
    LEAF_MAX = 64,  /* keys */
    INNER_MAX = 32, /* children */
    LEAF_SMALLEST = 4
};

/* A leaf's keys and counts, or an inner node's children with the smallest key of each; keys[0] of an inner node is not
   used. Arrays lie behind the struct: keys first. */
struct bag_node {
    uint16_t count, room;
    uint32_t height; /* leaves have 0 */
};

static int64_t *keys_of(struct bag_node *node)
{
    return (int64_t *)(void *)(node + 1);
}

static uint32_t *counts_of(struct bag_node *leaf)
{
    return (uint32_t *)(keys_of(leaf) + leaf->room);
}

static struct bag_node **children_of(struct bag_node *inner)
{
    return (struct bag_node **)(keys_of(inner) + inner->room);
}

/* Bytes of what stands beside a key. */
static size_t value_size(uint32_t height)
{
    return height == 0 ? sizeof(uint32_t) : sizeof(struct bag_node *);
}

static size_t node_size(uint32_t height, size_t room)
{
    return sizeof(struct bag_node) + room * (sizeof(int64_t) + value_size(height));
}

static uint16_t room_max(uint32_t height)
{
    return height == 0 ? LEAF_MAX : INNER_MAX;
}

static struct bag_node *new_node(struct memory *memory, uint32_t height, uint16_t room)
{
    struct bag_node *node = memory_new(memory, node_size(height, room));
    if (node) {
        node->room = room;
        node->height = height;
    }
    return node;
}

static void drop_node(struct memory *memory, struct bag_node *node)
{
    memory_drop(memory, node, node_size(node->height, node->room));
}

int bag_compare(struct bag_order order, int64_t a, int64_t b)
{
    if (!order.texts || a == b)
        return (a > b) - (a < b);
    return slice_compare(dict_text(order.texts, (uint32_t)a), dict_text(order.texts, (uint32_t)b));
}

/* How many of keys[from .. count) are at most `key`, plus `from`. */
static size_t upper_bound(struct bag_node *node, size_t from, struct bag_order order, int64_t key)
{
    const int64_t *keys = keys_of(node);
    size_t low = from, high = node->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bag_compare(order, keys[middle], key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t child_for(struct bag_node *inner, struct bag_order order, int64_t key)
{
    return upper_bound(inner, 1, order, key) - 1;
}

/* --- adding ------------------------------------------------------------------------------------------------------- */

/* What an addition below made of a node: itself, when it had to move, and a right half, when it was split. */
struct grown {
    struct bag_node *self, *right;
    int64_t right_key;
};

/* Between nodes of one height, which may be one node. */
static void copy_entries(struct bag_node *from, size_t at, struct bag_node *to, size_t to_at, size_t count)
{
    const size_t size = value_size(from->height);
    char *values = (char *)(keys_of(from) + from->room), *to_values = (char *)(keys_of(to) + to->room);
    memmove(keys_of(to) + to_at, keys_of(from) + at, count * sizeof(int64_t));
    memmove(to_values + to_at * size, values + at * size, count * size);
}

/* The leaf with another room, which holds its keys. NULL when out of memory. */
static struct bag_node *resized(struct memory *memory, struct bag_node *leaf, uint16_t room)
{
    struct bag_node *now = new_node(memory, 0, room);
    if (!now)
        return NULL;
    copy_entries(leaf, 0, now, 0, leaf->count);
    now->count = leaf->count;
    drop_node(memory, leaf);
    return now;
}

/* Makes place for a key; what stands beside it is the caller's to write. */
static void insert(struct bag_node *node, size_t at, int64_t key)
{
    copy_entries(node, at, node, at + 1, node->count - at);
    keys_of(node)[at] = key;
    node->count++;
}

/* Moves the right half of a node that is full into a new one. NULL when out of memory. */
static struct bag_node *split(struct memory *memory, struct bag_node *node)
{
    struct bag_node *right = new_node(memory, node->height, node->room);
    if (!right)
        return NULL;
    uint16_t kept = node->count / 2;
    right->count = (uint16_t)(node->count - kept);
    copy_entries(node, kept, right, 0, right->count);
    node->count = kept;
    return right;
}

static struct grown add_to_leaf(struct bag *bag, struct bag_node *leaf, struct bag_order order, struct memory *memory,
                                int64_t key)
{
    struct grown grown = {.self = leaf};
    size_t at = upper_bound(leaf, 0, order, key);
    if (at > 0 && keys_of(leaf)[at - 1] == key) {
        counts_of(leaf)[at - 1]++;
        return grown;
    }
    if (leaf->count == leaf->room && leaf->room < LEAF_MAX) {
        struct bag_node *larger = resized(memory, leaf, (uint16_t)(leaf->room * 2));
        if (!larger)
            return grown;
        grown.self = leaf = larger;
    } else if (leaf->count == leaf->room) {
        grown.right = split(memory, leaf);
        if (!grown.right)
            return grown;
        grown.right_key = keys_of(grown.right)[0];
        if (at >= leaf->count + (size_t)1) {
            at -= leaf->count;
            leaf = grown.right;
        }
    }
    insert(leaf, at, key);
    counts_of(leaf)[at] = 1;
    bag->distinct++;
    return grown;
}

static struct grown add_to(struct bag *bag, struct bag_node *node, struct bag_order order, struct memory *memory,
                           int64_t key);

static struct grown add_to_inner(struct bag *bag, struct bag_node *inner, struct bag_order order, struct memory *memory,
                                 int64_t key)
{
    struct grown grown = {.self = inner};
    /* Split before going down: then a child that splits finds room here, and nothing is lost half way. */
    if (inner->count == INNER_MAX) {
        grown.right = split(memory, inner);
        if (!grown.right)
            return grown;
        grown.right_key = keys_of(grown.right)[0];
        if (bag_compare(order, key, grown.right_key) >= 0)
            inner = grown.right;
    }
    size_t at = child_for(inner, order, key);
    struct grown below = add_to(bag, children_of(inner)[at], order, memory, key);
    children_of(inner)[at] = below.self;
    if (below.right) {
        insert(inner, at + 1, below.right_key);
        children_of(inner)[at + 1] = below.right;
    }
    return grown;
}

static struct grown add_to(struct bag *bag, struct bag_node *node, struct bag_order order, struct memory *memory,
                           int64_t key)
{
    return node->height == 0 ? add_to_leaf(bag, node, order, memory, key) : add_to_inner(bag, node, order, memory, key);
}

/* Puts a new root over both halves of the old one; its memory is there before anything is split. */
static void add_root(struct bag *bag, struct bag_node *root, const struct grown *grown)
{
    children_of(root)[0] = grown->self;
    children_of(root)[1] = grown->right;
    keys_of(root)[1] = grown->right_key;
    root->count = 2;
    bag->root = root;
}

void bag_add(struct bag *bag, struct bag_order order, struct memory *memory, int64_t key)
{
    if (!bag->root)
        bag->root = new_node(memory, 0, LEAF_SMALLEST);
    if (!bag->root)
        return;
    struct bag_node *spare = NULL;
    if (bag->root->count == room_max(bag->root->height)) {
        spare = new_node(memory, bag->root->height + 1, INNER_MAX);
        if (!spare)
            return;
    }
    struct grown grown = add_to(bag, bag->root, order, memory, key);
    bag->root = grown.self;
    if (spare && grown.right)
        add_root(bag, spare, &grown);
    else if (spare)
        drop_node(memory, spare);
}

/* --- withdrawing -------------------------------------------------------------------------------------------------- */

static void erase(struct bag_node *node, size_t at)
{
    copy_entries(node, at + 1, node, at, node->count - at - 1);
    node->count--;
}

/* Moves all of child at + 1 into child `at` when the two together fill at most half a node. */
static void merge(struct bag_node *inner, size_t at, struct memory *memory)
{
    if (at + 1 >= inner->count)
        return;
    struct bag_node *left = children_of(inner)[at], *right = children_of(inner)[at + 1];
    size_t together = (size_t)left->count + right->count;
    if (together > room_max(left->height) / 2)
        return;
    if (left->room < together) {
        left = resized(memory, left, LEAF_MAX);
        if (!left)
            return;
        children_of(inner)[at] = left;
    }
    if (right->height > 0)
        keys_of(right)[0] = keys_of(inner)[at + 1];
    copy_entries(right, 0, left, left->count, right->count);
    left->count = (uint16_t)together;
    drop_node(memory, right);
    erase(inner, at + 1);
}

static void take_from(struct bag *bag, struct bag_node *node, struct bag_order order, struct memory *memory,
                      int64_t key)
{
    if (node->height == 0) {
        size_t at = upper_bound(node, 0, order, key);
        if (at == 0 || keys_of(node)[at - 1] != key || --counts_of(node)[at - 1] > 0)
            return;
        erase(node, at - 1);
        bag->distinct--;
        return;
    }
    size_t at = child_for(node, order, key);
    struct bag_node *child = children_of(node)[at];
    take_from(bag, child, order, memory, key);
    if (child->count == 0) {
        drop_node(memory, child);
        erase(node, at);
        return;
    }
    merge(node, at, memory);
    if (at > 0)
        merge(node, at - 1, memory);
}

void bag_take(struct bag *bag, struct bag_order order, struct memory *memory, int64_t key)
{
    if (!bag->root)
        return;
    take_from(bag, bag->root, order, memory, key);
    while (bag->root && (bag->root->count == 0 || (bag->root->height > 0 && bag->root->count == 1))) {
        struct bag_node *root = bag->root;
        bag->root = root->count == 0 ? NULL : children_of(root)[0];
        drop_node(memory, root);
    }
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

int64_t bag_first(const struct bag *bag, uint32_t *count)
{
    struct bag_node *node = bag->root;
    while (node->height > 0)
        node = children_of(node)[0];
    if (count)
        *count = counts_of(node)[0];
    return keys_of(node)[0];
}

int64_t bag_last(const struct bag *bag)
{
    struct bag_node *node = bag->root;
    while (node->height > 0)
        node = children_of(node)[node->count - 1];
    return keys_of(node)[node->count - 1];
}

/* Puts the node's greatest keys before keys[end], down to keys[0] at most. Returns where they begin. */
static size_t put_greatest(struct bag_node *node, int64_t *keys, size_t end)
{
    for (size_t i = node->count; i > 0 && end > 0; i--) {
        if (node->height == 0)
            keys[--end] = keys_of(node)[i - 1];
        else
            end = put_greatest(children_of(node)[i - 1], keys, end);
    }
    return end;
}

size_t bag_greatest(const struct bag *bag, int64_t *keys, size_t most)
{
    size_t count = bag->distinct < most ? bag->distinct : most;
    if (bag->root)
        put_greatest(bag->root, keys, count);
    return count;
}

static void close_node(struct bag_node *node, struct memory *memory)
{
    for (size_t i = 0; node->height > 0 && i < node->count; i++)
        close_node(children_of(node)[i], memory);
    drop_node(memory, node);
}

void bag_close(struct bag *bag, struct memory *memory)
{
    if (bag->root)
        close_node(bag->root, memory);
    *bag = (struct bag){0};
}
