/*
 * clerk.c - why there is a clerk, and its life (contract in clerk.h)
 *
 * THE NOUNS
 *   a frozen name  one of FrozenPaths= that is missing: it shall not appear
 *   the clerk      a process outside the sandbox's PIDs, with the sandbox's view of the files
 *   the desk       what it needs to answer; an ask is one call that waits for it
 *
 * THE TENSION
 *   Who writes code needs to make files, directories, links and sockets of nearly every name in a
 *   directory of the host.  A few names there must not appear, because something outside obeys
 *   them; and no wall of the kernel knows names that are missing.
 *
 * WHAT WE DID NOT DO
 *   A mount over the name      needs the name: it would be made in the host's files, and stay there
 *                              if we are killed.
 *   Landlock alone             grants the making of names below a directory, whatever their names.
 *   An overlay                 what the program writes would not be in the host's directory.
 *   FUSE                       a file system of our own for all reading and writing, to judge a
 *                              call in a hundred.
 *   A filter that looks at     the other thread changes the path after we have looked, and the
 *   names and lets go on       kernel reads it again.
 *   Undoing                    is what is done where no clerk can be had (run_frozen.h): the name
 *                              is there for a moment.
 *
 * WHAT WE DO
 *   Two walls that need each other.  Landlock takes from the program the right to make any name in
 *   the directory (and in what is above it, as far as that is writable).  A filter sends the calls
 *   that make names to the clerk, which is under no such rule: it reads the path once, finds the
 *   directory, asks the kernel where that is, judges the name and makes it itself, in what it has
 *   found, with the program's ids and umask.  What it does not want to do, or does not understand,
 *   it leaves to the kernel (SECCOMP_USER_NOTIF_FLAG_CONTINUE): that is safe, because there is
 *   Landlock.  So opening what exists (terminals, pipes, devices) is the program's own opening.
 *
 * NEW REPOSITORIES
 *   git has to write hooks and a configuration when it makes a repository, and nothing in them
 *   tells git's work from somebody else's.  So names for every directory are free where no
 *   directory was when the run began (were.h), by their path: who moves a directory away and makes
 *   another there has made no new one.  A directory that is moved to where one was is looked
 *   through for them, and no link comes there.  Below a repository that was there none is new, and
 *   where a directory was none is made, not even one without hooks: the index of one above could
 *   name a new one as its part, and git runs in its parts by itself, as they say.
 *
 * THE ONE RACE
 *   A directory could be moved between judging and making.  But moving it is a call that waits for
 *   us, and we do one after the other.  Two sandboxes in one directory have two clerks, though:
 *   one can move a directory to .git while the other makes hooks in it.  A lock between them could
 *   be taken by the programs as well, and then nobody could make anything.
 *
 * THE NEW FILE
 *   is opened by us and given to the caller, and for a moment both of us have it.  Where nothing
 *   but its death interrupts who waits for us (Linux 5.19), it is given, then closed, then the
 *   caller goes on.  Before that both have to be one call, and a program that is written, closed
 *   and run at once may be "busy".
 *
 * ALWAYS TRUE
 *   I1  A frozen name is refused by Landlock even if the clerk is dead or not asked.  The names
 *       that file systems make by ioctl(2) (subvolumes) Landlock does not see: the filter refuses
 *       those ioctls that we know.
 *   I2  The clerk makes a name only in a directory that it has open and has judged, never by a path
 *       that the caller can change, and only in a mount that the sandbox had at the start.
 *   I3  It has no capability but CAP_SYS_PTRACE in the sandbox's user namespace, and the program's
 *       ids: it can make what the program could, were it not for Landlock.
 *   I4  It is not in the sandbox's PID namespace: nobody inside can see, signal or trace it.
 *   I5  When it is gone the calls fail (ENOSYS).
 */
#include "launcher/clerk/clerk.h"

#include "base/scope.h"
#include "launcher/clerk/desk.h"
#include "launcher/init.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- hearing the child ---- */

struct heard {
    char word;
    int fd;    /* or -1 */
    bool same; /* it has our ids */
};

/* One message. 0, or -1: it has ended. */
static int hear(int socket, struct heard *ret_heard)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = &ret_heard->word, .iov_len = 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    ssize_t got;

    *ret_heard = (struct heard){.fd = -1};
    do
        got = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c && got > 0; c = CMSG_NXTHDR(&msg, c)) {
        struct ucred who;

        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
            memcpy(&ret_heard->fd, CMSG_DATA(c), sizeof ret_heard->fd);
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&who, CMSG_DATA(c), sizeof who);
            ret_heard->same = who.uid == geteuid() && who.gid == getegid();
        }
    }
    return got == 1 ? 0 : -1;
}

/* ---- entering ---- */

/* All power but to look into processes; what setns(2) has given included. */
static int give_up_power(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2] = {
        {.effective = 1u << CAP_SYS_PTRACE, .permitted = 1u << CAP_SYS_PTRACE}};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_capset, &head, sets) < 0)
        return -errno;
    return 0;
}

/* The user namespace first, which gives the power for the other; not if it is ours. */
static int enter(int namespace)
{
    SCOPED_FD users = ioctl(namespace, NS_GET_USERNS);
    struct stat theirs, ours;

    if (users < 0 || fstat(users, &theirs) < 0 || stat("/proc/self/ns/user", &ours) < 0)
        return -errno;
    if ((theirs.st_ino != ours.st_ino && setns(users, CLONE_NEWUSER) < 0) ||
        setns(namespace, CLONE_NEWNS) < 0)
        return -errno;
    return give_up_power();
}

/* ---- answering ---- */

union notice {
    struct seccomp_notif notif;
    char room[512]; /* of newer kernels' */
};

union reply {
    struct seccomp_notif_resp resp;
    char room[512];
};

static void answer(struct desk *desk, const struct seccomp_notif *notif)
{
    const struct ask ask = {.id = notif->id, .pid = (pid_t)notif->pid, .data = &notif->data};
    union reply reply = {.resp = {.id = notif->id}};
    long r = ask.pid > 0 ? make_name(desk, &ask) : CLERK_PASS;

    if (r == CLERK_ANSWERED)
        return;
    if (r == CLERK_PASS)
        reply.resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    else if (r < 0)
        reply.resp.error = (int32_t)r;
    else
        reply.resp.val = r;
    (void)ioctl(desk->listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
}

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS      SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1ul << 0)
#endif

/* Whether somebody is left who could ask. */
static bool is_needed(const struct desk *desk)
{
    struct pollfd news = {.fd = desk->listener};

    return poll(&news, 1, 0) >= 0 && !(news.revents & (POLLHUP | POLLERR));
}

static void serve(struct desk *desk)
{
    /* Caller and clerk take turns: on one processor they do it fastest (Linux 6.6). */
    (void)ioctl(desk->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
                SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
    for (;;) {
        union notice notice = {0};

        if (ioctl(desk->listener, SECCOMP_IOCTL_NOTIF_RECV, &notice) == 0)
            answer(desk, &notice.notif);
        else if ((errno != ENOENT && errno != EINTR) || !is_needed(desk))
            return;
    }
}

static bool knows_this_kernel(void)
{
    struct seccomp_notif_sizes sizes;

    return syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) == 0 &&
           sizes.seccomp_notif <= sizeof(union notice) &&
           sizes.seccomp_notif_resp <= sizeof(union reply);
}

/* ---- its life ---- */

static int take_desk(struct desk *desk, const struct heard *heard, int namespace)
{
    int r;

    if (!heard->same)
        return -EPERM; /* what we make would belong to somebody else */
    if (!knows_this_kernel())
        return -EOPNOTSUPP;
    r = enter(namespace);
    if (r < 0)
        return r;
    desk->frozen = open(desk->order->frozen_at, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (desk->frozen < 0)
        return -errno;
    return place_follow(desk) < 0 ? -ENAMETOOLONG : place_read_mounts(desk);
}

/* Who is gone cannot be told. */
static void be_clerk(int socket, struct desk *desk, pid_t parent)
{
    struct heard heard;
    int namespace, r;

    if (hear(socket, &heard) < 0 || heard.word != CLERK_NAMESPACE)
        return;
    namespace = heard.fd;
    if (hear(socket, &heard) < 0 || heard.word != CLERK_ENTER)
        return;
    r = take_desk(desk, &heard, namespace);
    (void)close(namespace);
    /* Whoever changes its credentials has to say this again. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_DUMPABLE, 0);
    if (getppid() != parent || write(socket, &r, sizeof r) != (ssize_t)sizeof r || r < 0 ||
        hear(socket, &heard) < 0 ||
        (heard.word != CLERK_LISTENER && heard.word != CLERK_PATIENT))
        return;
    (void)close(socket);
    desk->listener = heard.fd;
    desk->patient = heard.word == CLERK_PATIENT;
    serve(desk);
}

_Noreturn static void live(int socket, const struct clerk_order *order, struct clerk_told *told,
                           pid_t parent)
{
    struct desk desk = {.order = order,
                        .told = told,
                        .listener = -1,
                        .frozen = -1,
                        .proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    const int keep[] = {socket, desk.proc};

    (void)prctl(PR_SET_NAME, "coop-clerk");
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setsid(); /* what a terminal sends is not for us */
    init_let_go(keep, COOP_COUNT(keep));
    desk.umask = order->umask >= 0 ? (mode_t)order->umask : umask(0);
    (void)umask(desk.umask);
    if (desk.proc >= 0)
        be_clerk(socket, &desk, parent);
    _exit(0);
}

/* ---- the public calls ---- */

int clerk_start(struct clerk *clerk, const struct clerk_order *order, struct coop_err *err)
{
    const pid_t parent = getpid();
    const int on = 1;
    int pair[2];

    *clerk = (struct clerk)CLERK_NONE;
    clerk->told = mmap(NULL, sizeof *clerk->told, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (clerk->told == MAP_FAILED) {
        clerk->told = NULL;
        return coop_fail_sys(err, errno, "the clerk's memory");
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return coop_fail_sys(err, errno, "the clerk's socket");
    (void)setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
    clerk->pid = fork();
    if (clerk->pid == 0)
        live(pair[0], order, clerk->told, parent);
    (void)close(pair[0]);
    clerk->childs = pair[1];
    return clerk->pid < 0 ? coop_fail_sys(err, errno, "the clerk: fork") : 0;
}

void clerk_let_go(struct clerk *clerk)
{
    fd_closep(&clerk->childs);
    clerk->childs = -1;
}

void clerk_stop(struct clerk *clerk)
{
    clerk_let_go(clerk);
    if (clerk->pid <= 0)
        return;
    (void)kill(clerk->pid, SIGKILL);
    while (waitpid(clerk->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    clerk->pid = 0;
}

void clerk_done(struct clerk *clerk)
{
    clerk_stop(clerk);
    if (clerk->told)
        (void)munmap(clerk->told, sizeof *clerk->told);
    clerk->told = NULL;
}
