/*
 * attacker.c - runs one attack by name, inside the sandbox (see attacker.h)
 *
 *     attacker NAME [key=value...]
 */
#include "attack/attacker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char **facts;
static int doors, open_doors;

/* ---- what attacks use ---- */

const char *fact(const char *key)
{
    size_t length = strlen(key);

    for (char **f = facts; *f; f++)
        if (strncmp(*f, key, length) == 0 && (*f)[length] == '=')
            return *f + length + 1;
    return NULL;
}

long fact_number(const char *key)
{
    const char *text = fact(key);

    return text ? strtol(text, NULL, 10) : -1;
}

void door(int open, const char *fmt, ...)
{
    char what[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    doors++;
    open_doors += open != 0;
    if (open)
        dprintf(STDERR_FILENO, "OPEN: %s\n", what);
    else if (fact("verbose"))
        dprintf(STDERR_FILENO, "shut: %s\n", what);
}

void shut(long result, const char *what, ...)
{
    int why = errno, wanted, any = 0, fits = 0;
    va_list args;

    va_start(args, what);
    while ((wanted = va_arg(args, int)) != 0) {
        any = 1;
        fits = fits || why == wanted;
    }
    va_end(args);
    if (result != -1)
        door(1, "%s: succeeded (%ld)", what, result);
    else
        door(any && !fits, "%s: %s", what, strerrorname_np(why));
}

void filtered(long result, const char *what)
{
    shut(result, what, EPERM, ENOSYS, 0);
}

int refuse_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0600);

    door(fd >= 0, "open '%s' for %s: %s", path,
         (flags & O_ACCMODE) == O_RDONLY ? "reading" : "writing",
         fd >= 0 ? "got it" : strerrorname_np(errno));
    return fd;
}

void cannot(const char *why)
{
    dprintf(STDERR_FILENO, "cannot be tried: %s\n", why);
    exit(77);
}

/* ---- staying harmless ---- */

/* Several attacks would be real ones outside: kill(-1) as root ends every process of the machine.
 * So none starts unless the runner has told which namespaces are the host's, and we are in
 * others.  This holds for a broken sandbox, too: it fails the test and harms nobody. */
static int is_outside(const char *key, const char *path)
{
    char here[64] = "";
    const char *host = fact(key);

    return !host || readlink(path, here, sizeof here - 1) <= 0 || strcmp(host, here) == 0;
}

pid_t target(const char *key)
{
    long pid = fact_number(key);

    if (pid <= 1) { /* 0 and -1 mean "all of us" and "everybody" to kill(2) */
        dprintf(STDERR_FILENO, "no target '%s'\n", key);
        exit(2);
    }
    return (pid_t)pid;
}

/* ---- main ---- */

static const struct attack *find(const char *name)
{
    const struct attack *const tables[] = {
        attacks_on_files,   attacks_on_processes, attacks_on_kernel,
        attacks_on_abis,    attacks_on_walls,     attacks_by_traces,
        attacks_by_filling, attacks_of_services,  attacks_on_promises};

    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct attack *a = tables[t]; a->name; a++)
            if (strcmp(a->name, name) == 0)
                return a;
    return NULL;
}

int main(int argc, char **argv)
{
    const struct attack *attack = argc > 1 ? find(argv[1]) : NULL;

    if (!attack) {
        dprintf(STDERR_FILENO, "usage: attacker NAME [key=value...]\n");
        return 2;
    }
    facts = argv + 2;
    if (is_outside("host_pid", "/proc/self/ns/pid") ||
        is_outside("host_mnt", "/proc/self/ns/mnt")) {
        dprintf(STDERR_FILENO, "attacker: not in a sandbox of its own: nothing is tried\n");
        return 2;
    }
    attack->run();
    if (doors == 0)
        dprintf(STDERR_FILENO, "%s: tried nothing\n", attack->name);
    return doors == 0 || open_doors > 0;
}
