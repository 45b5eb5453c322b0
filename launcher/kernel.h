#ifndef LAUNCHER_KERNEL_H
#define LAUNCHER_KERNEL_H

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sys/syscall.h>

/*
 * kernel.h - kernel names in one place, for headers that are older than the kernels we run on
 *
 * <linux/mount.h> and glibc's <sys/mount.h> cannot be included together (glibc 2.36), so files
 * that mount include this one, and take the two flags of the old API from here.
 */

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef OPEN_TREE_CLOEXEC
#define OPEN_TREE_CLOEXEC O_CLOEXEC
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif
#ifndef SIOCGIFFLAGS
#define SIOCGIFFLAGS 0x8913
#define SIOCSIFFLAGS 0x8914
#endif

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

/* All namespaces that a clone or an unshare can make. */
#define KERNEL_NAMESPACES                                                                      \
    (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | \
     CLONE_NEWCGROUP)

#endif
