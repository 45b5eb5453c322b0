/* Filters that complete or replace a wall of another kind (launcher/filter/walls.c), asked in the
 * interpreter: each call that leads round the wall, and its neighbours that do not. */
#include "unit/launcher/one_filter.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define MPTCP 262
#define SMC   43

TestSuite(filter_walls, .init = begin, .fini = end);

static void judge_tcp(void)
{
    set("ConnectTCP", "80");
    cr_assert_eq(filter_compile(&spec, &host, true, &programs, &err), 0, "%s", err.text);
    cr_assert_eq(programs.count, 1u);
}

Test(filter_walls, tcp_under_another_name_is_no_way_round)
{
    judge_tcp();
    cr_expect_eq(ask(NATIVE, __NR_socket, 2, MPTCP), REFUSED(EPROTONOSUPPORT));
    cr_expect_eq(ask(NATIVE, __NR_socket, 2, UINT64_C(0x100000000) | MPTCP),
                 REFUSED(EPROTONOSUPPORT), "the kernel looks at 32 bits");
    cr_expect_eq(ask(NATIVE, __NR_socket, 2, IPPROTO_TCP), ALLOWED);
}

Test(filter_walls, a_socket_that_makes_tcp_ones_is_no_way_round)
{
    judge_tcp();
    cr_expect_eq(ask(NATIVE, __NR_socket, 0, SMC), REFUSED(EAFNOSUPPORT));
    cr_expect_eq(ask(NATIVE, __NR_socket, 0, AF_INET), ALLOWED);
    cr_expect_eq(ask(NATIVE, __NR_socket, 0, AF_UNIX), ALLOWED);
}

Test(filter_walls, connecting_by_sending_is_no_way_round)
{
    static const struct {
        uint32_t call;
        unsigned flags;
    } calls[] = {{__NR_sendto, 3}, {__NR_sendmsg, 2}, {__NR_sendmmsg, 3}};

    judge_tcp();
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        cr_expect_eq(ask(NATIVE, calls[i].call, calls[i].flags, MSG_FASTOPEN | MSG_NOSIGNAL),
                     REFUSED(EOPNOTSUPP), "%zu", i);
        cr_expect_eq(ask(NATIVE, calls[i].call, calls[i].flags, MSG_NOSIGNAL), ALLOWED, "%zu",
                     i);
    }
}

Test(filter_walls, memory_is_never_both_nor_becomes_executable)
{
    set("MemoryDenyWriteExecute", "yes");
    compile();
    cr_assert_eq(programs.count, 1u);
    cr_assert(programs.items[0].fallback);
    cr_expect_eq(ask(NATIVE, __NR_mmap, 2, PROT_READ | PROT_WRITE | PROT_EXEC), REFUSED(EPERM));
    cr_expect_eq(ask(NATIVE, __NR_mmap, 2, PROT_READ | PROT_EXEC), ALLOWED);
    cr_expect_eq(ask(NATIVE, __NR_mmap, 2, PROT_READ | PROT_WRITE), ALLOWED);
    cr_expect_eq(ask(NATIVE, __NR_mprotect, 2, PROT_READ | PROT_EXEC), REFUSED(EPERM));
    cr_expect_eq(ask(NATIVE, __NR_mprotect, 2, PROT_READ | PROT_WRITE), ALLOWED);
    cr_expect_eq(ask(NATIVE, __NR_pkey_mprotect, 2, PROT_EXEC), REFUSED(EPERM));
    cr_expect_eq(ask(NATIVE, __NR_pkey_mprotect, 2, PROT_WRITE), ALLOWED);
    cr_expect_eq(ask(NATIVE, __NR_shmat, 2, SHM_EXEC), REFUSED(EPERM));
    cr_expect_eq(ask(NATIVE, __NR_shmat, 2, SHM_RDONLY), ALLOWED);
}
