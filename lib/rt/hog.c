/*
 * hog.c - who keeps a processor for too long, and where
 *
 * The monitor sees that a processor's count of switches stands still.  Who runs there, and what it
 * is at, only its own thread can tell without a race: the monitor sends it a signal (SIGURG, which
 * does nothing to whoever does not expect it), and the handler notes name, number and the way
 * back, nothing else.  The monitor waits for the answer, for a bounded time, and then reports on
 * its own stack, where a callback may do what it likes.
 *
 *      monitor                              the hog's thread
 *        asked = its number, tgkill           handler: takes 'asked', notes, answered = 1, wake
 *        waits for 'answered'
 *
 * On a busy machine a thread may stand in the kernel's line for a CPU for longer than any bound:
 * then its coroutine keeps nothing.  The kernel counts that time, but not before the thread
 * runs again.  So the monitor asks first, and reckons when there is an answer; and of one that
 * does not answer it looks whether it could.
 *
 * WHAT WE DID NOT DO
 *   A timer signal per thread.  It would interrupt everybody to find one.
 *   Report from the handler.    It runs in the middle of malloc as likely as not.
 *
 * backtrace() is safe here: with the unwind tables found without a lock (glibc 2.35) it allocates
 * nothing but at its first call, which is at the start.
 */
#include "rt/hog.h"

#include "base/sys.h"
#include "rt/dump_text.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>

#define ANSWER_DELAY (50 * COOP_NSEC_PER_MSEC)

enum { FRAMES_MOST = 64 };

/* The monitor's of a processor. */
struct seen {
    uint64_t switches;
    int thread;
    coop_nsec since;   /* when it was found standing still, plus what it waited; 0: not yet */
    coop_nsec in_line; /* its thread, for a CPU, till then                                   */
    bool told;
};

static struct {
    coop_nsec after; /* 0: off */
    void (*on_hog)(const struct coop_hog *);
    bool asks; /* the signal is ours */
    struct sigaction old_action;
    sigset_t old_mask;
    struct seen seen[PROCS_MAX];
    /* between the two */
    _Atomic(int) asked; /* the thread that is to answer; 0: nobody */
    uint32_t answered;  /* futex                                   */
    uint64_t id, switches;
    char name[48];
    void *frames[FRAMES_MOST];
    int count, first;
} hog;

/* ---- in the hog's thread ---- */

static uintptr_t interrupted_at(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#else
    return (uintptr_t)context->uc_mcontext.pc;
#endif
}

static void note(const struct coro *g, const ucontext_t *context)
{
    hog.id = g->id;
    hog.switches = atomic_load_explicit(&coop__worker()->proc->switches, memory_order_relaxed);
    coop__peek_string(hog.name, sizeof hog.name, g->name);
    hog.count = backtrace(hog.frames, FRAMES_MOST);
    hog.first = 0;
    for (int i = 0; i < hog.count; i++) /* above it are ours */
        if ((uintptr_t)hog.frames[i] == interrupted_at(context))
            hog.first = i;
}

static void on_question(int signo, siginfo_t *info, void *context)
{
    int saved = errno; // NOLINT: a handler leaves it as it was
    struct worker *w = coop__worker();
    int mine = w ? w->tid : 0;

    (void)signo;
    if (w && info->si_code == SI_TKILL &&
        atomic_compare_exchange_strong(&hog.asked, &mine, 0)) {
        hog.id = 0;
        if (w->proc && w->current != &w->root)
            note(w->current, context);
        __atomic_store_n(&hog.answered, 1, __ATOMIC_SEQ_CST);
        coop__futex_wake(&hog.answered);
    }
    errno = saved;
}

/* ---- what the kernel knows of a thread ---- */

struct cpu_use {
    char state;             /* 'R': runs, or would like to                      */
    long long ran, in_line; /* nanoseconds on a CPU, and waiting for one */
};

static void read_text(char *ret_text, size_t size, int thread, const char *what)
{
    char path[64];
    ssize_t n = -1;
    int fd;

    snprintf(path, sizeof path, "/proc/self/task/%d/%s", thread, what);
    fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd >= 0) {
        n = sys_read(fd, ret_text, size - 1);
        sys_close(fd);
    }
    ret_text[n > 0 ? n : 0] = '\0';
}

/* Zeros where it does not tell. */
static struct cpu_use cpu_use(int thread)
{
    struct cpu_use use = {0};
    char text[512], *end;

    read_text(text, sizeof text, thread, "schedstat");
    use.ran = strtoll(text, &end, 10);
    use.in_line = strtoll(end, NULL, 10);
    read_text(text, sizeof text, thread, "stat");
    end = strrchr(text, ')'); /* its name may hold anything */
    if (end && end[1] == ' ')
        use.state = end[2];
    return use;
}

/* ---- in the monitor ---- */

static bool await_answer(coop_nsec deadline)
{
    while (!__atomic_load_n(&hog.answered, __ATOMIC_SEQ_CST)) {
        coop_nsec left = deadline - sys_now();
        struct timespec delay = {0, left};

        if (left <= 0)
            return false;
        coop__futex_wait(&hog.answered, 0, &delay);
    }
    return true;
}

/* Who runs on that thread, and where: in 'hog'. False: no answer. */
static bool ask(int thread)
{
    int mine = thread;

    if (!hog.asks)
        return false;
    __atomic_store_n(&hog.answered, 0, __ATOMIC_SEQ_CST);
    atomic_store(&hog.asked, thread);
    if (syscall(SYS_tgkill, getpid(), thread, SIGURG) == 0 &&
        await_answer(coop_after(sys_now(), ANSWER_DELAY)))
        return true;
    if (atomic_compare_exchange_strong(&hog.asked, &mine, 0))
        return false;
    /* It has begun to answer in this moment. */
    return await_answer(coop_after(sys_now(), COOP_NSEC_PER_SEC));
}

static void say(const struct coop_hog *h)
{
    struct report r = {.fd = STDERR_FILENO};

    if (h->id)
        coop__say(&r, "coop: coroutine %lu '%s'", (unsigned long)h->id, h->name);
    else
        coop__say(&r, "coop: thread %d, which does not answer,", h->thread);
    coop__say(&r, " has kept its processor for ");
    coop__say_time(&r, h->busy);
    coop__say(&r, "\n");
    for (int i = 0; i < h->count; i++) {
        coop__say(&r, "  ");
        coop__say_place(&r, h->frames[i]);
        coop__say(&r, "\n");
    }
    coop__say_end(&r);
}

/* False: it must be looked at again. */
static bool report(struct seen *seen)
{
    struct coop_hog h = {.name = "", .thread = seen->thread};
    struct cpu_use before = cpu_use(h.thread), now;
    bool answered = ask(h.thread);

    now = cpu_use(h.thread);
    seen->since += now.in_line - seen->in_line;
    seen->in_line = now.in_line;
    h.busy = sys_now() - seen->since;
    if (h.busy < hog.after)
        return false;
    if (answered) {
        if (hog.id == 0 || hog.switches != seen->switches)
            return true; /* looking for work, in a bracket or at something else by now */
        h.id = hog.id;
        h.name = hog.name;
        h.count = hog.count - hog.first;
        h.frames = hog.frames + hog.first;
    } else if (hog.asks && now.state == 'R' && now.ran == before.ran) {
        return false; /* it cannot answer, but not compute either */
    }
    (hog.on_hog ? hog.on_hog : say)(&h);
    return true;
}

void coop__hog_look(struct proc *p)
{
    uint64_t switches = atomic_load_explicit(&p->switches, memory_order_relaxed);
    int thread = atomic_load_explicit(&p->tid, memory_order_relaxed);
    struct seen *seen = &hog.seen[p->id];

    if (!hog.after)
        return;
    if (atomic_load(&p->status) != PROC_RUNNING || switches != seen->switches ||
        thread != seen->thread) {
        *seen = (struct seen){.switches = switches, .thread = thread};
    } else if (!seen->since) {
        seen->since = sys_now();
        seen->in_line = cpu_use(thread).in_line;
    } else if (!seen->told && sys_now() - seen->since >= hog.after) {
        seen->told = report(seen);
    }
}

/* ---- start and end ---- */

void coop__hog_unblock(sigset_t *mask)
{
    if (hog.asks)
        sigdelset(mask, SIGURG);
}

void coop__hog_start(const struct coop_options *o)
{
    struct sigaction action = {.sa_sigaction = on_question,
                               .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    sigset_t mask;

    memset(&hog, 0, sizeof hog);
    if (o->sim || o->hog_after <= 0)
        return;
    hog.after = o->hog_after;
    hog.on_hog = o->on_hog;
    hog.asks = !(o->signals & COOP_SIGNAL(SIGURG));
    if (!hog.asks)
        return;
    backtrace(hog.frames, FRAMES_MOST); /* loads what it needs */
    sigaction(SIGURG, &action, &hog.old_action);
    sigemptyset(&mask);
    sigaddset(&mask, SIGURG);
    pthread_sigmask(SIG_UNBLOCK, &mask, &hog.old_mask);
}

void coop__hog_end(void)
{
    hog.after = 0;
    if (!hog.asks)
        return;
    hog.asks = false;
    pthread_sigmask(SIG_SETMASK, &hog.old_mask, NULL);
    sigaction(SIGURG, &hog.old_action, NULL);
}
