#include "engine/bag.h"

#include <stdlib.h>

enum {
    LEAF_MAX = 64,  /* keys */
    INNER_MAX = 32, /* children */
    LEAF_SMALLEST = 4
};

/* A leaf's keys and counts, or an inner node's children with the smallest key of each; keys[0] of an inner node is not
   used. Arrays lie behind the struct: keys first. */
struct bag_node {
    uint16_t count, room;
};

static int64_t *keys_of(struct bag_node *node)
{
    return (int64_t *)(void *)((char *)node + sizeof(int64_t));
}

static uint32_t *counts_of(struct bag_node *leaf)
{
    return (uint32_t *)(keys_of(leaf) + leaf->room);
}

static struct bag_node **children_of(struct bag_node *inner)
{
    return (struct bag_node **)(keys_of(inner) + inner->room);
}

static size_t leaf_size(size_t room)
{
    return sizeof(int64_t) + room * (sizeof(int64_t) + sizeof(uint32_t));
}

static size_t inner_size(void)
{
    return sizeof(int64_t) + INNER_MAX * (sizeof(int64_t) + sizeof(struct bag_node *));
}

static struct bag_node *new_leaf(struct memory *memory, uint16_t room)
{
    struct bag_node *leaf = memory_new(memory, leaf_size(room));
    if (leaf)
        leaf->room = room;
    return leaf;
}

static struct bag_node *new_inner(struct memory *memory)
{
    struct bag_node *inner = memory_new(memory, inner_size());
    if (inner)
        inner->room = INNER_MAX;
    return inner;
}

static void drop_node(struct memory *memory, struct bag_node *node, uint32_t height)
{
    memory_drop(memory, node, height == 0 ? leaf_size(node->room) : inner_size());
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

static void copy_entries(struct bag_node *from, size_t at, struct bag_node *to, size_t to_at, size_t count)
{
    memmove(keys_of(to) + to_at, keys_of(from) + at, count * sizeof(int64_t));
    memmove(counts_of(to) + to_at, counts_of(from) + at, count * sizeof(uint32_t));
}

static void copy_children(struct bag_node *from, size_t at, struct bag_node *to, size_t to_at, size_t count)
{
    memmove(keys_of(to) + to_at, keys_of(from) + at, count * sizeof(int64_t));
    memmove(children_of(to) + to_at, children_of(from) + at, count * sizeof(struct bag_node *));
}

/* The leaf with another room, which holds its keys. NULL when out of memory. */
static struct bag_node *resized(struct memory *memory, struct bag_node *leaf, uint16_t room)
{
    struct bag_node *now = new_leaf(memory, room);
    if (!now)
        return NULL;
    copy_entries(leaf, 0, now, 0, leaf->count);
    now->count = leaf->count;
    drop_node(memory, leaf, 0);
    return now;
}

static void leaf_insert(struct bag_node *leaf, size_t at, int64_t key)
{
    copy_entries(leaf, at, leaf, at + 1, leaf->count - at);
    keys_of(leaf)[at] = key;
    counts_of(leaf)[at] = 1;
    leaf->count++;
}

static struct bag_node *split_leaf(struct memory *memory, struct bag_node *leaf)
{
    struct bag_node *right = new_leaf(memory, LEAF_MAX);
    if (!right)
        return NULL;
    uint16_t kept = leaf->count / 2;
    right->count = (uint16_t)(leaf->count - kept);
    copy_entries(leaf, kept, right, 0, right->count);
    leaf->count = kept;
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
        grown.right = split_leaf(memory, leaf);
        if (!grown.right)
            return grown;
        grown.right_key = keys_of(grown.right)[0];
        if (at >= leaf->count + (size_t)1) {
            at -= leaf->count;
            leaf = grown.right;
        }
    }
    leaf_insert(leaf, at, key);
    bag->distinct++;
    return grown;
}

static struct bag_node *split_inner(struct memory *memory, struct bag_node *inner)
{
    struct bag_node *right = new_inner(memory);
    if (!right)
        return NULL;
    uint16_t kept = inner->count / 2;
    right->count = (uint16_t)(inner->count - kept);
    copy_children(inner, kept, right, 0, right->count);
    inner->count = kept;
    return right;
}

static void inner_insert(struct bag_node *inner, size_t at, struct bag_node *child, int64_t key)
{
    copy_children(inner, at, inner, at + 1, inner->count - at);
    keys_of(inner)[at] = key;
    children_of(inner)[at] = child;
    inner->count++;
}

static struct grown add_to(struct bag *bag, struct bag_node *node, uint32_t height, struct bag_order order,
                           struct memory *memory, int64_t key);

static struct grown add_to_inner(struct bag *bag, struct bag_node *inner, uint32_t height, struct bag_order order,
                                 struct memory *memory, int64_t key)
{
    struct grown grown = {.self = inner};
    /* Split before going down: then a child that splits finds room here, and nothing is lost half way. */
    if (inner->count == INNER_MAX) {
        grown.right = split_inner(memory, inner);
        if (!grown.right)
            return grown;
        grown.right_key = keys_of(grown.right)[0];
        if (bag_compare(order, key, grown.right_key) >= 0)
            inner = grown.right;
    }
    size_t at = child_for(inner, order, key);
    struct grown below = add_to(bag, children_of(inner)[at], height - 1, order, memory, key);
    children_of(inner)[at] = below.self;
    if (below.right)
        inner_insert(inner, at + 1, below.right, below.right_key);
    return grown;
}

static struct grown add_to(struct bag *bag, struct bag_node *node, uint32_t height, struct bag_order order,
                           struct memory *memory, int64_t key)
{
    return height == 0 ? add_to_leaf(bag, node, order, memory, key)
                       : add_to_inner(bag, node, height, order, memory, key);
}

/* Puts a new root over both halves of the old one; its memory is there before anything is split. */
static void add_root(struct bag *bag, struct bag_node *root, const struct grown *grown)
{
    children_of(root)[0] = grown->self;
    children_of(root)[1] = grown->right;
    keys_of(root)[1] = grown->right_key;
    root->count = 2;
    bag->root = root;
    bag->height++;
}

void bag_add(struct bag *bag, struct bag_order order, struct memory *memory, int64_t key)
{
    if (!bag->root) {
        bag->root = new_leaf(memory, LEAF_SMALLEST);
        if (!bag->root)
            return;
        bag->height = 0;
    }
    struct bag_node *spare = NULL;
    if (bag->root->count == (bag->height == 0 ? LEAF_MAX : INNER_MAX)) {
        spare = new_inner(memory);
        if (!spare)
            return;
    }
    struct grown grown = add_to(bag, bag->root, bag->height, order, memory, key);
    bag->root = grown.self;
    if (spare && grown.right)
        add_root(bag, spare, &grown);
    else if (spare)
        drop_node(memory, spare, 1);
}

/* --- withdrawing -------------------------------------------------------------------------------------------------- */

static void erase_entry(struct bag_node *leaf, size_t at)
{
    copy_entries(leaf, at + 1, leaf, at, leaf->count - at - 1);
    leaf->count--;
}

static void erase_child(struct bag_node *inner, size_t at)
{
    copy_children(inner, at + 1, inner, at, inner->count - at - 1);
    inner->count--;
}

/* Moves all of child at + 1 into child `at` when the two together fill at most half a node. */
static void merge(struct bag_node *inner, uint32_t height, size_t at, struct memory *memory)
{
    if (at + 1 >= inner->count)
        return;
    struct bag_node *left = children_of(inner)[at], *right = children_of(inner)[at + 1];
    size_t together = (size_t)left->count + right->count;
    if (together > (height == 1 ? LEAF_MAX : INNER_MAX) / 2)
        return;
    if (height == 1 && left->room < together) {
        left = resized(memory, left, LEAF_MAX);
        if (!left)
            return;
        children_of(inner)[at] = left;
    }
    if (height == 1) {
        copy_entries(right, 0, left, left->count, right->count);
    } else {
        keys_of(right)[0] = keys_of(inner)[at + 1];
        copy_children(right, 0, left, left->count, right->count);
    }
    left->count = (uint16_t)together;
    drop_node(memory, right, height - 1);
    erase_child(inner, at + 1);
}

static void take_from(struct bag *bag, struct bag_node *node, uint32_t height, struct bag_order order,
                      struct memory *memory, int64_t key)
{
    if (height == 0) {
        size_t at = upper_bound(node, 0, order, key);
        if (at == 0 || keys_of(node)[at - 1] != key || --counts_of(node)[at - 1] > 0)
            return;
        erase_entry(node, at - 1);
        bag->distinct--;
        return;
    }
    size_t at = child_for(node, order, key);
    struct bag_node *child = children_of(node)[at];
    take_from(bag, child, height - 1, order, memory, key);
    if (child->count == 0) {
        drop_node(memory, child, height - 1);
        erase_child(node, at);
        return;
    }
    merge(node, height, at, memory);
    if (at > 0)
        merge(node, height, at - 1, memory);
}

void bag_take(struct bag *bag, struct bag_order order, struct memory *memory, int64_t key)
{
    if (!bag->root)
        return;
    take_from(bag, bag->root, bag->height, order, memory, key);
    while (bag->root && (bag->root->count == 0 || (bag->height > 0 && bag->root->count == 1))) {
        struct bag_node *root = bag->root;
        bag->root = root->count == 0 ? NULL : children_of(root)[0];
        drop_node(memory, root, bag->height);
        if (bag->root)
            bag->height--;
    }
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

int64_t bag_first(const struct bag *bag, uint32_t *count)
{
    struct bag_node *node = bag->root;
    for (uint32_t height = bag->height; height > 0; height--)
        node = children_of(node)[0];
    if (count)
        *count = counts_of(node)[0];
    return keys_of(node)[0];
}

int64_t bag_last(const struct bag *bag)
{
    struct bag_node *node = bag->root;
    for (uint32_t height = bag->height; height > 0; height--)
        node = children_of(node)[node->count - 1];
    return keys_of(node)[node->count - 1];
}

/* Puts the node's greatest keys before keys[end], down to keys[0] at most. Returns where they begin. */
static size_t put_greatest(struct bag_node *node, uint32_t height, int64_t *keys, size_t end)
{
    for (size_t i = node->count; i > 0 && end > 0; i--) {
        if (height == 0)
            keys[--end] = keys_of(node)[i - 1];
        else
            end = put_greatest(children_of(node)[i - 1], height - 1, keys, end);
    }
    return end;
}

size_t bag_greatest(const struct bag *bag, int64_t *keys, size_t most)
{
    size_t count = bag->distinct < most ? bag->distinct : most;
    if (bag->root)
        put_greatest(bag->root, bag->height, keys, count);
    return bag->root ? count : 0;
}

static void close_node(struct bag_node *node, uint32_t height, struct memory *memory)
{
    if (height > 0)
        for (size_t i = 0; i < node->count; i++)
            close_node(children_of(node)[i], height - 1, memory);
    drop_node(memory, node, height);
}

void bag_close(struct bag *bag, struct memory *memory)
{
    if (bag->root)
        close_node(bag->root, bag->height, memory);
    *bag = (struct bag){0};
}
