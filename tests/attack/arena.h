#ifndef ATTACK_ARENA_H
#define ATTACK_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * arena.h - the outside of a sandbox under attack: what is to be protected, and who attacks
 *
 * A folder below /tmp with a home (and a secret in it), a working directory with hostile files, a
 * victim process, a listener, shared memory; then coop-run is started from a state as dirty as a
 * caller's can be: open descriptors to the host, ignored and blocked signals, umask 0, an alarm,
 * secrets in the environment.
 *
 *     struct arena arena;
 *     arena_open(&arena, uid);                      0: as root
 *     struct visit visit = {.mode = BOUND, .attack = "read-shadow"};
 *     int code = arena_run(&arena, &visit);         the attacker's exit code
 *     arena_check(&arena)                           whether the outside is unharmed
 *     arena_close(&arena);
 *
 * Limits    Linux, root (to be both root and an ordinary user that nobody else is).
 */

#define ARENA_PATH 128

struct arena {
    uid_t uid; /* who calls coop-run */
    char dir[ARENA_PATH], home[ARENA_PATH], work[ARENA_PATH], secret[ARENA_PATH];
    char attacker[ARENA_PATH], suid[ARENA_PATH], fcaps[ARENA_PATH], node[ARENA_PATH];
    char coop_run[ARENA_PATH]; /* a copy: the tree may lie where the ordinary user cannot go */
    char group_file[ARENA_PATH];
    char core_pattern[256], hostname[128];
    pid_t victim;
    int port, listener;
    int abstract; /* listening abstract socket, its name is 'name' */
    char name[64];
    int shm, shmkey;
    char agent[ARENA_PATH]; /* a daemon's socket in the file system: everybody may connect */
    int agent_socket;
    long changed; /* when the launcher's program was written to last */
};

enum mode {
    CLOSED, /* no option at all                       */
    BOUND,  /* --ro-bind / /: the whole host to read  */
    MODES
};

struct visit {
    enum mode mode;
    const char *attack;
    const char *const *options; /* more of coop-run's, NULL-terminated, or NULL    */
    const char *const *command; /* instead of the attacker, NULL-terminated, or NULL */
    const char *const *instead; /* of coop-run with all that: NULL-terminated, or NULL */
    int tty;                    /* becomes 0-2 and the controlling terminal, or 0 */
    int in;                     /* becomes 0, or 0: the null device                */
    int out;                    /* becomes 1, or 0                                 */
    bool closed;                /* 0-2 are closed, whatever stands above          */
    int cwd;                    /* where coop-run starts, or 0: arena.work          */
};

void arena_open(struct arena *arena, uid_t uid);
void arena_close(struct arena *arena);

/* Starts coop-run; its PID. It dies with us. */
pid_t arena_start(const struct arena *arena, const struct visit *visit);

/* Waits at most 'seconds', then kills: -1. Exit code, or 128 + signal. */
int arena_wait(pid_t pid, int seconds);

/* Both. */
int arena_run(const struct arena *arena, const struct visit *visit);

/* Whether nothing outside has been harmed; says on stderr what has. */
bool arena_check(const struct arena *arena);

/* How many processes have this arena's working directory, or run its attacker. */
int arena_processes(const struct arena *arena);

/* Waits until there are none; false after 'seconds'. */
bool arena_empties(const struct arena *arena, int seconds);

/* Kills those that there still are, and waits until they are gone: what a sandbox that failed its
 * test leaves. arena_close() does the same. */
void arena_end_left(const struct arena *arena);

/* An unused uid for this test run. */
uid_t arena_user(void);

#endif
