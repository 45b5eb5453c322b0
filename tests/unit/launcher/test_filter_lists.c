/* What lists in systemd's words and its Restrict* keys answer, in the interpreter. */
#include "one_filter.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/socket.h>

TestSuite(filter, .init = begin, .fini = end);

/* ---- lists, as systemd has them ---- */

#define LINE "SystemCallFilter"

Test(filter, first_line_says_whether_a_list_allows_or_refuses)
{
    use(LINES(LINE, "read write"));
    cr_assert_eq(ask(NATIVE, __NR_read, 0, 0), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_execve, 0, 0), ALLOWED, "@default is always there");
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), KILLED, "as systemd does it");
    use(LINES(LINE, "~@mount"));
    cr_assert_eq(ask(NATIVE, __NR_read, 0, 0), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), KILLED);
    cr_assert_eq(ask(NATIVE, 600, 0, 0), REFUSED(ENOSYS), "a call of the future");
}

Test(filter, later_lines_add_and_take_away)
{
    use(LINES(LINE, "@file-system", LINE, "~@basic-io mkdir", LINE, "write",
              "SystemCallErrorNumber", "EACCES"));
    cr_assert_eq(ask(NATIVE, __NR_openat, 0, 0), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_mkdir, 0, 0), REFUSED(EACCES));
    cr_assert_eq(ask(NATIVE, __NR_read, 0, 0), REFUSED(EACCES));
    cr_assert_eq(ask(NATIVE, __NR_write, 0, 0), ALLOWED);
    use(LINES(LINE, "~@mount", LINE, "none", LINE, "~@clock"));
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), ALLOWED, "'none' starts afresh");
    cr_assert_eq(ask(NATIVE, __NR_settimeofday, 0, 0), KILLED);
}

Test(filter, each_call_may_have_its_own_answer)
{
    use(LINES(LINE, "~@mount:EACCES chroot:kill acct:trap sync:4000 syslog:log",
              "SystemCallErrorNumber", "EPERM"));
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), REFUSED(EACCES));
    cr_assert_eq(ask(NATIVE, __NR_chroot, 0, 0), KILLED);
    cr_assert_eq(ask(NATIVE, __NR_acct, 0, 0), SECCOMP_RET_TRAP);
    cr_assert_eq(ask(NATIVE, __NR_sync, 0, 0), REFUSED(4000));
    cr_assert_eq(ask(NATIVE, __NR_syslog, 0, 0), SECCOMP_RET_LOG);
}

Test(filter, arguments_are_judged_by_the_bits_that_the_kernel_reads)
{
    use(LINES(LINE,
              "~ioctl(1=TIOCSTI):EPERM kill(0<0):EACCES lseek(1>0x100000000):EFBIG "
              "socket(0!=AF_UNIX,0!=AF_INET):EAFNOSUPPORT clone(0&CLONE_NEWUSER):ENOSPC"));
    cr_assert_eq(ask(NATIVE, __NR_ioctl, 1, TIOCSTI | 0xdead00000000), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_ioctl, 1, TCGETS), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_lseek, 1, 0x100000000), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_lseek, 1, 0x100000001), REFUSED(EFBIG));
    cr_assert_eq(ask(NATIVE, __NR_lseek, 1, 0x200000000), REFUSED(EFBIG));
    cr_assert_eq(ask(NATIVE, __NR_lseek, 1, 0xffffffff), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_UNIX), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_INET), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_INET6), REFUSED(EAFNOSUPPORT));
    cr_assert_eq(ask(NATIVE, __NR_clone, 0, CLONE_NEWUSER | 17), REFUSED(ENOSPC));
    cr_assert_eq(ask(NATIVE, __NR_clone3, 0, 0), REFUSED(ENOSYS), "or it would pass by clone");
#if defined(__x86_64__)
    cr_assert_eq(ask(FOREIGN, 102, 0, 1), REFUSED(ENOSYS), "socketcall would pass by socket");
    cr_assert_eq(ask(FOREIGN, 54, 1, TIOCSTI), REFUSED(EPERM), "ioctl by int 0x80");
    cr_assert_eq(ask(NATIVE, 514 | X32_BIT, 1, TIOCSTI), REFUSED(EPERM), "ioctl by x32");
#endif
}

Test(filter, multiplexers_are_open_only_when_all_behind_them_is)
{
#if defined(__x86_64__)
    use(LINES(LINE, "~@mount"));
    cr_assert_eq(ask(FOREIGN, 102, 0, 1), ALLOWED);
    cr_assert_eq(ask(FOREIGN, 117, 0, 1), ALLOWED);
    use(LINES(LINE, "~semop"));
    cr_assert_eq(ask(FOREIGN, 117, 0, 1), REFUSED(ENOSYS), "ipc would pass by semop");
    cr_assert_eq(ask(FOREIGN, 102, 0, 1), ALLOWED);
    use(LINES(LINE, "~socketcall connect:EPERM"));
    cr_assert_eq(ask(FOREIGN, 102, 0, 1), KILLED, "refused is refused");
#else
    cr_skip_test("no multiplexers on this machine");
#endif
}

Test(filter, rings_pass_only_by_name)
{
    use(LINES(LINE, "@system-service @io-event @aio"));
    cr_assert_eq(ask(NATIVE, __NR_io_uring_setup, 0, 0), REFUSED(ENOSYS));
    use(LINES(LINE, "~@mount"));
    cr_assert_eq(ask(NATIVE, __NR_io_uring_setup, 0, 0), REFUSED(ENOSYS));
    use(LINES(LINE, "@system-service io_uring_setup"));
    cr_assert_eq(ask(NATIVE, __NR_io_uring_setup, 0, 0), ALLOWED);
}

Test(filter, a_set_takes_no_test_away_and_a_name_does)
{
    use(LINES(LINE, "default", LINE, "@system-service"));
    cr_assert_eq(ask(NATIVE, __NR_ioctl, 1, TIOCSTI), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_keyctl, 0, 0), ALLOWED);
    use(LINES(LINE, "default", LINE, "ioctl"));
    cr_assert_eq(ask(NATIVE, __NR_ioctl, 1, TIOCSTI), ALLOWED);
}

Test(filter, other_architectures_are_absent_unless_named)
{
#if defined(__x86_64__)
    use(LINES("SystemCallArchitectures", "native"));
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), ALLOWED);
    cr_assert_eq(ask(FOREIGN, 20, 0, 0), REFUSED(ENOSYS));
    cr_assert_eq(ask(NATIVE, 39 | X32_BIT, 0, 0), REFUSED(ENOSYS));
    use(LINES("SystemCallArchitectures", "x86", LINE, "~@mount"));
    cr_assert_eq(ask(FOREIGN, 20, 0, 0), ALLOWED);
    cr_assert_eq(ask(FOREIGN, 21, 0, 0), KILLED, "the same rules");
    cr_assert_eq(ask(NATIVE, 39 | X32_BIT, 0, 0), REFUSED(ENOSYS));
#else
    cr_skip_test("one ABI");
#endif
}

Test(filter, what_is_logged_is_allowed_all_the_same)
{
    use(LINES(LINE, "@system-service", "SystemCallLog", "@network-io", "SystemCallLog",
              "~socket"));
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, 0), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_connect, 0, 0), SECCOMP_RET_LOG);
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), KILLED);
    use(LINES("SystemCallLog", "~@default"));
    cr_assert_eq(ask(NATIVE, __NR_read, 0, 0), SECCOMP_RET_LOG);
    cr_assert_eq(ask(NATIVE, __NR_execve, 0, 0), ALLOWED);
}

Test(filter, a_list_can_be_learned)
{
    use(LINES(LINE, "@basic-io", "SystemCallErrorNumber", "log"));
    cr_assert_eq(ask(NATIVE, __NR_read, 0, 0), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), SECCOMP_RET_LOG);
}

/* ---- systemd's Restrict* keys ---- */

Test(filter, families_are_allowed_or_refused)
{
    use(LINES("RestrictAddressFamilies", "AF_UNIX AF_INET", "RestrictAddressFamilies",
              "AF_INET6", "RestrictAddressFamilies", "~AF_INET"));
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_UNIX), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_INET6), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_INET), REFUSED(EAFNOSUPPORT));
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_ALG), REFUSED(EAFNOSUPPORT));
    cr_assert_eq(ask(NATIVE, __NR_io_uring_setup, 0, 0), REFUSED(ENOSYS), "it makes sockets");
    cr_assert_eq(ask(NATIVE, __NR_mount, 0, 0), ALLOWED);
    use(LINES("RestrictAddressFamilies", "~AF_ALG AF_VSOCK"));
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_ALG), REFUSED(EAFNOSUPPORT));
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_VSOCK), REFUSED(EAFNOSUPPORT));
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_INET), ALLOWED);
    use(LINES(LINE, "default", "RestrictAddressFamilies", "none"));
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_UNIX), REFUSED(EAFNOSUPPORT));
    use(LINES(LINE, "default", "RestrictAddressFamilies", "AF_ALG AF_UNIX"));
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_ALG), REFUSED(EAFNOSUPPORT), "not by default");
    cr_assert_eq(ask(NATIVE, __NR_socket, 0, AF_UNIX), ALLOWED);
#if defined(__x86_64__)
    use(LINES("RestrictAddressFamilies", "AF_UNIX"));
    cr_assert_eq(ask(FOREIGN, 359, 0, AF_INET), REFUSED(EAFNOSUPPORT));
    cr_assert_eq(ask(FOREIGN, 102, 0, 1), REFUSED(ENOSYS), "socketcall");
#endif
}

Test(filter, no_file_is_made_to_run_as_another)
{
    use(LINES("RestrictSUIDSGID", "yes"));
    cr_assert_eq(ask(NATIVE, __NR_fchmod, 1, 04755), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_fchmodat, 2, 02755), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_fchmod, 1, 01777), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_mknodat, 2, 0104755), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_openat2, 0, 0), REFUSED(ENOSYS), "its mode is in memory");
    cr_assert_eq(ask(NATIVE, __NR_openat, 3, 04755), ALLOWED, "without O_CREAT it is no mode");
}

Test(filter, memory_is_not_made_executable_by_another_abi)
{
#if defined(__x86_64__)
    use(LINES("MemoryDenyWriteExecute", "yes"));
    cr_assert_eq(ask(NATIVE, __NR_mmap, 2, 6), REFUSED(EPERM), "PROT_WRITE | PROT_EXEC");
    cr_assert_eq(ask(NATIVE, __NR_mmap, 2, 4), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_mmap | X32_BIT, 2, 6), REFUSED(EPERM));
    cr_assert_eq(ask(FOREIGN, 90, 2, 0), REFUSED(ENOSYS), "its arguments are in memory");
    cr_assert_eq(ask(FOREIGN, 192, 2, 6), REFUSED(ENOSYS), "mmap2");
#else
    cr_skip_test("one ABI");
#endif
}

Test(filter, no_realtime_and_no_other_personality)
{
    use(LINES("RestrictRealtime", "yes", "LockPersonality", "yes"));
    cr_assert_eq(ask(NATIVE, __NR_sched_setscheduler, 1, 1), REFUSED(EPERM), "SCHED_FIFO");
    cr_assert_eq(ask(NATIVE, __NR_sched_setscheduler, 1, 6), REFUSED(EPERM), "SCHED_DEADLINE");
    cr_assert_eq(ask(NATIVE, __NR_sched_setscheduler, 1, 3), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_sched_setattr, 0, 0), REFUSED(EPERM), "in memory");
    cr_assert_eq(ask(NATIVE, __NR_personality, 0, 0xffffffff), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_personality, 0, ADDR_NO_RANDOMIZE), REFUSED(EPERM));
}

Test(filter, clock_modules_and_log_of_the_kernel)
{
    use(LINES("ProtectClock", "yes", "ProtectKernelModules", "yes", "ProtectKernelLogs",
              "yes"));
    cr_assert_eq(ask(NATIVE, __NR_clock_settime, 0, 0), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_clock_gettime, 0, 0), ALLOWED);
    cr_assert_eq(ask(NATIVE, __NR_finit_module, 0, 0), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_syslog, 0, 0), REFUSED(EPERM));
    cr_assert_eq(ask(NATIVE, __NR_read, 0, 0), ALLOWED);
}

/* ---- what is not taken ---- */

Test(filter, odd_words_are_errors_that_name_them)
{
    refuse(LINE, "ioct", "no system call 'ioct'");
    refuse(LINE, "@monut", "no set of system calls '@monut'");
    refuse(LINE, "read:EWHAT", "no answer");
    refuse(LINE, "read:4096", "no answer");
    refuse(LINE, "ioctl(6=1)", "no argument test");
    refuse(LINE, "ioctl(1=TIOCST)", "neither a number nor a constant");
    refuse(LINE, "ioctl(1=0x1ffffffff)", "has 32 bits");
    refuse(LINE, "ioctl(1=1", "tests stand between");
    refuse(LINE, "ioctl(1&0)", "never met");
    refuse(LINE, "~default", "not taken away");
    refuse(LINE, "default:EPERM", "neither tests nor an answer");
    refuse("SystemCallLog", "read(0=1)", "only names");
    refuse("SystemCallErrorNumber", "allow", "refuses nothing");
    refuse("SystemCallArchitectures", "pdp11", "no architecture");
    refuse("RestrictAddressFamilies", "AF_UNXI", "'AF_UNXI' is no address family");
    refuse("RestrictAddressFamilies", "TIOCSTI", "no address family");
    cr_assert_eq(spec.filter.count, 0u);
}

Test(filter, more_instructions_than_the_kernel_takes_are_an_error)
{
    char line[64];

    for (int i = 0; i < 200; i++) {
        snprintf(line, sizeof line, "~@known(0=%d):EPERM", i);
        set(LINE, line);
    }
    cr_assert_eq(filter_compile(&spec, &host, false, &programs, &err), -1);
    cr_assert_eq(err.code, COOP_E_LIMIT);
}

Test(filter, one_that_refuses_execve_starts_nothing)
{
    set(LINE, "~execve:EPERM");
    cr_assert_eq(filter_compile(&spec, &host, false, &programs, &err), -1);
    cr_assert(strstr(err.text, "execve"));
}
