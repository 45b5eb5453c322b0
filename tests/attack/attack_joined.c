/*
 * attack_joined.c - the attacks from inside, where the sandbox has joined namespaces of others
 *
 *     attack_joined CASE
 *
 * Every attack that must fail in a sandbox of its own must fail in one that is in somebody else's
 * namespaces: they are joined for what is in them, not for power over it.  Each case is played as
 * root and as an ordinary user, with the host's files to read and without.
 */
#include "attack/arena_cases.h"
#include "attack/arena_host.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_OPTIONS = 24 };

static bool among(const struct arena *arena, unsigned joined, bool by_descriptor,
                  const char *const *more)
{
    const char *words[MAX_OPTIONS] = {0};
    struct arena_host host;
    bool good;
    int n = 0;

    arena_host_start(&host, arena, joined, by_descriptor);
    for (const char *const *w = host.words; *w; w++)
        words[n++] = *w;
    for (; more && *more; more++)
        words[n++] = *more;
    /* Among the files of others the caller's directory is not seen unless all is bound. */
    good = arena_play_all(arena, words, joined & ARENA_HOST_MOUNTS ? BOUND : CLOSED);
    good &= waitpid(host.pid, NULL, WNOHANG) == 0; /* nobody has killed whose they are */
    arena_host_end(&host);
    return good;
}

#define BUT_MOUNTS ((unsigned)ARENA_HOST_ALL & ~(unsigned)ARENA_HOST_MOUNTS)

static bool by_path(const struct arena *arena)
{
    return among(arena, BUT_MOUNTS, false, NULL);
}

static bool by_descriptor(const struct arena *arena)
{
    return among(arena, BUT_MOUNTS, true, NULL);
}

static bool with_mounts(const struct arena *arena)
{
    return among(arena, ARENA_HOST_ALL, false, NULL);
}

/* One by one, beside namespaces of its own: as root without a user namespace to join. */
static bool one_by_one(const struct arena *arena)
{
    for (unsigned kind = 0; kind < ARENA_HOST_KINDS; kind++)
        CHECK(among(arena, 1u << kind | (arena->uid ? ARENA_HOST_USER : 0u), kind & 1, NULL));
    return true;
}

/* PIDs without own ones below: whose they are is seen, and nobody else. */
static bool shared_pids(const struct arena *arena)
{
    static const char *const more[] = {"--private-pids=no", NULL};

    return among(arena, BUT_MOUNTS, false, more);
}

/* The same with the one wall between them taken down: this must fail. */
static bool open_pids(const struct arena *arena)
{
    static const char *const more[] = {"--private-pids=no", "--restrict-signals=no", NULL};

    return among(arena, BUT_MOUNTS, false, more);
}

static bool strictly(const struct arena *arena)
{
    const char *const more[] = {"--profile=strict", "--exec-paths", arena->work, NULL};

    return among(arena, BUT_MOUNTS, true, more);
}

/* The network that others are in as well. */
static bool empty_network(const struct arena *arena)
{
    char socket[ARENA_PATH + 16], use[ARENA_PATH + 48];
    const char *const held[] = {arena->coop_run, "--hold-network", socket, NULL};
    const char *const words[] = {use, NULL};
    const struct visit holder = {.instead = held};
    pid_t pid;
    bool good;

    snprintf(socket, sizeof socket, "%s/network", arena->work);
    snprintf(use, sizeof use, "--empty-network-path=%s", socket);
    pid = arena_start(arena, &holder);
    for (int i = 0; i < 1000 && access(socket, F_OK) < 0; i++)
        (void)poll(NULL, 0, 10); /* nothing else announces it */
    good = arena_play_all(arena, words, CLOSED);
    kill(pid, SIGKILL);
    CHECK(arena_wait(pid, 10) == 128 + SIGKILL);
    return good;
}

static const struct arena_case cases[] = {
    {"path", by_path},          {"descriptor", by_descriptor},    {"mounts", with_mounts},
    {"one-by-one", one_by_one}, {"shared-pids", shared_pids},     {"open-pids", open_pids},
    {"strict", strictly},       {"empty-network", empty_network}, {NULL, NULL},
};

int main(int argc, char **argv)
{
    return arena_cases(argc, argv, cases);
}
