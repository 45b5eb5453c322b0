/*
 * walls.c - filters that complete or replace a wall of another kind (see walls.h)
 */
#include "launcher/filter/walls.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/filter/wish.h"

#include <errno.h>

/* Landlock judges bind and connect of plain TCP.  Round it lead: connecting by sending, TCP under
 * another protocol's name (MPTCP falls back to it), and sockets that make TCP ones (SMC). */
#define TCP_LINE                                                                               \
    "~socket(2=262):EPROTONOSUPPORT socket(0=AF_SMC):EAFNOSUPPORT "                            \
    "sendto(3&0x20000000):EOPNOTSUPP sendmsg(2&0x20000000):EOPNOTSUPP "                        \
    "sendmmsg(3&0x20000000):EOPNOTSUPP"

/* Writable and executable at once, or first the one and then the other.  On i386 mmap(2) has its
 * arguments in memory, where no filter looks: narrow ABIs are absent under this one. */
#define MDWE_LINE                                                                              \
    "~mmap(2&PROT_WRITE|PROT_EXEC=PROT_WRITE|PROT_EXEC):EPERM mprotect(2&PROT_EXEC):EPERM "    \
    "pkey_mprotect(2&PROT_EXEC):EPERM shmat(2&0100000):EPERM"

/* None where Landlock only stands in for a network of its own. */
static uint64_t tcp_guards(const struct launch_spec *spec)
{
    return (spec->bind_tcp.count ? LAUNCH_BIT(LAUNCH_GUARD_BIND_TCP) : 0) |
           (spec->connect_tcp.count ? LAUNCH_BIT(LAUNCH_GUARD_CONNECT_TCP) : 0);
}

static void lines_done(struct strlist *lines)
{
    strlist_done(lines);
}

static unsigned wide_abis(void)
{
    unsigned abis = 0;

    for (int abi = 0; abi < FILTER_ABIS; abi++)
        if (!filter_abis[abi].narrow)
            abis |= 1u << abi;
    return abis;
}

static int add_program(const char *line, uint64_t guards, const char *from, bool fallback,
                       struct filter_programs *all, struct coop_err *err)
{
    unsigned abis = fallback ? wide_abis() : 0;
    SCOPED(struct strlist, lines_done) lines = {0};
    const struct strlist none = {0};
    const struct filter_wish wish = {
        .lines = &lines, .log = &none, .restricts = &none, .abis = abis};
    struct filter_program *program = &all->items[all->count];

    if (all->count == LAUNCH_MAX_FILTERS)
        return coop_fail(err, COOP_E_LIMIT, "more than %d filters", LAUNCH_MAX_FILTERS);
    if (strlist_add(&lines, line) < 0)
        return coop_fail_sys(err, ENOMEM, "compiling the filter");
    *program = (struct filter_program){.guards = guards, .fallback = fallback};
    (void)str_copy(program->from, sizeof program->from, from);
    if (filter_wish_compile(&wish, &program->code, &program->count, err) < 0)
        return coop_while(err, "%s", from);
    all->count++;
    return 0;
}

int filter_walls_compile(const struct launch_spec *spec, bool judge_tcp,
                         struct filter_programs *all, struct coop_err *err)
{
    if (judge_tcp &&
        add_program(TCP_LINE, tcp_guards(spec), "BindTCP, ConnectTCP", false, all, err) < 0)
        return -1;
    if (!spec->deny_write_execute)
        return 0;
    return add_program(MDWE_LINE, LAUNCH_BIT(LAUNCH_GUARD_WRITE_EXECUTE),
                       "MemoryDenyWriteExecute", true, all, err);
}
