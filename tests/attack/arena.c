/*
 * arena.c - see arena.h
 */
#include "attack/arena_caller.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NOBODY_ELSE 61998 /* owns what only that group may read */

void must(long result, const char *what)
{
    if (result >= 0)
        return;
    fprintf(stderr, "arena: %s: %s\n", what, strerrorname_np(errno));
    exit(2);
}

/* ---- furnishing ---- */

__attribute__((format(printf, 2, 3))) static void name(char *ret_path, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    must(vsnprintf(ret_path, ARENA_PATH, fmt, args), "name");
    va_end(args);
}

static void write_file(const char *path, const char *text, uid_t uid, gid_t gid, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    must(fd, path);
    must(write(fd, text, strlen(text)), path);
    must(fchown(fd, uid, gid), path);
    must(fchmod(fd, mode), path);
    close(fd);
}

void copy_program(const char *from, const char *to, mode_t mode)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    char bytes[65536];
    ssize_t got;

    must(in, from);
    must(out, to);
    while ((got = read(in, bytes, sizeof bytes)) > 0)
        must(write(out, bytes, (size_t)got), to);
    must(fchmod(out, mode), to);
    close(in);
    close(out);
}

/* cap_sys_admin=ep, in the layout of VFS_CAP_REVISION_2. */
static void give_capability(const char *path)
{
    const unsigned char caps[20] = {0x01, 0, 0, 0x02, 0, 0, 0x20, 0};

    must(setxattr(path, "security.capability", caps, sizeof caps, 0), "security.capability");
}

static void make_files(struct arena *arena)
{
    const char *mutant = secure_getenv("ARENA_COOP_RUN"); /* do the tests bite? */
    uid_t uid = arena->uid;

    strcpy(arena->dir, "/tmp/coop-attack-XXXXXX");
    must(mkdtemp(arena->dir) ? 0 : -1, "mkdtemp");
    must(chmod(arena->dir, 0755), "chmod");
    name(arena->home, "%s/home", arena->dir);
    name(arena->work, "%s/work", arena->dir);
    name(arena->secret, "%s/home/secret", arena->dir);
    name(arena->coop_run, "%s/coop-run", arena->dir);
    name(arena->attacker, "%s/work/attacker", arena->dir);
    name(arena->suid, "%s/work/suid", arena->dir);
    name(arena->fcaps, "%s/work/fcaps", arena->dir);
    name(arena->node, "%s/work/node", arena->dir);
    name(arena->group_file, "%s/work/group", arena->dir);
    must(mkdir(arena->home, 0700), "mkdir");
    must(mkdir(arena->work, 0755), "mkdir");
    must(chown(arena->home, uid, uid), "chown");
    must(chown(arena->work, uid, uid), "chown");
    write_file(arena->secret, "the secret\n", uid, uid, 0600);
    write_file(arena->group_file, "the group's\n", NOBODY_ELSE, ARENA_GROUP, 0640);
    copy_program(mutant ? mutant : COOP_RUN_PATH, arena->coop_run, 0755);
    copy_program(ATTACKER_PATH, arena->attacker, 0755);
    copy_program(ATTACKER_PATH, arena->suid, 04755);
    copy_program(ATTACKER_PATH, arena->fcaps, 0755);
    give_capability(arena->fcaps);
    must(mknod(arena->node, S_IFCHR | 0666, makedev(1, 3)), "mknod");
    must(chmod(arena->node, 0666), "chmod");
}

/* As an ssh agent's or a message bus's: by its name, and by nothing else. */
static void make_agent(struct arena *arena)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    name(arena->agent, "%s/agent", arena->dir);
    strcpy(un.sun_path, arena->agent);
    arena->agent_socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    must(arena->agent_socket, "socket");
    must(bind(arena->agent_socket, (struct sockaddr *)&un, sizeof un), arena->agent);
    must(chmod(arena->agent, 0666), arena->agent);
    must(listen(arena->agent_socket, 8), "listen");
}

/* Nanoseconds: the kernel sets it with each write, and nobody can set it back. */
static long change_time(const char *path)
{
    struct stat st;

    must(stat(path, &st), path);
    return st.st_ctim.tv_sec * 1000000000L + st.st_ctim.tv_nsec;
}

static void make_sockets(struct arena *arena)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    socklen_t length = sizeof in;

    arena->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    must(arena->listener, "socket");
    must(bind(arena->listener, (struct sockaddr *)&in, sizeof in), "bind");
    must(listen(arena->listener, 8), "listen");
    must(getsockname(arena->listener, (struct sockaddr *)&in, &length), "getsockname");
    arena->port = ntohs(in.sin_port);

    name(arena->name, "coop-attack-%d", (int)getpid());
    memcpy(un.sun_path + 1, arena->name, strlen(arena->name));
    arena->abstract = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    must(arena->abstract, "socket");
    must(bind(arena->abstract, (struct sockaddr *)&un,
              (socklen_t)(sizeof(sa_family_t) + 1 + strlen(arena->name))),
         "bind");
    must(listen(arena->abstract, 8), "listen");
}

static pid_t make_victim(uid_t uid)
{
    pid_t parent = getpid(), pid = fork();

    must(pid, "fork");
    if (pid > 0)
        return pid;
    must(setpgid(0, 0), "setpgid"); /* alone in its group: an attack on that hits nobody else */
    become_user(uid);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    for (;;)
        pause();
}

static void read_line(const char *path, char *ret_text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, ret_text, size - 1);

    ret_text[got > 0 ? got : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

void arena_open(struct arena *arena, uid_t uid)
{
    memset(arena, 0, sizeof *arena);
    arena->uid = uid;
    make_files(arena);
    make_sockets(arena);
    make_agent(arena);
    arena->changed = change_time(arena->coop_run);
    arena->victim = make_victim(uid);
    arena->shmkey = 0x63000000 | (int)(getpid() & 0xffffff);
    arena->shm = shmget(arena->shmkey, 4096, IPC_CREAT | 0666);
    must(arena->shm, "shmget");
    read_line("/proc/sys/kernel/core_pattern", arena->core_pattern, sizeof arena->core_pattern);
    must(gethostname(arena->hostname, sizeof arena->hostname - 1), "gethostname");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void arena_close(struct arena *arena)
{
    arena_end_left(arena);
    kill(arena->victim, SIGKILL);
    waitpid(arena->victim, NULL, 0);
    shmctl(arena->shm, IPC_RMID, NULL);
    close(arena->listener);
    close(arena->abstract);
    close(arena->agent_socket);
    (void)nftw(arena->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- afterwards ---- */

int arena_wait(pid_t pid, int seconds)
{
    struct pollfd wait = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    int status = 0, ready = poll(&wait, 1, seconds * 1000);

    if (ready != 1) {
        fprintf(stderr, "still running after %d s: killed\n", seconds);
        kill(pid, SIGKILL);
    }
    waitpid(pid, &status, 0);
    close(wait.fd);
    if (ready != 1)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int arena_run(const struct arena *arena, const struct visit *visit)
{
    return arena_wait(arena_start(arena, visit), 30);
}

static bool unharmed(bool holds, const char *what)
{
    if (!holds)
        fprintf(stderr, "HARM: %s\n", what);
    return holds;
}

static bool nobody_came(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0)
        close(fd);
    return fd < 0;
}

bool arena_check(const struct arena *arena)
{
    char text[256];
    bool good;

    good = unharmed(waitpid(arena->victim, NULL, WNOHANG) == 0, "the victim has died");
    read_line("/proc/sys/kernel/core_pattern", text, sizeof text);
    good &= unharmed(strcmp(text, arena->core_pattern) == 0, "core_pattern has changed");
    memset(text, 0, sizeof text);
    gethostname(text, sizeof text - 1);
    good &= unharmed(strcmp(text, arena->hostname) == 0, "the host name has changed");
    good &= unharmed(access("/usr/coop-attack", F_OK) < 0, "/usr was written");
    good &= unharmed(access("/etc/coop-attack", F_OK) < 0, "/etc was written");
    good &= unharmed(access("/tmp/coop-link", F_OK) < 0, "/tmp was written");
    read_line(arena->secret, text, sizeof text);
    good &= unharmed(strcmp(text, "the secret\n") == 0, "the secret has changed");
    good &= unharmed(nobody_came(arena->listener), "the listener was reached");
    good &= unharmed(nobody_came(arena->abstract), "the abstract socket was reached");
    good &= unharmed(nobody_came(arena->agent_socket), "the daemon's socket was reached");
    good &= unharmed(change_time(arena->coop_run) == arena->changed,
                     "the launcher's program was written to");
    return good;
}

/* By the program or folder: names can be changed, these only by losing them. */
static bool belongs(const struct arena *arena, const char *pid)
{
    char path[64], target[PATH_MAX];
    const char *const links[] = {"exe", "cwd"};

    for (size_t i = 0; i < 2; i++) {
        ssize_t length;

        snprintf(path, sizeof path, "/proc/%.16s/%s", pid, links[i]);
        length = readlink(path, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
        if (strncmp(target, arena->work, strlen(arena->work)) == 0)
            return true;
    }
    return false;
}

/* Calls 'act', if there is any, with each one's directory in /proc; how many there are. */
static int each_process(const struct arena *arena, void (*act)(const char *pid))
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    int count = 0;

    while (proc && (entry = readdir(proc))) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9' || !belongs(arena, entry->d_name))
            continue;
        count++;
        if (act)
            act(entry->d_name);
    }
    if (proc)
        closedir(proc);
    return count;
}

int arena_processes(const struct arena *arena)
{
    return each_process(arena, NULL);
}

static void end_one(const char *text)
{
    pid_t pid = (pid_t)strtol(text, NULL, 10);

    if (pid > 1 && pid != getpid()) /* 0 and -1 would mean "all of us" and "everybody" */
        kill(pid, SIGKILL);
}

void arena_end_left(const struct arena *arena)
{
    for (int i = 0; i < 500 && each_process(arena, end_one) > 0; i++)
        (void)poll(NULL, 0, 10); /* nothing announces the end of a process that is not ours */
}

bool arena_empties(const struct arena *arena, int seconds)
{
    /* Nothing announces the end of a process that is not ours: look again, for a while. */
    for (int i = 0; i < seconds * 100; i++) {
        if (arena_processes(arena) == 0)
            return true;
        (void)poll(NULL, 0, 10);
    }
    return false;
}

uid_t arena_user(void)
{
    return 61000 + (uid_t)(getpid() % 900);
}
