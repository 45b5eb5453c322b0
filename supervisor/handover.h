#ifndef COOP_HANDOVER_H
#define COOP_HANDOVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "coop/err.h"

/*
 * handover.h - what one program leaves for the next one in the same process
 *
 * A re-execution keeps the process, its children, and the descriptors that are named here.  All
 * else that the next program must know is one JSON object in a sealed memfd, written by the rooms
 * of coopd, each its own part:
 *
 *     {"format": 1, "version", "started", "reloads", "asks": [signal...], "journal": text,
 *      "locks": {...}, "machine": {...}, "services": {name: {...}}, "control": {...}}
 *
 * A descriptor stands in it as {"fd": number}: so all of them are found by walking the object, to
 * be kept over execve(2), and to be closed when the next program has no use for one.  Bytes stand
 * as hexadecimal text, for JSON has only characters.
 *
 *     handover_seal(root, &fd, err);          the old program
 *     handover_keep(root, true);              execve(2)
 *
 *     handover_open(fd, &root, err);          the new program
 *     lock = handover_take_fd(root, "lock");
 *     handover_close_rest(root);
 *
 * Threads   Pure but for the descriptors; from anywhere, one at a time for one object.
 * Errors    What is made may be NULL when there is no memory: jansson hands that on, and
 *           handover_seal() refuses it.
 * Limits    HANDOVER_MAX bytes.
 */
#define HANDOVER_FORMAT   1
#define HANDOVER_VARIABLE "COOP_HANDOVER" /* in the environment of the new program: the memfd */
#define HANDOVER_MAX      ((size_t)1 << 30)

/* {"fd": fd}, or JSON null when there is none (negative). */
json_t *handover_fd(int fd);
/* What stands at 'key', which is yours now; -1: nothing, or somebody has taken it. */
int handover_take_fd(const json_t *object, const char *key);
/* The same for what handover_fd() has made. */
int handover_claim(json_t *fd);

json_t *handover_bytes(const void *bytes, size_t size);
/* How many there are; no more than 'room' of them are stored.  Anything else counts as none. */
size_t handover_get_bytes(const json_t *value, void *ret_bytes, size_t room);

/* Text of any bytes, out of a string and back into one. */
json_t *handover_text(const char *text);
void handover_get_text(const json_t *object, const char *key, char *ret_text, size_t size);

long long handover_int(const json_t *object, const char *key, long long otherwise);
bool handover_bool(const json_t *object, const char *key);

/* A memfd of it that nobody can change. 0 or -1. */
int handover_seal(const json_t *root, int *ret_fd, struct coop_err *err);
/* Reads it back; it must be sealed and of our format.  Takes 'fd' over.  0 or -1. */
int handover_open(int fd, json_t **ret_root, struct coop_err *err);

/* Whether its descriptors live on through execve(2). 0 or -errno. */
int handover_keep(const json_t *root, bool keep);
/* Closes what nobody has taken. */
void handover_close_rest(json_t *root);

#endif
