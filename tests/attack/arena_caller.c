/*
 * arena_caller.c - who starts coop-run, from a state as dirty as a caller's can be (see arena.h)
 */
#include "attack/arena_caller.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_ARGS 64

void become_user(uid_t uid)
{
    const gid_t group = ARENA_GROUP;

    must(setgroups(1, &group), "setgroups");
    if (!uid)
        return;
    must(setresgid(uid, uid, uid), "setresgid");
    must(setresuid(uid, uid, uid), "setresuid");
}

static void get_dirty(const struct arena *arena)
{
    sigset_t blocked;
    int fd;

    fd = open("/", O_RDONLY); /* not close-on-exec: it leaks, which is the point */
    dup2(fd, 37);
    fd = open(arena->home, O_RDONLY);
    dup2(fd, 500);
    fd = open(arena->secret, O_RDWR);
    dup2(fd, 9);
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    umask(0);
    personality(ADDR_NO_RANDOMIZE);
    alarm(1000);
    setenv("HOME", arena->home, 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    setenv("GITHUB_TOKEN", "secret", 1);
    setenv("DB_PASSWORD", "secret", 1);
    setenv("SSH_AUTH_SOCK", arena->agent, 1);
    setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/tmp/bus", 1);
    setenv("DISPLAY", ":0", 1);
    setenv("WAYLAND_DISPLAY", "wayland-0", 1);
    setenv("XDG_RUNTIME_DIR", "/run/user/0", 1);
    setenv("DOCKER_HOST", "unix:///run/docker.sock", 1);
    unsetenv("COOP_INIT");
}

#define FACTS_MOST 24

struct facts {
    char text[FACTS_MOST][ARENA_PATH + 32];
    int count;
};

__attribute__((format(printf, 2, 3))) static void add_fact(struct facts *facts, const char *fmt,
                                                           ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(facts->text[facts->count++], sizeof facts->text[0], fmt, args);
    va_end(args);
}

static void add_namespace(struct facts *facts, const char *key, const char *path)
{
    char here[64] = "";

    must(readlink(path, here, sizeof here - 1), path);
    add_fact(facts, "%s=%s", key, here);
}

static void tell(const struct arena *arena, bool sees_host, struct facts *facts)
{
    add_namespace(facts, "host_pid", "/proc/self/ns/pid");
    add_namespace(facts, "host_mnt", "/proc/self/ns/mnt");
    add_fact(facts, "victim=%d", (int)arena->victim);
    add_fact(facts, "launcher=%d", (int)getpid());
    add_fact(facts, "secret=%s", arena->secret);
    add_fact(facts, "home=%s", arena->home);
    add_fact(facts, "suid=%s", arena->suid);
    add_fact(facts, "fcaps=%s", arena->fcaps);
    add_fact(facts, "node=%s", arena->node);
    add_fact(facts, "port=%d", arena->port);
    add_fact(facts, "socket=%s", arena->name);
    add_fact(facts, "agent=%s", arena->agent);
    add_fact(facts, "shm=%d", arena->shm);
    add_fact(facts, "shmkey=%d", arena->shmkey);
    add_fact(facts, "bound=400");
    add_fact(facts, "limit=100");
    if (!arena->uid)
        add_fact(facts, "group_file=%s", arena->group_file);
    if (sees_host) {
        add_fact(facts, "sees_home=1");
        add_fact(facts, "tmp_read_only=1");
        if (!arena->uid)
            add_fact(facts, "sees_shadow=1");
    }
    if (getenv("COOP_ATTACK_VERBOSE"))
        add_fact(facts, "verbose=1");
}

char *const *arena_facts(const struct arena *arena, bool sees_host)
{
    static struct facts facts;
    static char *words[FACTS_MOST + 1];

    facts.count = 0;
    tell(arena, sees_host, &facts);
    for (int i = 0; i <= facts.count; i++)
        words[i] = i < facts.count ? facts.text[i] : NULL;
    return words;
}

_Noreturn static void become_coop_run(const struct arena *arena, const struct visit *visit)
{
    const char *argv[MAX_ARGS] = {arena->coop_run};
    int n = 1;

    if (visit->instead) {
        execv(visit->instead[0], (char *const *)(const void *)visit->instead);
        must(-1, visit->instead[0]);
    }
    for (const char *const *o = visit->options; o && *o; o++)
        argv[n++] = *o;
    if (visit->mode == BOUND) {
        argv[n++] = "--ro-bind";
        argv[n++] = "/";
        argv[n++] = "/";
    }
    argv[n++] = "--";
    if (visit->command) {
        for (const char *const *c = visit->command; *c; c++)
            argv[n++] = *c;
    } else {
        argv[n++] = arena->attacker;
        argv[n++] = visit->attack;
        for (char *const *f = arena_facts(arena, visit->mode == BOUND); *f; f++)
            argv[n++] = *f;
    }
    execv(arena->coop_run, (char *const *)(void *)argv);
    must(-1, arena->coop_run);
    abort();
}

static void take_terminal(int tty)
{
    setsid();
    must(ioctl(tty, TIOCSCTTY, 0), "TIOCSCTTY");
    for (int fd = 0; fd < 3; fd++)
        must(dup2(tty, fd), "dup2");
}

pid_t arena_start(const struct arena *arena, const struct visit *visit)
{
    pid_t parent = getpid(), pid = fork();
    int null;

    must(pid, "fork");
    if (pid > 0)
        return pid;
    must(visit->cwd ? fchdir(visit->cwd) : chdir(arena->work), arena->work);
    null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null, 0);
    if (visit->tty)
        take_terminal(visit->tty);
    if (visit->in)
        dup2(visit->in, 0);
    if (visit->out)
        dup2(visit->out, 1);
    become_user(arena->uid);
    prctl(PR_SET_DUMPABLE, 1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(99);
    get_dirty(arena);
    for (int fd = 0; fd < 3 && visit->closed; fd++)
        close(fd);
    become_coop_run(arena, visit);
}
