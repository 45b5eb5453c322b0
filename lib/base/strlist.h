#ifndef COOP_BASE_STRLIST_H
#define COOP_BASE_STRLIST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * strlist.h - an owned list of strings, shaped like argv
 *
 *     struct strlist argv = {0};
 *     if (strlist_add(&argv, "sleep") < 0 || strlist_add(&argv, "1") < 0) ...
 *     execv(argv.items[0], argv.items);
 *     strlist_done(&argv);
 *
 * Errors    0 or -ENOMEM; on failure the list is as it was.
 * Memory    Owns the strings and the array.  'items' is NULL while nothing was ever added, else
 *           ends with a NULL that 'count' does not count.  {0} is an empty list.
 */
struct strlist {
    char **items;
    size_t count;
};

/* Frees everything; the list is {0} again. */
void strlist_done(struct strlist *list);

/* Adds a copy of 'text', or of its first 'len' bytes. */
int strlist_add(struct strlist *list, const char *text);
int strlist_add_n(struct strlist *list, const char *text, size_t len);

/* Adds 'text' itself, which the list owns from then on (on failure too: it is freed). */
int strlist_take(struct strlist *list, char *text);

/* '*to' becomes a deep copy of 'from'; what it held is freed. On failure it is untouched. */
int strlist_copy(struct strlist *to, const struct strlist *from);

/* Appends copies of all of 'more'. */
int strlist_append(struct strlist *list, const struct strlist *more);

/* Removes and frees item 'index'. */
void strlist_remove(struct strlist *list, size_t index);

bool strlist_has(const struct strlist *list, const char *text);
bool strlist_equal(const struct strlist *a, const struct strlist *b);

/* For lists of NAME=VALUE: the value of 'name', or NULL; and setting one "NAME=VALUE", which
 * replaces an earlier one of that name. */
const char *strlist_env_get(const struct strlist *env, const char *name);
int strlist_env_put(struct strlist *env, const char *assignment);

#endif
