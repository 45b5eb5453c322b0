#ifndef LAUNCHER_LANDLOCK_H
#define LAUNCHER_LANDLOCK_H

#include <stdint.h>

/*
 * landlock.h - Landlock's names, for headers that are older than the kernels we run on; private to
 * launcher/
 *
 * Landlock judges by inode, wherever a process meets it: it holds where mounts do not (a file
 * handed in as descriptor, a machine that refuses namespaces), and needs no privilege.  What it
 * can judge grew by its ABI; what a kernel lacks is told, never passed over:
 *
 *     ABI  kernel  judges as well
 *      1   5.13    files: execute, read, write, make, remove
 *      2   5.19    REFER: moving and linking between directories
 *      3   6.2     TRUNCATE
 *      4   6.7     TCP ports: bind, connect
 *      5   6.10    IOCTL_DEV: ioctls of devices
 *      6   6.12    scopes: abstract sockets and signals stay inside
 *      7   6.15    what is written to the audit log
 */

#define LAND_EXECUTE     (UINT64_C(1) << 0)
#define LAND_WRITE_FILE  (UINT64_C(1) << 1)
#define LAND_READ_FILE   (UINT64_C(1) << 2)
#define LAND_READ_DIR    (UINT64_C(1) << 3)
#define LAND_REMOVE_DIR  (UINT64_C(1) << 4)
#define LAND_REMOVE_FILE (UINT64_C(1) << 5)
#define LAND_MAKE_CHAR   (UINT64_C(1) << 6)
#define LAND_MAKE_DIR    (UINT64_C(1) << 7)
#define LAND_MAKE_REG    (UINT64_C(1) << 8)
#define LAND_MAKE_SOCK   (UINT64_C(1) << 9)
#define LAND_MAKE_FIFO   (UINT64_C(1) << 10)
#define LAND_MAKE_BLOCK  (UINT64_C(1) << 11)
#define LAND_MAKE_SYM    (UINT64_C(1) << 12)
#define LAND_REFER       (UINT64_C(1) << 13)
#define LAND_TRUNCATE    (UINT64_C(1) << 14)
#define LAND_IOCTL_DEV   (UINT64_C(1) << 15)

#define LAND_BIND_TCP    (UINT64_C(1) << 0)
#define LAND_CONNECT_TCP (UINT64_C(1) << 1)

#define LAND_ABSTRACT (UINT64_C(1) << 0)
#define LAND_SIGNAL   (UINT64_C(1) << 1)

#define LAND_LOG_NEW_EXEC                                                                      \
    (UINT32_C(1) << 1) /* flag of restrict_self: log what exec'd programs do */

/* The rights that we grant together. */
#define LAND_READ   (LAND_READ_FILE | LAND_READ_DIR)
#define LAND_CHANGE (LAND_WRITE_FILE | LAND_TRUNCATE) /* of a file */
#define LAND_NODES  (LAND_MAKE_CHAR | LAND_MAKE_BLOCK)
#define LAND_WRITE                                                                             \
    (LAND_CHANGE | LAND_IOCTL_DEV | LAND_REMOVE_DIR | LAND_REMOVE_FILE | LAND_MAKE_DIR |       \
     LAND_MAKE_REG | LAND_MAKE_SOCK | LAND_MAKE_FIFO | LAND_MAKE_SYM | LAND_REFER)
#define LAND_MAKE                                                                              \
    (LAND_NODES | LAND_MAKE_DIR | LAND_MAKE_REG | LAND_MAKE_SOCK | LAND_MAKE_FIFO |            \
     LAND_MAKE_SYM | LAND_REFER) /* a name, of whatever kind */
#define LAND_ALL     (LAND_READ | LAND_EXECUTE | LAND_WRITE | LAND_NODES)
#define LAND_OF_FILE (LAND_EXECUTE | LAND_READ_FILE | LAND_CHANGE | LAND_IOCTL_DEV)

/* What goes to landlock_create_ruleset(2); older kernels want a shorter one. */
struct land_ruleset {
    uint64_t fs, net, scoped;
};

/* In steps_landlock.c: the kernel's ABI, 0 without Landlock; the guards that such a one lacks. */
unsigned land_abi(void);
uint64_t land_refused(unsigned abi);

#endif
