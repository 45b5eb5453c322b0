/* What must not be done with coop.h, coro.h, block.h and debug.h, and what they answer. */
#include "misuse.h"

static int nothing(__attribute__((unused)) void *arg)
{
    return 0;
}

/* ---- coop.h ---- */

static int main_without_function(void)
{
    CHECK(coop_main(NULL, NULL, NULL) == -EINVAL);
    return coop_main(NULL, nothing, NULL);
}

static int main_again(__attribute__((unused)) void *arg)
{
    return coop_main(NULL, nothing, NULL) == -EBUSY ? 0 : 1;
}

static int main_in_main(void)
{
    return inside(main_again);
}

static int count_procs(__attribute__((unused)) void *arg)
{
    struct coop_stats s;

    coop_stats_get(&s);
    return s.procs >= 1 && s.procs <= 64 ? 0 : 1;
}

static int odd_options(void)
{
    struct coop_options o = {.procs = 1000, .max_workers = -1};

    CHECK(coop_main(&o, count_procs, NULL) == 0);
    o.procs = -5;
    o.stack_size = (size_t)1 << 40;
    CHECK(coop_main(&o, count_procs, NULL) == 0);
    o = (struct coop_options){.policy = 1000};
    CHECK(coop_main(&o, nothing, NULL) == -EINVAL);
    o = (struct coop_options){.policy = COOP_POLICY_PRIORITY, .chaos = 1};
    CHECK(coop_main(&o, nothing, NULL) == -EINVAL);
    o = (struct coop_options){.sim = true, .chaos = 1};
    CHECK(coop_main(&o, nothing, NULL) == -EINVAL);
    o = (struct coop_options){.trace = "/nonexistent/trace"};
    CHECK(coop_main(&o, nothing, NULL) == -ENOENT);
    o = (struct coop_options){.dump_signal = SIGQUIT, .signals = COOP_SIGNAL(SIGQUIT)};
    CHECK(coop_main(&o, nothing, NULL) == -EINVAL);
    for (int i = 0; i < 4; i++) {
        o = (struct coop_options){.dump_signal = (int[]){-1, 65, SIGKILL, SIGSTOP}[i]};
        CHECK(coop_main(&o, nothing, NULL) == -EINVAL);
    }
    return coop_main(NULL, nothing, NULL); /* none of them is left behind */
}

static struct coop_chan *ch;

static int in_copy(void)
{
    struct coop_child child;
    struct coop_sem sem = {0};
    int v = 0;

    CHECK(!coop_inside() && coop_id() == 0 && coop_name()[0] == '\0');
    CHECK(coop_main(NULL, nothing, NULL) == -EPERM);
    CHECK(coop_go(NULL, nothing, NULL) == -EPERM);
    CHECK(coop_yield() == -EPERM && coop_sleep_until(COOP_FOREVER) == -EPERM);
    CHECK(coop_recv(ch, &v, COOP_FOREVER) == -EPERM && coop_recv(NULL, &v, 1) == -EPERM);
    CHECK(coop_select(NULL, 0, COOP_FOREVER) == -EPERM);
    CHECK(coop_sem_acquire(&sem, 1, COOP_FOREVER) == -EPERM);
    CHECK(coop_child_watch(&child, getpid(), NULL, 0) == -EPERM);
    CHECK(coop_fd_wait(0, COOP_IN, COOP_FOREVER) == -EPERM);
    CHECK(coop_pin() == -EPERM && coop_trace_start() == -EPERM);
    CHECK(coop_set_procs(2) == -EPERM);
    CHECK(coop_send(ch, &v, COOP_NOW) == 0); /* to the copy of one who waits: nobody runs it */
    return 0;
}

static int wait_for_value(__attribute__((unused)) void *arg)
{
    int v;

    return coop_recv(ch, &v, COOP_FOREVER) == 1 ? 0 : 1;
}

static int fork_it(__attribute__((unused)) void *arg)
{
    int status = 0;
    pid_t pid;

    ch = coop_chan_new(sizeof(int), 0);
    coop_go(NULL, wait_for_value, NULL);
    coop_yield();
    pid = fork();
    if (pid == 0)
        _exit(in_copy());
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(coop_send(ch, &status, COOP_FOREVER) == 0);
    return 0;
}

static int forked_child(void)
{
    return inside(fork_it);
}

/* ---- coro.h ---- */

static int outside(void)
{
    CHECK(coop_go(NULL, nothing, NULL) == -EPERM);
    CHECK(coop_yield() == -EPERM && coop_sleep_until(1) == -EPERM);
    CHECK(!coop_inside() && coop_cancelled() == 0);
    CHECK(coop_id() == 0 && coop_name()[0] == '\0');
    coop_set_local(&ch);
    CHECK(coop_local() == NULL);
    CHECK(coop_pin() == -EPERM && coop_unpin() == -EPERM);
    CHECK(coop_set_procs(2) == -EPERM);
    return 0;
}

static int odd_births(__attribute__((unused)) void *arg)
{
    struct coop_attr big = {.copy = COOP_COPY_MAX + 1};
    struct coop_scope scope;

    CHECK(coop_go(NULL, NULL, NULL) == -EINVAL);
    CHECK(coop_go_with(NULL, &big, nothing, &big) == -EINVAL);
    big = (struct coop_attr){.priority = COOP_PRIORITY_FIRST - 1};
    CHECK(coop_go_with(NULL, &big, nothing, NULL) == -EINVAL);
    big = (struct coop_attr){.priority = COOP_PRIORITY_LAST + 1};
    CHECK(coop_go_with(NULL, &big, nothing, NULL) == -EINVAL);
    big = (struct coop_attr){.copy = 1};
    CHECK(coop_go_with(NULL, &big, nothing, NULL) == -EINVAL);
    big = (struct coop_attr){.flags = 1U << 31};
    CHECK(coop_go_with(NULL, &big, nothing, NULL) == -EINVAL);
    CHECK(coop_set_procs(0) == -EINVAL && coop_set_procs(65) == -EINVAL);
    CHECK(coop_unpin() == -EPERM);
    coop_scope_init(&scope, "cancelled", 0);
    coop_scope_cancel(&scope, -EIO);
    coop_scope_cancel(&scope, -ENOENT); /* the first reason stays */
    CHECK(coop_go(&scope, nothing, NULL) == -EIO);
    CHECK(coop_scope_wait(&scope) == -EIO);
    coop_scope_init(&scope, "over", 0);
    CHECK(coop_scope_wait(&scope) == 0);
    CHECK(coop_go(&scope, nothing, NULL) == -ECANCELED);
    return 0;
}

static int wrong_births(void)
{
    return inside(odd_births);
}

static int scope_outside(void)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "nobody's", 0);
    return 0;
}

static int wait_twice(__attribute__((unused)) void *arg)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "once", 0);
    CHECK(coop_scope_wait(&scope) == 0);
    return coop_scope_wait(&scope);
}

static int scope_twice(void)
{
    return inside(wait_twice);
}

static int outer_first(__attribute__((unused)) void *arg)
{
    struct coop_scope outer, inner;

    coop_scope_init(&outer, "outer", 0);
    coop_scope_init(&inner, "inner", 0);
    return coop_scope_wait(&outer);
}

static int scope_order(void)
{
    return inside(outer_first);
}

static int wait_for_it(void *arg)
{
    return coop_scope_wait(arg);
}

static int lend_scope(__attribute__((unused)) void *arg)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "mine", 0);
    coop_go_with(&scope, &(struct coop_attr){.name = "thief"}, wait_for_it, &scope);
    return coop_scope_wait(&scope);
}

static int scope_of_another(void)
{
    return inside(lend_scope);
}

static struct coop_scope forgotten;

static int forget_scope(__attribute__((unused)) void *arg)
{
    coop_scope_init(&forgotten, "forgotten", 0);
    return 0;
}

static int root_leaves_scope(void)
{
    return inside(forget_scope);
}

static int go_and_forget(__attribute__((unused)) void *arg)
{
    return coop_go_with(NULL, &(struct coop_attr){.name = "forgetful"}, forget_scope, NULL);
}

static int coroutine_leaves_scope(void)
{
    return inside(go_and_forget);
}

static int cancel_for_luck(__attribute__((unused)) void *arg)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "lucky", 0);
    coop_scope_cancel(&scope, EIO);
    return coop_scope_wait(&scope);
}

static int positive_reason(void)
{
    return inside(cancel_for_luck);
}

/* ---- block.h ---- */

static int brackets_outside(void)
{
    coop_block_begin();
    coop_block_begin();
    coop_block_end();
    coop_syscall_begin();
    coop_syscall_end();
    coop_syscall_end();
    return coop_offload(nothing, NULL); /* in the calling thread */
}

static int end_only(__attribute__((unused)) void *arg)
{
    coop_block_end();
    coop_syscall_end();
    return coop_yield();
}

static int end_without_begin(void)
{
    return inside(end_only);
}

static int begin_twice(__attribute__((unused)) void *arg)
{
    coop_block_begin();
    coop_syscall_begin();
    return 0;
}

static int nested_brackets(void)
{
    return inside(begin_twice);
}

static int read_file_in_bracket(__attribute__((unused)) void *arg)
{
    char c;

    coop_block_begin();
    return (int)coop_file_read(0, &c, 1, 0);
}

static int files_in_brackets(void)
{
    return inside(read_file_in_bracket);
}

static int polls_in_bracket(__attribute__((unused)) void *arg)
{
    int v = 0;

    ch = coop_chan_new(sizeof(int), 1);
    coop_block_begin();
    CHECK(coop_send(ch, &v, COOP_NOW) == 0 && coop_recv(ch, &v, COOP_NOW) == 1);
    CHECK(coop_go(NULL, nothing, NULL) == -EPERM);
    CHECK(coop_yield() == -EPERM);
    CHECK(coop_pin() == -EPERM && coop_set_procs(2) == -EPERM);
    coop_block_end();
    coop_chan_unref(ch);
    return 0;
}

static int polls_in_brackets(void)
{
    return inside(polls_in_bracket);
}

static int sleep_in_bracket(__attribute__((unused)) void *arg)
{
    coop_block_begin();
    return coop_sleep_until(coop_after(coop_now(), 1000));
}

static int waits_in_brackets(void)
{
    return inside(sleep_in_bracket);
}

static int never_come_back(__attribute__((unused)) void *arg)
{
    coop_block_begin();
    return 0;
}

static int go_and_never_come_back(__attribute__((unused)) void *arg)
{
    return coop_go_with(NULL, &(struct coop_attr){.name = "lost"}, never_come_back, NULL);
}

static int ends_in_bracket(void)
{
    return inside(go_and_never_come_back);
}

/* ---- debug.h ---- */

static int trace_twice(__attribute__((unused)) void *arg)
{
    CHECK(coop_trace_stop(-1) == -EALREADY);
    CHECK(coop_trace_start() == 0 && coop_trace_start() == -EBUSY);
    CHECK(coop_trace_stop(-1) == 0 && coop_trace_stop(-1) == -EALREADY);
    coop_dump(-1); /* nowhere */
    return 0;
}

static int traces(void)
{
    CHECK(coop_trace_start() == -EPERM && coop_trace_stop(-1) == -EALREADY);
    return inside(trace_twice);
}

static int looks_outside(void)
{
    struct coop_stats s;

    coop_stats_get(&s);
    CHECK(s.coroutines == 0 && s.procs == 0);
    coop_dump(-1);
    return 0;
}

#define MAIN " (coroutine 1 'main')"

static const struct misuse rows[] = {
    RETURNS("coop_main without a function", main_without_function),
    RETURNS("coop_main inside coop_main", main_in_main),
    RETURNS("options out of range", odd_options),
    RETURNS("a forked child", forked_child),
    RETURNS("outside of a coroutine", outside),
    RETURNS("births with wrong arguments", wrong_births),
    ABORTS("a scope outside of a coroutine", scope_outside,
           "coop: coop_scope_init outside of a coroutine (coroutine 0 '')"),
    ABORTS("waiting twice for a scope", scope_twice,
           "coop: coop_scope_wait: not the innermost scope of this coroutine" MAIN),
    ABORTS("the outer scope before the inner", scope_order,
           "coop: coop_scope_wait: not the innermost scope of this coroutine" MAIN),
    ABORTS("another's scope", scope_of_another,
           "coop: coop_scope_wait: not the innermost scope of this coroutine "
           "(coroutine 2 'thief')"),
    ABORTS("the root ends with a scope open", root_leaves_scope,
           "coop: the root coroutine ended with a scope still open" MAIN),
    ABORTS("a coroutine ends with a scope open", coroutine_leaves_scope,
           "coop: a coroutine ended with a scope still open (coroutine 2 'forgetful')"),
    ABORTS("cancelled for a positive reason", positive_reason,
           "coop: a scope is cancelled for a reason that is not a negative errno" MAIN),
    RETURNS("brackets outside of a coroutine", brackets_outside),
    RETURNS("the end of a bracket without its begin", end_without_begin),
    ABORTS("brackets in brackets", nested_brackets, "coop: blocking brackets do not nest" MAIN),
    ABORTS("a file is read in brackets", files_in_brackets,
           "coop: blocking brackets do not nest" MAIN),
    RETURNS("what works in brackets", polls_in_brackets),
    ABORTS("waiting in brackets", waits_in_brackets,
           "coop: waiting inside a blocking bracket" MAIN),
    ABORTS("a coroutine ends in a bracket", ends_in_bracket,
           "coop: a coroutine ended inside a blocking bracket (coroutine 2 'lost')"),
    RETURNS("traces twice, or without a runtime", traces),
    RETURNS("looking without a runtime", looks_outside),
};

MISUSE_MAIN(rows)
