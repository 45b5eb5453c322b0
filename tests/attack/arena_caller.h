#ifndef ATTACK_ARENA_CALLER_H
#define ATTACK_ARENA_CALLER_H

#include "attack/arena.h"

/*
 * arena_caller.h - what the arena's two files share
 */

#define ARENA_GROUP 61999 /* a supplementary group of the caller, with a file of its own */

/* Ends the program, with errno's name, when 'result' is negative. */
void must(long result, const char *what);

/* A program of ours where everybody may execute it. */
void copy_program(const char *from, const char *to, mode_t mode);

/* What an attacker is told: "key=value" words, NULL-terminated; good until the next call. */
char *const *arena_facts(const struct arena *arena, bool sees_host);

/* Becomes an ordinary user (0: stays root), in ARENA_GROUP. */
void become_user(uid_t uid);

#endif
