#ifndef LAUNCHER_PLAN_H
#define LAUNCHER_PLAN_H

#include <linux/filter.h>
#include <stdint.h>

#include "launcher/launch.h"

/*
 * plan.h - a compiled launch, private to launcher/
 *
 * One block of memory: this struct, then tables, then strings.  Everything refers to everything
 * else by offset from the start of the block, so the block can be copied, sent in a memfd and
 * mapped anywhere.  Two tables must hold pointers, because execve(2) wants them: argv and envp.
 * They are slots filled by plan_bind() once the block has its final address; only then may a
 * child run from it.  The bound block is never written to again (under CLONE_VM children share
 * it).
 */

#define PLAN_MAGIC   UINT32_C(0x506c616e) /* "Plan" */
#define PLAN_VERSION 4
#define PLAN_ALIGN   8 /* of all that is no text */

typedef uint32_t plan_off; /* from the start of the block; 0: nothing */

struct plan_vec {
    plan_off at;
    uint32_t count;
};

/* One file-system operation, compiled. 'ops' are carried out in order. */
enum plan_op_kind {
    PLAN_OP_BIND,    /* open_tree(src), attributes, move to dst                 */
    PLAN_OP_TMPFS,   /* fresh tmpfs at dst                                      */
    PLAN_OP_PROC,    /* fresh proc at dst; the covers are ops of their own      */
    PLAN_OP_DEVPTS,  /* fresh devpts at dst                                     */
    PLAN_OP_MQUEUE,  /* fresh mqueue at dst                                     */
    PLAN_OP_DIR,     /* mkdir                                                   */
    PLAN_OP_SYMLINK, /* dst -> src                                              */
    PLAN_OP_FILE,    /* data at 'data' into dst                                 */
    PLAN_OP_COPY,    /* contents of host file src into dst                      */
    PLAN_OP_MIRROR,  /* src's symlink, or src bound read-only                   */
    PLAN_OP_MASK,    /* cover dst with nothing                                  */
    PLAN_OP_SETATTR, /* change attributes of the mount at dst                   */
    PLAN_OP_SELF,    /* make dst a mount of its own, then change attributes     */
    PLAN_OP_CGROUP,  /* the cgroup tree of the new cgroup namespace at dst      */
    PLAN_OP_DATA,    /* data at 'data' as a mount of its own over dst           */
    PLAN_OP_CHMOD,   /* dst, in a file system of our own, gets 'perms'          */
    PLAN_OP_LOWER,   /* src is read by the next OVERLAY, below those before it  */
    PLAN_OP_OVERLAY, /* the layers at dst; written to src, or to a fresh tmpfs  */
    PLAN_OP_KINDS
};

#define PLAN_MNT_TRY       0x01u /* missing src or dst: skip                      */
#define PLAN_MNT_RECURSIVE 0x02u
#define PLAN_MNT_KEEP      0x04u  /* SELF, MASK, SETATTR: dst must exist already; never made */
#define PLAN_MNT_AUTO      0x10u  /* nobody asked for it: skip when there is no place for it */
#define PLAN_MNT_FILE      0x08u  /* the target is made as a file, not a directory   */
#define PLAN_MNT_HOLD      0x40u  /* PROC, BIND: what follows with _HELD lies inside it  */
#define PLAN_MNT_HELD      0x80u  /* SELF, MASK: the last name of dst, in what is held   */
#define PLAN_MNT_ALONE     0x100u /* BIND: without what is mounted below src             */
#define PLAN_MNT_SAME      0x200u /* BIND: src must be 'dev' and 'ino'              */
#define PLAN_MNT_DEVICE    0x800u /* BIND: src must be the character device 'dev'   */
#define PLAN_MNT_ABSENT    0x400u /* MASK: a dst that is missing is hidden when it comes */
#define PLAN_MNT_EARLY                                                                         \
    0x20u /* BIND: an earlier operation hides src, so its tree is taken
                                    before the first of them; 'data' is its place in line */

#define PLAN_EARLY_MAX 64                 /* descriptors open at once for PLAN_MNT_EARLY     */
#define PLAN_NO_GUARD  LAUNCH_GUARD_COUNT /* no protection but what the program needs: fatal */

struct plan_op {
    uint16_t kind;
    uint16_t flags;
    uint32_t guard; /* enum launch_guard: whose protection is lost if this is refused, or
                       PLAN_NO_GUARD */
    plan_off src, dst;
    uint64_t attr_set, attr_clear; /* MOUNT_ATTR_*                       */
    uint32_t perms;
    /* FILE, DATA: the bytes; EARLY: place in line; PROC: PLAN_PROC_*; OVERLAY with src: its work
     * directory's path */
    plan_off data;
    uint64_t size, inodes;
    uint64_t dev, ino;
};

#define PLAN_PROC_HIDEPID 0x7u /* the kernel's number, 0: as it is          */
#define PLAN_PROC_SUBSET  0x8u /* nothing but processes                     */

/* Empty files take no bytes of a tmpfs, but memory: so they have a ceiling, too. */
static inline uint64_t plan_inodes(uint64_t size)
{
    return size / 4096 + 256;
}

/* What Landlock grants below a path, and to a port (landlock.h). */
struct plan_rule {
    plan_off path;
    uint32_t by_clerk; /* 1: with a clerk, names there are made by that one alone */
    uint64_t access;   /* LAND_* of files */
};

struct plan_port {
    uint32_t port;
    uint32_t access; /* LAND_BIND_TCP, LAND_CONNECT_TCP */
};

/* Ids of a user namespace: 'count' from 'inside' on are those from 'outside' on. */
struct plan_id_map {
    uint32_t inside, outside, count;
};

/* A namespace to be born in: 'flag' is its CLONE_NEW*. */
struct plan_join {
    plan_off path;
    uint32_t flag;
};
#define PLAN_JOINS_MAX 8

struct plan_limit {
    uint32_t which; /* RLIMIT_*                      */
    plan_off name;  /* "LimitNOFILE", for messages   */
    uint64_t soft, hard;
};

struct plan_filter {
    struct plan_vec code; /* struct sock_filter                       */
    plan_off from;        /* the user's word for it, for messages     */
    uint32_t flags;       /* SECCOMP_FILTER_FLAG_*                   */
    uint32_t fallback;    /* only when the kernel lacks a call for it */
    uint64_t guards;      /* LAUNCH_BIT set: what is lost without it  */
};

#define PLAN_SET_UMASK      0x0001u
#define PLAN_SET_NICE       0x0002u
#define PLAN_SET_OOM        0x0004u
#define PLAN_SET_GROUPS     0x0008u /* setgroups(groups)                          */
#define PLAN_SET_IDS        0x0010u /* setresgid, setresuid                       */
#define PLAN_MAP_IDS        0x0020u /* write our own uid_map, gid_map             */
#define PLAN_LOOPBACK       0x0040u
#define PLAN_REAPER         0x0080u /* PID 1 forks the program                    */
#define PLAN_SESSION        0x0100u
#define PLAN_PDEATHSIG      0x0200u
#define PLAN_NO_NEW_PRIVS   0x0400u
#define PLAN_SET_CAPS       0x0800u /* capset to what 'cap_keep' leaves            */
#define PLAN_DROP_BOUNDING  0x1000u
#define PLAN_NEW_ROOT       0x2000u /* tmpfs root, pivot_root                     */
#define PLAN_ROOT_BIND      0x4000u /* the first 'root_ops' make the new root itself */
#define PLAN_ROOT_READ_ONLY 0x8000u
#define PLAN_PRIVATE_VIEW   0x10000u /* mounts change: cut propagation first       */
#define PLAN_NO_NESTING     0x20000u /* max_user_namespaces = 0 inside             */
#define PLAN_CWD_OPTIONAL   0x40000u
#define PLAN_BORROW_IDS     0x100000u   /* born with the ids of map_outside_* (borrow.h) */
#define PLAN_TELL           0x200000u   /* struct launch_facts goes to the parent     */
#define PLAN_HOLD_MAPS      0x800000u   /* somebody else maps the ids: wait for that      */
#define PLAN_UNMAPPED       0x1000000u  /* our own id is in no map: become map_inside_*  */
#define PLAN_ASSERT_NESTING 0x4000000u  /* further user namespaces must be refused       */
#define PLAN_NO_WX          0x40000000u /* nothing writable becomes executable       */
#define PLAN_PERSONALITY    0x08000000u
#define PLAN_SECUREBITS     0x20000000u
#define PLAN_KEYRING        0x10000000u /* a session keyring of its own              */
#define PLAN_LANDLOCK       0x80000000u /* any of land_*                             */
#define PLAN_KEEP_FDS       0x2000000u  /* what the caller has open gets in           */
#define PLAN_STAGE          0x400000u   /* some operation needs a place not seen (stage.h) */
#define PLAN_SUBREAPER                                                                         \
    0x80000u /* with PLAN_REAPER and no PID namespace: INIT_TREE, and
                                        PR_SET_CHILD_SUBREAPER before the fork            */

struct launch_plan {
    uint32_t magic, version;
    uint32_t size;  /* of the whole block */
    uint32_t flags; /* PLAN_*             */
    uint64_t bound; /* address the slots were filled for; 0: not bound */

    uint64_t guards, prefer, lost;         /* LAUNCH_BIT sets: asked for, may fail, left out */
    uint32_t clone_flags;                  /* CLONE_NEW* to be born in                       */
    uint32_t own_time;                     /* it makes itself a time namespace: step "time"  */
    int64_t time_monotonic, time_boottime; /* the offsets in it, ns                  */

    /* identity, as seen after the maps */
    uint32_t uid, gid; /* what to become (PLAN_SET_IDS) */
    uint32_t map_inside_uid, map_outside_uid, map_inside_gid, map_outside_gid;
    struct plan_vec uid_map, gid_map; /* struct plan_id_map; none: the own id alone */
    struct plan_vec groups;           /* gid_t                                      */

    struct plan_vec argv_off, env_off; /* plan_off each                               */
    struct plan_vec argv, env;         /* pointer slots, NULL-terminated (count + 1)  */
    struct plan_vec exec_paths;        /* plan_off: tried in order                    */
    plan_off program;                  /* argv[0] as the user wrote it, for messages          */
    plan_off cwd, hostname;
    plan_off frozen_at; /* the directory that FrozenPaths= is about, or 0: no clerk is needed */
    struct plan_vec joins;  /* struct plan_join */
    uint32_t empty_network; /* the joined network must have nothing up: step "empty-network" */
    plan_off second_users;  /* file of the user namespace for step "second-users", or 0      */
    plan_off network; /* file of the network namespace to be born in; 0: ours or a new one */

    uint64_t root_size;         /* ceiling of an empty root's tmpfs, bytes */
    struct plan_vec ops;        /* struct plan_op          */
    uint32_t root_ops;          /* with PLAN_ROOT_BIND: BIND, or LOWER ... OVERLAY */
    struct plan_vec lock_files; /* plan_off: paths inside */
    struct plan_vec limits;     /* struct plan_limit       */
    struct plan_vec filters;    /* struct plan_filter, in the order of loading */
    struct launch_bounds bounds;

    uint64_t land_fs, land_net, land_scoped; /* what Landlock judges: LAND_*              */
    struct plan_vec land_rules;              /* struct plan_rule: granted all the same    */
    struct plan_vec land_ports;              /* struct plan_port                          */
    uint32_t land_flags;                     /* of landlock_restrict_self(2)              */
    plan_off own_pid[2]; /* digits in the environment that become the program's PID, or 0 */

    uint64_t cap_keep;    /* may stay in the bounding, permitted and effective sets */
    uint64_t cap_ambient; /* also inheritable, so that they survive exec            */
    uint32_t umask;
    uint32_t securebits; /* PLAN_SECUREBITS: SECBIT_*            */
    uint32_t keyring;    /* PLAN_KEYRING: enum launch_keyring    */
    int32_t nice, oom_score;
    uint32_t propagation; /* enum launch_propagation */
    uint32_t terminal;    /* 1: a pty of its own     */
};

/* ---- reading a plan -------------------------------------------------------------------- */

static inline const void *plan_at(const struct launch_plan *plan, plan_off off)
{
    return (const char *)plan + off;
}

/* NULL for offset 0. */
static inline const char *plan_str(const struct launch_plan *plan, plan_off off)
{
    return off ? (const char *)plan + off : (const char *)0;
}

/* "LimitNOFILE" for RLIMIT_NOFILE; NULL for none. In sandbox_settings.c. */
const char *launch_limit_name(uint32_t which);

/* Fills the pointer slots for the address the block is at now. Idempotent. */
void plan_bind(struct launch_plan *plan);

/* Whether 'size' bytes at 'block' are a plan this build can run: magic, version, every vector
 * and offset inside the block, strings terminated. 0 or -EINVAL. For a block from another
 * process. */
int plan_verify(const void *block, size_t size);

#endif
