/* Compiler attributes under readable names. */
#ifndef DROPFOLD_BASE_ATTR_H
#define DROPFOLD_BASE_ATTR_H

#define MUST_USE                 __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

/* The struct that embeds `member`, from a pointer to that member: how a libuv handle leads back to its owner. */
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
