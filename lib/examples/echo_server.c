/*
 * echo_server.c - a coroutine per connection
 *
 * Plain sequential code: accept, then read and write until the client leaves.  What waits is a
 * coroutine, not a thread.
 *
 *     echo_server PORT      serves on 127.0.0.1 until Ctrl-C
 *     echo_server           a port of the kernel's choice, and a hundred clients of its own
 */
#include <coop/coop.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { CLIENTS = 100, LINES = 10 };

static struct sockaddr_in address = {.sin_family = AF_INET};

static coop_nsec in_ten_seconds(void)
{
    return coop_after(coop_now(), 10 * COOP_NSEC_PER_SEC);
}

static int tcp_socket(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* ---- the server ---- */

static int echo(void *arg)
{
    int fd = *(int *)arg; /* our own copy: coop_attr.copy */
    char buf[4096];
    ssize_t n;

    while ((n = coop_read(fd, buf, sizeof buf, COOP_FOREVER)) > 0)
        if (coop_write_full(fd, buf, (size_t)n, NULL, in_ten_seconds()) < 0)
            break;
    coop_fd_close(fd);
    return 0; /* a client that goes away is no failure of the others */
}

static int serve(void *arg)
{
    int listener = *(int *)arg, fd;
    struct coop_attr attr = {.name = "connection", .copy = sizeof fd};

    while ((fd = coop_accept(listener, NULL, NULL, COOP_FOREVER)) >= 0)
        if (coop_go_with(NULL, &attr, echo, &fd) < 0)
            coop_fd_close(fd);
    return 0;
}

static int open_listener(int port)
{
    socklen_t len = sizeof address;
    int fd = tcp_socket(), yes = 1;

    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 512) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        perror("echo_server");
        return -1;
    }
    return fd;
}

/* ---- its own clients ---- */

static int client(void *arg)
{
    char line[] = "is there anybody?\n", back[sizeof line];
    int fd = tcp_socket(), r;
    long *echoed = arg;

    r = coop_connect(fd, (struct sockaddr *)&address, sizeof address, in_ten_seconds());
    for (int i = 0; i < LINES && r == 0; i++) {
        if (coop_write_full(fd, line, sizeof line, NULL, in_ten_seconds()) < 0 ||
            coop_read_full(fd, back, sizeof back, NULL, in_ten_seconds()) != sizeof back ||
            memcmp(line, back, sizeof line) != 0)
            r = -1;
        else
            __atomic_fetch_add(echoed, 1, __ATOMIC_RELAXED);
    }
    if (fd >= 0)
        coop_fd_close(fd);
    return r;
}

static int run_clients(void)
{
    struct coop_scope clients;
    long echoed = 0;
    int r;

    coop_scope_init(&clients, "clients", COOP_FOREVER);
    for (int i = 0; i < CLIENTS; i++)
        coop_go(&clients, client, &echoed);
    r = coop_scope_wait(&clients);
    printf("%d clients, %ld lines echoed\n", CLIENTS, echoed);
    return r;
}

static int wait_for_interrupt(void)
{
    struct coop_chan *stop = coop_chan_new(sizeof(int), 1);
    int r = stop ? coop_signal_notify(stop, SIGINT) : -1;

    printf("echoing on 127.0.0.1:%d until Ctrl-C\n", ntohs(address.sin_port));
    fflush(stdout);
    if (r == 0)
        coop_recv(stop, &r, COOP_FOREVER);
    coop_signal_stop(stop);
    coop_chan_unref(stop);
    return 0;
}

static int run(void *arg)
{
    int port = *(int *)arg, listener = open_listener(port), r;
    struct coop_scope server;

    if (listener < 0)
        return 1;
    coop_scope_init(&server, "server", COOP_FOREVER);
    coop_go(&server, serve, &listener);
    r = port ? wait_for_interrupt() : run_clients();
    coop_scope_end(&server); /* the connections, too: they were started in this scope */
    coop_fd_close(listener);
    return r;
}

int main(int argc, char **argv)
{
    int port = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
    struct coop_options options = {.signals = COOP_SIGNAL(SIGINT)};

    return coop_main(&options, run, &port) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
