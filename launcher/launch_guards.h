#ifndef LAUNCHER_LAUNCH_GUARDS_H
#define LAUNCHER_LAUNCH_GUARDS_H

#include <stddef.h>
#include <stdint.h>

/* launch_guards.h - the protections by name; a part of launch.h, which is what to include */

/*
 * Every protection has a name (the user's word for it) and is either required, which is the
 * default and stops the launch when this machine refuses it, or preferred: then the launch goes
 * on without it and its name stands in launch_child.lost, which is the receipt.  A family is a
 * word for several of them.
 */
#define LAUNCH_GUARDS(X)                                                                       \
    X(USERS, "PrivateUsers", NAMESPACES)                                                       \
    X(PIDS, "PrivatePIDs", NAMESPACES)                                                         \
    X(MOUNTS, "PrivateMounts", NAMESPACES)                                                     \
    X(NETWORK, "PrivateNetwork", NAMESPACES)                                                   \
    X(IPC, "PrivateIPC", NAMESPACES)                                                           \
    X(UTS, "ProtectHostname", NAMESPACES)                                                      \
    X(CGROUP, "PrivateCgroup", NAMESPACES)                                                     \
    X(TIME, "PrivateTime", NAMESPACES)                                                         \
    X(ROOT, "RootFileSystem", FILES)                                                           \
    X(SYSTEM, "ProtectSystem", FILES)                                                          \
    X(HOME, "ProtectHome", FILES)                                                              \
    X(TMP, "PrivateTmp", FILES)                                                                \
    X(DEVICES, "PrivateDevices", FILES)                                                        \
    X(KERNEL, "ProtectKernelTunables", FILES)                                                  \
    X(PROC, "ProtectProc", FILES)                                                              \
    X(CONTROL_GROUPS, "ProtectControlGroups", FILES)                                           \
    X(TERMINAL, "Terminal", FILES)                                                             \
    X(PATHS, "ReadOnlyPaths", FILES)                                                           \
    X(FROZEN, "FrozenPaths", FILES)                                                            \
    X(NO_NEW_PRIVS, "NoNewPrivileges", PRIVILEGES)                                             \
    X(CAPS, "CapabilityBoundingSet", PRIVILEGES)                                               \
    X(FILTER, "SystemCallFilter", CALLS)                                                       \
    X(NESTING, "RestrictNamespaces", CALLS)                                                    \
    X(WRITE_EXECUTE, "MemoryDenyWriteExecute", PRIVILEGES)                                     \
    X(SECUREBITS, "SecureBits", PRIVILEGES)                                                    \
    X(KEYRING, "KeyringMode", PRIVILEGES)                                                      \
    X(LANDLOCK, "LandlockFiles", LANDLOCK)                                                     \
    X(TRUNCATE, "LandlockTruncate", LANDLOCK)                                                  \
    X(IOCTLS, "LandlockIoctls", LANDLOCK)                                                      \
    X(ABSTRACT, "RestrictAbstractSockets", LANDLOCK)                                           \
    X(SIGNALS, "RestrictSignals", LANDLOCK)                                                    \
    X(BIND_TCP, "BindTCP", LANDLOCK)                                                           \
    X(CONNECT_TCP, "ConnectTCP", LANDLOCK)                                                     \
    X(AUDIT, "LandlockAudit", LANDLOCK)                                                        \
    X(LIMITS, "ResourceLimits", LIMITS)                                                        \
    X(OOM_SCORE, "OOMScoreAdjust", LIMITS)

#define LAUNCH_FAMILIES(X)                                                                     \
    X(NAMESPACES, "namespaces")                                                                \
    X(FILES, "files")                                                                          \
    X(PRIVILEGES, "privileges")                                                                \
    X(CALLS, "calls")                                                                          \
    X(LANDLOCK, "landlock")                                                                    \
    X(LIMITS, "limits")

enum launch_guard {
#define X(id, name, family) LAUNCH_GUARD_##id,
    LAUNCH_GUARDS(X)
#undef X
        LAUNCH_GUARD_COUNT
};

/* A set of guards, one bit each. */
#define LAUNCH_BIT(guard) (UINT64_C(1) << (guard))
#define LAUNCH_ALL_GUARDS (LAUNCH_BIT(LAUNCH_GUARD_COUNT) - 1)

/* The user's word for a guard, and the guard for a word; -1 if there is none.  Any case, and
 * with or without dashes: PrivateUsers, private-users. */
const char *launch_guard_name(enum launch_guard guard);
int launch_guard_find(const char *name);

/* The guards that a word stands for: a guard's name, a family's, or "all". 0 if it is none. */
uint64_t launch_guards_find(const char *word);
/* The known word nearest to this one, or NULL when none comes near. */
const char *launch_guards_nearest(const char *word);

/* "PrivateUsers, PrivateNetwork": the names in a set, for logs and receipts.  Always
 * NUL-terminated; returns ret_text. */
char *launch_guards_text(uint64_t guards, char *ret_text, size_t size);

/* What Require= has named. */
struct launch_required {
    uint64_t guards; /* never preferred                                                     */
    uint64_t named;  /* those named singly: they must be asked for, or nothing is started   */
};

#endif
