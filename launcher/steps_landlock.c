/*
 * steps_landlock.c - the wall that judges files, ports, abstract sockets and signals by Landlock
 *
 * The plan says what is wanted of all ABIs; here it is found out what this kernel has.  What it
 * lacks is lost if that is preferred, and fails the launch if not; what nobody has named (a second
 * wall behind a namespace) is left out.
 *
 * Rules are made from what the paths lead to now, in the finished view and as the program's own
 * user: a path it cannot search grants it nothing.
 */
#include "base/scope.h"
#include "launcher/landlock.h"
#include "launcher/raw.h"
#include "launcher/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

#define ASK_VERSION UINT32_C(1)

enum rule_type { RULE_PATH = 1, RULE_PORT = 2 };

/* The kernel's structs; the first one is packed there. */
struct path_rule {
    uint64_t access;
    int32_t fd;
} __attribute__((packed));

struct port_rule {
    uint64_t access, port;
};

/* ---- the ladder ---- */

static const struct rung {
    unsigned abi; /* the first that has it */
    enum launch_guard guard;
    uint64_t fs, net, scoped;
    uint32_t flags;
    const char *what;
} rungs[] = {
    {1, LAUNCH_GUARD_LANDLOCK, LAND_ALL, 0, 0, 0, "rules for files"},
    {3, LAUNCH_GUARD_TRUNCATE, LAND_TRUNCATE, 0, 0, 0, "cutting off files (Linux 6.2)"},
    {4, LAUNCH_GUARD_BIND_TCP, 0, LAND_BIND_TCP, 0, 0, "binding TCP ports (Linux 6.7)"},
    {4, LAUNCH_GUARD_CONNECT_TCP, 0, LAND_CONNECT_TCP, 0, 0,
     "connecting to TCP ports (Linux 6.7)"},
    {5, LAUNCH_GUARD_IOCTLS, LAND_IOCTL_DEV, 0, 0, 0, "ioctls of devices (Linux 6.10)"},
    {6, LAUNCH_GUARD_ABSTRACT, 0, 0, LAND_ABSTRACT, 0, "abstract sockets (Linux 6.12)"},
    {6, LAUNCH_GUARD_SIGNALS, 0, 0, LAND_SIGNAL, 0, "signals (Linux 6.12)"},
    {7, LAUNCH_GUARD_AUDIT, 0, 0, 0, LAND_LOG_NEW_EXEC, "the audit log (Linux 6.15)"},
};

unsigned land_abi(void)
{
    long abi = raw3(SYS_landlock_create_ruleset, 0, 0, ASK_VERSION);

    return abi < 0 ? 0 : (unsigned)abi;
}

uint64_t land_refused(unsigned abi)
{
    uint64_t refused = 0;

    for (size_t i = 0; i < COOP_COUNT(rungs); i++)
        if (abi < rungs[i].abi)
            refused |= LAUNCH_BIT(rungs[i].guard);
    return refused;
}

/* Takes out of 'want' what the kernel lacks. */
static int climb(struct child *c, unsigned abi, struct land_ruleset *want, uint32_t *flags)
{
    for (size_t i = 0; i < COOP_COUNT(rungs); i++) {
        const struct rung *rung = &rungs[i];
        int r;

        if (abi >= rung->abi)
            continue;
        r = step_fail(c, -EOPNOTSUPP, "landlock", rung->what);
        if (c->plan->guards & ~c->plan->lost & LAUNCH_BIT(rung->guard) &&
            !recipe_may_lose(c, rung->guard))
            return r;
        want->fs &= ~rung->fs;
        want->net &= ~rung->net;
        want->scoped &= ~rung->scoped;
        *flags &= ~rung->flags;
    }
    if (abi < 2)
        want->fs &= ~LAND_REFER;
    return 0;
}

static size_t ruleset_size(unsigned abi)
{
    return abi < 4 ? sizeof(uint64_t) : abi < 6 ? 2 * sizeof(uint64_t) : 3 * sizeof(uint64_t);
}

/* ---- rules ---- */

/* What the clerk does in the program's place, where there is one. */
static uint64_t left_to_clerk(const struct child *c, const struct plan_rule *rule)
{
    return c->has_clerk && rule->by_clerk ? LAND_MAKE : 0;
}

static long add_path(long ruleset, long fd, uint64_t access)
{
    struct path_rule rule = {.access = access, .fd = (int32_t)fd};
    struct stat st = {0};
    long r = raw4(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH);

    if (r >= 0 && !S_ISDIR(st.st_mode))
        rule.access &= LAND_OF_FILE;
    if (r < 0 || !rule.access)
        return r;
    return raw4(SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0);
}

static int add_paths(struct child *c, long ruleset, uint64_t handled)
{
    const struct plan_rule *rules = plan_at(c->plan, c->plan->land_rules.at);

    for (uint32_t i = 0; i < c->plan->land_rules.count && handled; i++) {
        const char *path = plan_str(c->plan, rules[i].path);
        long r, fd = raw4(SYS_openat, AT_FDCWD, path, O_PATH | O_CLOEXEC, 0);

        if (fd < 0)
            continue; /* not there, or not for this user: nothing is granted */
        r = add_path(ruleset, fd, rules[i].access & handled & ~left_to_clerk(c, &rules[i]));
        raw1(SYS_close, fd);
        if (r < 0 && r != -EBADFD)
            return step_fail(c, r, "landlock_add_rule", path);
    }
    return 0;
}

/* What was handed in open can be opened again by /proc/self/fd, the way it was handed in; but what
 * is read from is never written to that way. */
static uint64_t rights_of_open(long fd, bool is_stdin)
{
    struct stat st = {0};
    long mode = raw3(SYS_fcntl, fd, F_GETFL, 0);
    uint64_t rights = 0;

    if (mode < 0 || raw4(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH) < 0 || S_ISDIR(st.st_mode))
        return 0;
    if ((mode & O_ACCMODE) != O_WRONLY)
        rights |= LAND_READ_FILE;
    if ((mode & O_ACCMODE) != O_RDONLY && !(is_stdin && S_ISREG(st.st_mode)))
        rights |= LAND_CHANGE;
    return S_ISCHR(st.st_mode) ? rights | LAND_IOCTL_DEV : rights;
}

static int add_open(struct child *c, long ruleset, uint64_t handled)
{
    for (int fd = 0; fd < 3 + (int)c->io.fd_count && handled; fd++) {
        uint64_t rights = rights_of_open(fd, fd == 0) & handled;
        long r = rights ? add_path(ruleset, fd, rights) : 0;

        /* EBADFD: a pipe, a socket: nothing that Landlock judges */
        if (r < 0 && r != -EBADFD)
            return step_fail(c, r, "landlock_add_rule", "a descriptor to hand down");
    }
    return 0;
}

static int add_ports(struct child *c, long ruleset, uint64_t handled)
{
    const struct plan_port *ports = plan_at(c->plan, c->plan->land_ports.at);

    for (uint32_t i = 0; i < c->plan->land_ports.count; i++) {
        struct port_rule rule = {.access = ports[i].access & handled, .port = ports[i].port};
        long r = 0;

        if (rule.access)
            r = raw4(SYS_landlock_add_rule, ruleset, RULE_PORT, &rule, 0);
        if (r < 0)
            return step_fail(c, r, "landlock_add_rule", "a TCP port");
    }
    return 0;
}

/* ---- the step ---- */

static int restrict_self(struct child *c, long ruleset, const struct land_ruleset *want,
                         uint32_t flags)
{
    int r = add_paths(c, ruleset, want->fs);

    if (r >= 0)
        r = add_open(c, ruleset, want->fs);
    if (r >= 0)
        r = add_ports(c, ruleset, want->net);
    if (r < 0)
        return r;
    return step_fail(c, raw2(SYS_landlock_restrict_self, ruleset, flags),
                     "landlock_restrict_self", NULL);
}

int step_landlock(struct child *c)
{
    const struct launch_plan *plan = c->plan;
    struct land_ruleset want = {plan->land_fs, plan->land_net, plan->land_scoped};
    uint32_t flags = plan->land_flags;
    unsigned abi;
    long ruleset;
    int r;

    if (!(plan->flags & PLAN_LANDLOCK))
        return 0;
    abi = land_abi();
    r = climb(c, abi, &want, &flags);
    if (r < 0 || (!want.fs && !want.net && !want.scoped))
        return r;
    ruleset = raw3(SYS_landlock_create_ruleset, &want, ruleset_size(abi), 0);
    if (ruleset < 0)
        return step_fail(c, ruleset, "landlock_create_ruleset", NULL);
    r = restrict_self(c, ruleset, &want, flags);
    raw1(SYS_close, ruleset);
    if (r >= 0)
        c->told->landlock = (uint16_t)abi;
    return r;
}
