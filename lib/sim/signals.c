/*
 * signals.c - the fake kernel's signals for us, and the signalfd that reads them
 *
 * A standard signal is one bit: who comes while it is pending is not counted, and the first
 * sender is the one that is told.  Real-time signals queue, each with its value.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "sim/internal.h"

enum { SIGNALS = 64, FIRST_REAL_TIME = 34 };

struct queued {
    struct list link;
    int signo, value;
    pid_t from;
};

static uint64_t pending;                     /* bit signo - 1 */
static struct queued first[SIGNALS + 1];     /* of the standard ones */
static struct list queue = LIST_INIT(queue); /* of the real-time ones, oldest first */

unsigned fake_signal_events;

/* ---- helpers ---- */

static struct queued *next_queued(int signo)
{
    list_for_each (it, &queue) {
        struct queued *entry = list_entry(it, struct queued, link);

        if (entry->signo == signo)
            return entry;
    }
    return NULL;
}

static struct queued take_queued(int signo)
{
    struct queued *entry = next_queued(signo), taken = {.signo = signo};

    if (entry) {
        taken = *entry;
        list_remove(&entry->link);
        free(entry);
    }
    if (!next_queued(signo))
        pending &= ~(UINT64_C(1) << (signo - 1));
    return taken;
}

/* ---- inside ---- */

void fake_raise_from(pid_t from, int signo, int value)
{
    struct queued entry = {.signo = signo, .value = value, .from = from};
    uint64_t bit = UINT64_C(1) << (signo - 1);

    if (signo >= FIRST_REAL_TIME) {
        struct queued *copy = fake_grow(NULL, sizeof *copy);

        *copy = entry;
        list_push_back(&queue, &copy->link);
    } else if (!(pending & bit)) {
        first[signo] = entry;
    }
    pending |= bit;
    fake_signal_events++;
}

uint64_t fake_pending_signals(void)
{
    return pending;
}

bool fake_take_signal(uint64_t mask, struct signalfd_siginfo *ret_info)
{
    int signo = ffsll((long long)(pending & mask));
    struct queued entry;

    if (!signo)
        return false;
    if (signo >= FIRST_REAL_TIME) {
        entry = take_queued(signo);
    } else {
        entry = first[signo];
        pending &= ~(UINT64_C(1) << (signo - 1));
    }
    *ret_info = (struct signalfd_siginfo){
        .ssi_signo = (uint32_t)signo,
        .ssi_code = signo >= FIRST_REAL_TIME ? SI_QUEUE : SI_USER,
        .ssi_pid = (uint32_t)entry.from,
        .ssi_int = entry.value,
        .ssi_ptr = (uint64_t)(uint32_t)entry.value,
    };
    return true;
}

void fake_signals_reset(void)
{
    pending = 0;
    while (!list_is_empty(&queue)) {
        struct queued *entry = list_entry(queue.next, struct queued, link);

        list_remove(&entry->link);
        free(entry);
    }
}

/* ---- the calls ---- */

int fake_sys_signalfd(int fd, const sigset_t *mask, int flags)
{
    struct file *file = fd == -1 ? fake_file_new(FILE_SIGNAL, flags) : fake_file(fd);

    if (!file)
        return -EBADF;
    if (file->kind != FILE_SIGNAL)
        return -EINVAL;
    file->signals = 0;
    for (int signo = 1; signo <= SIGNALS; signo++)
        if (sigismember(mask, signo) == 1)
            file->signals |= UINT64_C(1) << (signo - 1);
    file->events++;
    return fd == -1 ? fake_fd_new(file) : fd;
}

/* ---- the public calls ---- */

void coop_sim_raise(int signo)
{
    fake_raise_from(0, signo, 0);
}

void coop_sim_queue_signal(int signo, int value)
{
    fake_raise_from(0, signo, value);
}
