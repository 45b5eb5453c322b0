/*
 * run_status.c - bubblewrap's two descriptors for programs that watch (contract in run_status.h)
 */
#include "launcher/run_status.h"

#include "base/buf.h"
#include "base/scope.h"
#include "launcher/pass.h"

#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define STATUS_MAX ((size_t)4096) /* so much a pipe takes at once when it takes anything */

static bool is_unix_socket(int fd)
{
    int domain = 0;
    socklen_t size = sizeof domain;

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

/* 'pidfd' -1: text only. */
static void tell(int fd, const struct buf *text, int pidfd)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};

    if (text->error || poll(&ready, 1, 0) != 1)
        return;
    if (pidfd >= 0 && is_unix_socket(fd))
        (void)pass_send(fd, text->data, text->len, &pidfd, 1, MSG_DONTWAIT);
    else
        (void)!write(fd, text->data, text->len);
}

static void render(struct buf *out, pid_t child, uint32_t clone_flags,
                   const struct launch_facts *facts, const char *begin, const char *between,
                   const char *end)
{
    static const struct {
        const char *name;
        uint32_t flag;
        enum launch_namespace which;
    } told[] = {
        {"cgroup", CLONE_NEWCGROUP, LAUNCH_NS_CGROUP}, {"ipc", CLONE_NEWIPC, LAUNCH_NS_IPC},
        {"mnt", CLONE_NEWNS, LAUNCH_NS_MNT},           {"net", CLONE_NEWNET, LAUNCH_NS_NET},
        {"pid", CLONE_NEWPID, LAUNCH_NS_PID},          {"uts", CLONE_NEWUTS, LAUNCH_NS_UTS},
    };

    buf_addf(out, "{%s\"child-pid\": %d", begin, (int)child);
    for (size_t i = 0; i < COOP_COUNT(told); i++)
        if (clone_flags & told[i].flag)
            buf_addf(out, ",%s\"%s-namespace\": %" PRIu64, between, told[i].name,
                     facts->namespaces[told[i].which]);
    buf_addf(out, "%s}\n", end);
}

void run_status_started(int info_fd, int status_fd, const struct launch_child *child,
                        uint32_t clone_flags, const struct launch_facts *facts)
{
    struct buf text = BUF_INIT(STATUS_MAX);

    render(&text, child->pid, clone_flags, facts, "\n    ", "\n    ", "\n");
    if (info_fd >= 0)
        tell(info_fd, &text, child->pidfd);
    if (info_fd > STDERR_FILENO)
        (void)close(info_fd);
    buf_clear(&text);
    render(&text, child->pid, clone_flags, facts, " ", " ", " ");
    if (status_fd >= 0)
        tell(status_fd, &text, child->pidfd);
    buf_done(&text);
}

void run_status_ended(int status_fd, int exit_code)
{
    struct buf text = BUF_INIT(STATUS_MAX);

    buf_addf(&text, "{ \"exit-code\": %d }\n", exit_code);
    if (status_fd >= 0)
        tell(status_fd, &text, -1);
    buf_done(&text);
}
