/*
 * default.c - what the word "default" of SystemCallFilter= stands for
 *
 * What ordinary programs use: the class of systemd's @system-service without keyrings, handles,
 * userfaultfd and io_uring.  What is not named here is refused with EPERM if it has a name, and
 * with ENOSYS if it has none.
 */
#include "launcher/filter/list.h"

const char *const filter_default_lines[] = {
    /* clang-format off */
    /* files */
    "access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat "
    "faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl "
    "fdatasync fgetxattr file_getattr flistxattr flock fremovexattr fsetxattr fstat fstatfs fsync "
    "ftruncate futimesat getcwd getdents getdents64 getxattr getxattrat inotify_add_watch "
    "inotify_init inotify_init1 inotify_rm_watch ioctl lchown lgetxattr link linkat listxattr "
    "listxattrat llistxattr lremovexattr lseek lsetxattr lstat mkdir mkdirat mknod mknodat "
    "newfstatat open openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 "
    "read readahead readlink readlinkat readv removexattr removexattrat rename renameat renameat2 "
    "rmdir sendfile setxattr setxattrat splice stat statfs statx symlink symlinkat sync "
    "sync_file_range syncfs tee truncate umask unlink unlinkat utime utimensat utimes "
    "write writev",
    /* waiting */
    "epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 "
    "poll ppoll pselect6 select signalfd signalfd4 timerfd_create timerfd_gettime timerfd_settime "
    "pause",
    /* memory */
    "brk cachestat madvise map_shadow_stack memfd_create mincore mlock mlock2 mlockall mmap "
    "mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect "
    "membarrier get_mempolicy set_mempolicy set_mempolicy_home_node memfd_secret process_mrelease",
    /* processes */
    "clone execve execveat exit exit_group fork getpgid getpgrp getpid getppid getpriority "
    "getrlimit getrusage getsid gettid kill pidfd_open pidfd_send_signal prctl prlimit64 rseq "
    "set_robust_list get_robust_list set_tid_address setpgid setpriority setrlimit setsid sysinfo "
    "tgkill times tkill uname unshare vfork wait4 waitid arch_prctl personality ioprio_get "
    "ioprio_set getcpu kcmp sched_get_priority_max sched_get_priority_min sched_getaffinity "
    "sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity "
    "sched_setattr sched_setparam sched_setscheduler sched_yield futex futex_waitv futex_wake "
    "futex_wait futex_requeue",
    /* signals */
    "restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn "
    "rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sigaltstack uprobe "
    "uretprobe",
    /* identity: the kernel judges these by capability and map */
    "capget capset getegid geteuid getgid getgroups getresgid getresuid getuid setfsgid setfsuid "
    "setgid setgroups setregid setresgid setresuid setreuid setuid seccomp landlock_create_ruleset "
    "landlock_add_rule landlock_restrict_self lsm_get_self_attr lsm_list_modules",
    /* time, chance */
    "alarm clock_getres clock_gettime clock_nanosleep getitimer getrandom gettimeofday nanosleep "
    "setitimer time timer_create timer_delete timer_getoverrun timer_gettime timer_settime",
    /* talking */
    "accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg "
    "recvmsg sendmmsg sendmsg sendto setsockopt shutdown socket socketpair mq_getsetattr mq_notify "
    "mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd semctl semget "
    "semop semtimedop shmat shmctl shmdt shmget io_cancel io_destroy io_getevents io_pgetevents "
    "io_setup io_submit",

    /* Only on other ABIs: what 32-bit programs call instead of the above. */
    "_llseek _newselect chown32 clock_getres_time64 clock_gettime64 clock_nanosleep_time64 "
    "fadvise64_64 fchown32 fcntl64 fstat64 fstatat64 fstatfs64 "
    "ftruncate64 futex_time64 getegid32 geteuid32 getgid32 getgroups32 getresgid32 getresuid32 "
    "getuid32 io_pgetevents_time64 ipc lchown32 lstat64 mmap2 mq_timedreceive_time64 "
    "mq_timedsend_time64 nice oldfstat oldlstat oldolduname oldstat olduname ppoll_time64 "
    "pselect6_time64 recvmmsg_time64 rt_sigtimedwait_time64 sched_rr_get_interval_time64 "
    "semtimedop_time64 sendfile64 setfsgid32 setfsuid32 setgid32 setgroups32 setregid32 "
    "setresgid32 setresuid32 setreuid32 setuid32 sgetmask sigaction signal sigpending sigprocmask "
    "sigreturn sigsuspend socketcall ssetmask stat64 statfs64 timer_gettime64 timer_settime64 "
    "timerfd_gettime64 timerfd_settime64 truncate64 ugetrlimit utimensat_time64 waitpid",

    /* Taken for absent: libc and programs have another way, and that one can be judged. */
    "~set_thread_area:ENOSYS vmsplice:ENOSYS",
    /* Types into the terminal, pastes into it, loads line disciplines. */
    "~ioctl(1=TIOCSTI) ioctl(1=TIOCLINUX) ioctl(1=TIOCSETD)",
    /* May be asked and left, not changed. */
    "~personality(0!=0,0!=0xffffffff)",
    /* Nobody answers calls for others. */
    "~seccomp(1&SECCOMP_FILTER_FLAG_NEW_LISTENER)",
    /* Families that have had holes and that no ordinary program speaks. */
    "~socket(0!=AF_UNIX,0!=AF_INET,0!=AF_INET6,0!=AF_NETLINK):EAFNOSUPPORT",
    NULL
    /* clang-format on */
};
