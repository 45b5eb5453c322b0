#ifndef TESTS_SUPPORT_PLACES_H
#define TESTS_SUPPORT_PLACES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * places.h - temporary directories, descriptor leaks, and reasons to skip
 */

#define TEMP_DIR_TEXT 64

/* Makes an empty directory, mode 0700, and returns its name. Aborts when it cannot. */
const char *temp_dir_make(char ret_dir[TEMP_DIR_TEXT]);

/* Removes a directory of temp_dir_make() with everything in it; never follows a link. */
void temp_dir_remove(const char *dir);

/* Writes a whole file. Aborts when it cannot. */
void temp_file_write(const char *path, const char *text);

/* Reads a whole file into 'ret_text', cut at 'size' - 1; false when there is none. */
bool temp_file_read(const char *path, char *ret_text, size_t size);

/* How many descriptors are open. */
size_t fds_count(void);

/* The same with what each is, to print when a count is off: "3 -> pipe:[123]\n...". */
size_t fds_list(char *ret_text, size_t size);

/* Why this cannot be tested here, as one line for the list of skips; NULL when it can. */
const char *lacks_root(void);
const char *lacks_user_namespaces(void);

#endif
