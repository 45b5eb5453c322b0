/*
 * sandbox_settings.c - one row per key of a sandbox
 *
 * The same rows are the keys of [Sandbox], the sandbox keys of [Service] and the flags of coop-run
 * (docs/design.md, 7). Where systemd has the key, spelling, values and default are systemd's.
 */
#include "launcher/launch.h"
#include "launcher/plan.h"
#include "launcher/setting_kinds.h"

#include "base/scope.h"
#include <sys/resource.h>

#define FIELD(name) .field = offsetof(struct launch_spec, name)
#define LIMIT(which)                                                                           \
    .field = offsetof(struct launch_spec, limits) + (which) * sizeof(struct launch_limit)
#define BOOL(name) &setting_bool, FIELD(name), .fallback = "no"

static const char *const root_names[] = {"host", "empty", NULL};
static const char *const system_names[] = {"no", "yes", "full", "strict", NULL};
static const char *const proc_names[] = {"default", "noaccess", "invisible", "ptraceable",
                                         NULL};
static const char *const subset_names[] = {"all", "pid", NULL};
static const char *const cgroup_names[] = {"no", "yes", "private", "strict", NULL};
static const char *const propagation_names[] = {"slave", "private", "shared", NULL};
static const char *const home_names[] = {"no", "yes", "read-only", "tmpfs", NULL};

static const char *const caller_names[] = {"hidden", "read-only", "writable", NULL};
static const char *const terminal_names[] = {"inherit", "own", "auto", NULL};
static const char *const keyring_names[] = {"inherit", "private", "shared", NULL};

/* clang-format off */
static const struct setting rows[] = {
    /* namespaces */
    {"Sandbox", "PrivateUsers", BOOL(private_users),
     .help = "Own user namespace: ids of the host mean nothing inside, and no capability over the host can be had. An ordinary user always gets one with any other namespace."},
    {"Sandbox", "UIDMap", &kind_id_map, FIELD(uid_map), .metavar = "INSIDE:OUTSIDE[:COUNT]...",
     .help = "User ids of the own user namespace: COUNT ids from INSIDE on are those from OUTSIDE on. 'auto': the caller's own id, and id N is its N-th subordinate one of /etc/subuid. Without root newuidmap maps them."},
    {"Sandbox", "GIDMap", &kind_id_map, FIELD(gid_map), .metavar = "INSIDE:OUTSIDE[:COUNT]...",
     .help = "The same for group ids; 'auto' is by /etc/subgid. With it supplementary groups of the caller are dropped."},
    {"Sandbox", "PrivatePIDs", BOOL(private_pids), .flag = "private-pids",
     .help = "Own process ids: no process outside can be seen or signalled, and all inside end together."},
    {"Sandbox", "PrivateMounts", BOOL(private_mounts),
     .help = "Own mount table: nothing mounted inside shows outside. Implied by every key that changes the file system."},
    {"Sandbox", "PrivateNetwork", BOOL(private_network),
     .help = "Own network with nothing but a loopback interface."},
    {"Sandbox", "Loopback", &setting_bool, FIELD(loopback), .fallback = "yes",
     .help = "With PrivateNetwork: bring the loopback interface up."},
    {"Sandbox", "NetworkNamespacePath", &setting_path, FIELD(network), .metavar = "FILE",
     .help = "The network namespace to be in, whatever PrivateNetwork says: a file like /run/netns/NAME, /proc/PID/ns/net, or /proc/self/fd/NUMBER. Needs root, or UserNamespacePath."},
    {"Sandbox", "EmptyNetworkPath", &setting_path, FIELD(empty_network), .metavar = "FILE",
     .help = "A network with no interface up that many sandboxes share, which is faster than a new one each: the socket of coop-run --hold-network, or for root a namespace's file. Sockets are unix ones only, and abstract names end at the sandbox, or nothing is started; the others can read their names, which a network of its own (PrivateNetwork) hides. Needs PrivateUsers."},
    {"Sandbox", "EmptyNetwork", BOOL(own_empty_network),
     .help = "EmptyNetworkPath of a network that coop-run holds for all sandboxes of the caller: a small process keeps it, starts when it is needed and ends when nobody has asked for a minute."},
    {"Sandbox", "UserNamespacePath", &setting_path, FIELD(users), .metavar = "FILE",
     .help = "The user namespace to be in instead of a new one, as NetworkNamespacePath: one that the caller has power over. Others that belong to it can be joined with it, also without root."},
    {"Sandbox", "PIDNamespacePath", &setting_path, FIELD(pids), .metavar = "FILE",
     .help = "The PID namespace to be in; with PrivatePIDs a new one is made below it."},
    {"Sandbox", "MountNamespacePath", &setting_path, FIELD(mounts_of), .metavar = "FILE",
     .help = "The mount namespace whose files are seen; with keys that change the file system a copy of it."},
    {"Sandbox", "IPCNamespacePath", &setting_path, FIELD(ipc), .metavar = "FILE",
     .help = "The IPC namespace to be in, whatever PrivateIPC says."},
    {"Sandbox", "UTSNamespacePath", &setting_path, FIELD(uts), .metavar = "FILE",
     .help = "The UTS namespace to be in, whatever ProtectHostname says."},
    {"Sandbox", "CgroupNamespacePath", &setting_path, FIELD(cgroup), .metavar = "FILE",
     .help = "The cgroup namespace to be in, whatever PrivateCgroup says."},
    {"Sandbox", "TimeNamespacePath", &setting_path, FIELD(time), .metavar = "FILE",
     .help = "The time namespace to be in, whatever PrivateTime says."},
    {"Sandbox", "PrivateIPC", BOOL(private_ipc),
     .help = "Own System V IPC objects and POSIX message queues."},
    {"Sandbox", "ProtectHostname", BOOL(protect_hostname),
     .help = "Own host name: changing it changes nothing outside."},
    {"Sandbox", "Hostname", &setting_string, FIELD(hostname), .flag = "", /* coop-run has its own */
     .help = "The host name inside. Needs ProtectHostname."},
    {"Sandbox", "PrivateCgroup", BOOL(private_cgroup),
     .help = "Own view of the cgroup tree, with the own cgroup as its root."},
    {"Sandbox", "PrivateTime", BOOL(private_time),
     .help = "Own time namespace: the clocks since boot can be shifted in it. Implied by the two offsets."},
    {"Sandbox", "TimeOffsetMonotonic", &kind_offset, FIELD(time_monotonic),
     .help = "How far CLOCK_MONOTONIC is shifted inside: 1d, -30s. It cannot be shifted below zero."},
    {"Sandbox", "TimeOffsetBoottime", &kind_offset, FIELD(time_boottime),
     .help = "The same for CLOCK_BOOTTIME, which is the uptime that programs show."},
    {"Sandbox", "RestrictNamespaces", BOOL(restrict_namespaces),
     .help = "Refuse to make or join further namespaces inside."},
    {"Sandbox", "AsPid1", BOOL(as_pid_1), .flag = "as-pid-1",
     .help = "With PrivatePIDs: the program itself is PID 1; no reaper runs above it."},

    /* file system */
    {"Sandbox", "RootFileSystem", &setting_enum, FIELD(root), .names = root_names, .fallback = "host",
     .help = "Start from the host's files, or from an empty root that only has what is put there."},
    {"Sandbox", "RootReadOnly", BOOL(root_read_only),
     .help = "Make an empty root read-only once it is furnished."},
    {"Sandbox", "FileSystem", &kind_mounts, FIELD(mounts),
     .help = "One more operation on the file system, in bubblewrap's words: 'ro-bind SRC DST', 'perms 1777 size 1G tmpfs DST', 'symlink TEXT DST' and so on; also 'mirror PATH' (as on the host: the same link, or read-only), 'ro-bind-same PATH' (the host's, read-only, where it exists) and 'copy PATH' (a small file's contents). In order, later ones win."},
    {"Sandbox", "CallerDirectory", &setting_enum, FIELD(caller_directory), .names = caller_names, .fallback = "read-only",
     .help = "The directory that coop-run is called in, where the root is an empty one that a profile has furnished: hidden, read-only, or writable. Homes and directories of the system are never shown."},
    {"Sandbox", "FrozenPaths", &setting_words, FIELD(frozen),
     .help = "Names in the directory that coop-run is called in, where that is writable: what is there is read-only and stays where it is; what is missing cannot be made. With '**/' in front also in every directory below that was there at the start. '.*' stands for the dotfiles that there are."},
    {"Sandbox", "RootDirectory", &setting_path, FIELD(root_directory), .metavar = "DIR",
     .help = "A directory of the host that becomes the root; it is the host's, and stays writable unless a key says otherwise."},
    {"Sandbox", "MountAPIVFS", &setting_bool, FIELD(mount_api_vfs), .fallback = "yes",
     .help = "With RootDirectory: mount /proc, /sys, /dev and an empty /run in it, where it has such directories."},
    {"Sandbox", "MountFlags", &setting_enum, FIELD(propagation), .names = propagation_names, .fallback = "slave",
     .help = "Whether later mounts of the host show inside: slave lets them, private does not; shared is slave, and passes mounts on to namespaces made inside."},
    {"Sandbox", "ProtectSystem", &kind_degree, FIELD(protect_system), .names = system_names, .fallback = "no",
     .help = "Read-only: with yes /usr and /boot, with full /etc as well, with strict everything but /dev, /proc and /sys."},
    {"Sandbox", "ProtectHome", &kind_degree, FIELD(protect_home), .names = home_names, .fallback = "no",
     .help = "Make /home, /root and /run/user inaccessible (yes), read-only, or empty (tmpfs)."},
    {"Sandbox", "PrivateTmp", BOOL(private_tmp),
     .help = "Own empty /tmp and /var/tmp, gone when the last process ends."},
    {"Sandbox", "PrivateDevices", BOOL(private_devices),
     .help = "A /dev with null, zero, full, random, urandom, tty, terminals of its own, and nothing else."},
    {"Sandbox", "ProtectKernelTunables", BOOL(protect_kernel),
     .help = "Make /proc/sys, /sys and their like read-only, and hide the kernel's memory and keys."},
    {"Sandbox", "ProtectClock", BOOL(protect_clock),
     .help = "Refuse to set the clocks: the capabilities and the calls for it."},
    {"Sandbox", "ProtectKernelModules", BOOL(protect_modules),
     .help = "Refuse to load kernel modules, and hide them: capability, calls and /usr/lib/modules."},
    {"Sandbox", "ProtectKernelLogs", BOOL(protect_logs),
     .help = "Refuse the kernel's log: capability, syslog(2), /dev/kmsg and /proc/kmsg."},
    {"Sandbox", "ProtectControlGroups", &kind_degree, FIELD(protect_cgroups), .names = cgroup_names, .fallback = "no",
     .help = "Make /sys/fs/cgroup read-only (yes), show only the own groups there (private), or both (strict)."},
    {"Sandbox", "ProtectProc", &setting_enum, FIELD(protect_proc), .names = proc_names, .fallback = "default",
     .help = "Of other users' processes /proc has no details (noaccess), nothing at all (invisible), or nothing of those that cannot be traced (ptraceable)."},
    {"Sandbox", "ProcSubset", &setting_enum, FIELD(proc_subset), .names = subset_names, .fallback = "all",
     .help = "With pid, /proc has processes only, and nothing of the system."},
    {"Sandbox", "ReadOnlyPaths", &kind_paths, FIELD(read_only),
     .help = "Paths to make read-only, with everything below. A '-' in front: may be missing; a '+': in RootDirectory, not on the host."},
    {"Sandbox", "ReadWritePaths", &kind_paths, FIELD(read_write),
     .help = "Paths to leave writable below a read-only one."},
    {"Sandbox", "InaccessiblePaths", &kind_paths, FIELD(inaccessible),
     .help = "Paths to hide behind an empty file or directory that nobody can open; one that is missing is hidden when it comes, where the program cannot make it."},
    {"Sandbox", "NoExecPaths", &kind_paths, FIELD(no_exec),
     .help = "Paths below which nothing can be executed."},
    {"Sandbox", "ExecPaths", &kind_paths, FIELD(exec),
     .help = "Paths to leave executable below one of NoExecPaths."},
    {"Sandbox", "BindPaths", &kind_binds, FIELD(bind),
     .help = "Show the host's SRC at DST (the same path without one), writable. With ':norbind' behind them: without what is mounted below SRC."},
    {"Sandbox", "BindReadOnlyPaths", &kind_binds, FIELD(bind_read_only),
     .help = "Show the host's SRC at DST, read-only."},
    {"Sandbox", "TemporaryFileSystem", &kind_temporary, FIELD(temporary),
     .help = "A fresh empty directory at PATH. Options: ro, noexec, mode=OCTAL, size=SIZE, nr_inodes=NUMBER."},

    /* power */
    {"Sandbox", "NoNewPrivileges", BOOL(no_new_privs),
     .help = "Set-id programs and file capabilities give nothing. Implied by SystemCallFilter and RestrictNamespaces."},
    {"Sandbox", "CapabilityBoundingSet", &kind_caps_keep, FIELD(cap_dropped),
     .help = "Capabilities the program can have at most; with '~' in front: cannot have. 'none' leaves none."},
    {"Sandbox", "AmbientCapabilities", &kind_caps, FIELD(cap_ambient),
     .help = "Capabilities the program has although it is not root."},
    {"Sandbox", "SystemCallFilter", &kind_filter, FIELD(filter),
     .help = "System calls and @sets that are allowed, or with '~' in front refused. 'default' is what ordinary programs use; further lines add and, with '~', take away; 'none' drops the lines so far. CALL(TEST,...):ANSWER judges by arguments (1=TIOCSTI, 0!=AF_UNIX, 0&CLONE_NEWUSER) and answers with an errno, kill, trap, log or allow."},
    {"Sandbox", "RestrictAddressFamilies", &kind_families, FIELD(address_families),
     .help = "Families of sockets that can be made, or with '~' in front cannot; 'none' for none."},
    {"Sandbox", "RestrictRealtime", BOOL(restrict_realtime),
     .help = "Refuse real-time scheduling."},
    {"Sandbox", "RestrictSUIDSGID", BOOL(restrict_suid_sgid),
     .help = "Refuse to make files set-user-ID or set-group-ID."},
    {"Sandbox", "LockPersonality", BOOL(lock_personality),
     .help = "Refuse to change the kernel's execution domain."},
    {"Sandbox", "SeccompProfile", &kind_profile, FIELD(filter_profile),
     .help = "A profile of a container engine (Docker, Podman, OCI: JSON) that judges system calls besides."},
    {"Sandbox", "SystemCallErrorNumber", &kind_answer, FIELD(filter_refusal),
     .help = "What a call gets that SystemCallFilter refuses; with 'log' it is only written to the kernel's log, to learn what a program needs. Without it: EPERM where SystemCallFilter says 'default', else the process is killed."},
    {"Sandbox", "SystemCallArchitectures", &kind_abis, FIELD(filter_abis),
     .help = "ABIs that may be used, 'native' always; calls of all others are absent. Without it all are judged by the same rules."},
    {"Sandbox", "SystemCallLog", &kind_filter_log, FIELD(filter_log),
     .help = "System calls and @sets that are written to the kernel's log when they are allowed."},

    {"Sandbox", "MemoryDenyWriteExecute", BOOL(deny_write_execute),
     .help = "No memory that was writable becomes executable, and none is both. Programs that compile at run time need that."},
    {"Sandbox", "SecureBits", &kind_securebits, FIELD(securebits),
     .help = "How uid 0 and capabilities hang together: keep-caps, no-setuid-fixup, noroot, no-cap-ambient-raise, each also with -locked."},
    {"Sandbox", "KeyringMode", &setting_enum, FIELD(keyring), .names = keyring_names, .fallback = "inherit",
     .help = "The session keyring of the kernel: of the caller (inherit), an empty one (private), or one with the keys of the user in it (shared)."},

    /* Landlock */
    {"Sandbox", "Landlock", BOOL(landlock),
     .help = "A second wall for files, that judges a file and not the way to it: what is not writable by the mounts cannot be written by another way either. The only wall for files where mounts are refused and preferred."},
    {"Sandbox", "RestrictAbstractSockets", BOOL(restrict_abstract),
     .help = "No connection to abstract unix sockets of processes outside."},
    {"Sandbox", "RestrictSignals", BOOL(restrict_signals),
     .help = "No signal to processes outside."},
    {"Sandbox", "BindTCP", &kind_ports, FIELD(bind_tcp),
     .help = "TCP ports that can be listened on: PORT, FIRST-LAST, or none. Others are refused; UDP is not covered."},
    {"Sandbox", "ConnectTCP", &kind_ports, FIELD(connect_tcp),
     .help = "TCP ports that can be connected to: PORT, FIRST-LAST, or none. Others are refused; UDP is not covered."},
    {"Sandbox", "LandlockAudit", BOOL(landlock_audit),
     .help = "Write what Landlock refuses to the kernel's audit log."},

    /* limits */
    {"Sandbox", "UMask", &kind_mode, FIELD(umask), .flag = "umask",
     .help = "The file mode mask, octal."},
    {"Sandbox", "Nice", &kind_number, FIELD(nice), .min = -20, .max = 19,
     .help = "The scheduling priority: -20 is the most favourable, 19 the least."},
    {"Sandbox", "OOMScoreAdjust", &kind_number, FIELD(oom_score), .min = -1000, .max = 1000,
     .help = "Who is killed first when memory runs out: 1000 is first, -1000 is never."},
    {"Sandbox", "LimitCPU", &kind_limit, LIMIT(RLIMIT_CPU), .help = "Seconds of CPU time per process."},
    {"Sandbox", "LimitFSIZE", &kind_limit, LIMIT(RLIMIT_FSIZE), .max = 1, .help = "Size of a file that is written."},
    {"Sandbox", "LimitDATA", &kind_limit, LIMIT(RLIMIT_DATA), .max = 1, .help = "Size of the data segment."},
    {"Sandbox", "LimitSTACK", &kind_limit, LIMIT(RLIMIT_STACK), .max = 1, .help = "Size of the stack."},
    {"Sandbox", "LimitCORE", &kind_limit, LIMIT(RLIMIT_CORE), .max = 1, .help = "Size of a core file."},
    {"Sandbox", "LimitRSS", &kind_limit, LIMIT(RLIMIT_RSS), .max = 1, .help = "Resident memory (kernels of today ignore it)."},
    {"Sandbox", "LimitNOFILE", &kind_limit, LIMIT(RLIMIT_NOFILE), .help = "Open descriptors per process."},
    {"Sandbox", "LimitAS", &kind_limit, LIMIT(RLIMIT_AS), .max = 1, .help = "Address space per process."},
    {"Sandbox", "LimitNPROC", &kind_limit, LIMIT(RLIMIT_NPROC), .help = "Processes of this user."},
    {"Sandbox", "LimitMEMLOCK", &kind_limit, LIMIT(RLIMIT_MEMLOCK), .max = 1, .help = "Memory that may be locked."},
    {"Sandbox", "LimitLOCKS", &kind_limit, LIMIT(RLIMIT_LOCKS), .help = "File locks (kernels of today ignore it)."},
    {"Sandbox", "LimitSIGPENDING", &kind_limit, LIMIT(RLIMIT_SIGPENDING), .help = "Queued signals of this user."},
    {"Sandbox", "LimitMSGQUEUE", &kind_limit, LIMIT(RLIMIT_MSGQUEUE), .max = 1, .help = "Bytes in message queues of this user."},
    {"Sandbox", "LimitNICE", &kind_limit, LIMIT(RLIMIT_NICE), .help = "How far the priority may be raised: 20 minus the lowest nice value."},
    {"Sandbox", "LimitRTPRIO", &kind_limit, LIMIT(RLIMIT_RTPRIO), .help = "The highest real-time priority."},
    {"Sandbox", "LimitRTTIME", &kind_limit, LIMIT(RLIMIT_RTTIME), .help = "Microseconds of real-time CPU without a blocking call."},

    /* bounds of the whole tree */
    {"Sandbox", "WallTime", &setting_duration, FIELD(bounds.wall_time), .min = COOP_NSEC_PER_MSEC, .max = LAUNCH_UNBOUND,
     .fallback = "infinity", .help = "How long it may run; then everything inside is ended, stopped or not."},
    {"Sandbox", "CPUTime", &setting_duration, FIELD(bounds.cpu_time), .min = COOP_NSEC_PER_MSEC, .max = LAUNCH_UNBOUND,
     .fallback = "infinity", .help = "CPU time of all processes inside taken together; then everything is ended."},
    {"Sandbox", "OutputMax", &setting_bytes, FIELD(bounds.output), .min = 1, .max = LAUNCH_UNBOUND,
     .fallback = "infinity", .help = "Bytes to standard output and error together; those within it are passed on, then everything is ended. Both become pipes, or where standard input is a terminal a pty of its own."},
    {"Sandbox", "DiskMax", &setting_bytes, FIELD(bounds.disk_max), .min = 4096, .max = LAUNCH_UNBOUND,
     .fallback = "infinity", .help = "Bytes by which all that it may write to may grow together: directories bound writable, and fresh file systems. Then everything is ended."},
    {"Sandbox", "DiskFilesMax", &setting_int64, FIELD(bounds.disk_files_max), .min = 1, .max = LAUNCH_UNBOUND,
     .fallback = "infinity", .help = "The same for files and directories."},
    {"Sandbox", "StopGrace", &setting_duration, FIELD(bounds.stop_grace), .min = 0, .max = LAUNCH_UNBOUND,
     .fallback = "infinity", .help = "Ending is SIGTERM first, and SIGKILL so much later. Unset: a limit ends with SIGKILL at once, and a signal to coop-run is only passed on."},
    {"Sandbox", "MemoryMax", &setting_bytes, FIELD(bounds.memory_max), .min = 4096, .max = LAUNCH_UNBOUND,
     .fallback = "infinity", .help = "Memory of everything inside together; what needs more is killed, and all with it."},
    {"Sandbox", "MemoryHigh", &setting_bytes, FIELD(bounds.memory_high), .min = 4096, .max = LAUNCH_UNBOUND,
     .fallback = "infinity", .help = "Memory from which on the processes inside are slowed down and their memory is reclaimed."},
    {"Sandbox", "MemorySwapMax", &setting_bytes, FIELD(bounds.memory_swap_max), .min = 0, .max = LAUNCH_UNBOUND,
     .fallback = "infinity", .help = "Swap space of everything inside together."},
    {"Sandbox", "TasksMax", &kind_tasks, FIELD(bounds.tasks_max), .min = 1, .max = LAUNCH_UNBOUND,
     .fallback = "infinity", .help = "Processes and threads inside, PID 1 of the sandbox among them; forks beyond fail. In percent: of what the kernel allows all together."},
    {"Sandbox", "CPUQuota", &kind_percent, FIELD(bounds.cpu_quota), .min = 10, .max = 10000000,
     .fallback = "infinity", .help = "Share of one processor that everything inside gets at most; 200% is two processors."},
    {"Sandbox", "CPUWeight", &kind_weight, FIELD(bounds.cpu_weight), .min = 1, .max = 10000,
     .help = "Share of the processors where they are short, beside 100 of everybody else."},
    {"Sandbox", "IOWeight", &kind_weight, FIELD(bounds.io_weight), .min = 1, .max = 10000,
     .help = "Share of input and output where it is short, beside 100 of everybody else."},
    {"Sandbox", "IOReadBandwidthMax", &kind_io, FIELD(bounds.read_bytes),
     .help = "PATH SIZE: bytes a second that everything inside reads at most from the disk that PATH is, or lies on."},
    {"Sandbox", "IOWriteBandwidthMax", &kind_io, FIELD(bounds.write_bytes),
     .help = "The same for writing."},
    {"Sandbox", "IOReadIOPSMax", &kind_io, FIELD(bounds.read_ops),
     .help = "The same for reads, however large."},
    {"Sandbox", "IOWriteIOPSMax", &kind_io, FIELD(bounds.write_ops),
     .help = "The same for writes."},

    /* terminal, life, environment */
    {"Sandbox", "Terminal", &setting_enum, FIELD(terminal), .names = terminal_names, .fallback = "inherit",
     .help = "The terminal: that of the caller (inherit), a pty of its own through which coop-run passes what is typed and shown (own), or own where coop-run is run at a keyboard (auto)."},
    {"Sandbox", "NewSession", BOOL(new_session),
     .help = "Own session, without the caller's terminal."},
    {"Sandbox", "DieWithParent", BOOL(die_with_parent),
     .help = "End with the process that launched it. A program without a reaper above it (AsPid1, or no PrivatePIDs) can undo that."},
    {"Sandbox", "ScrubEnvironment", BOOL(scrub_environment),
     .help = "Keep variables whose names look like secrets, or that name a folder for temporary files, out of an inherited environment."},
    {"Sandbox", "InheritEnvironment", &setting_bool, FIELD(inherit_environment), .fallback = "yes",
     .help = "With no, nothing of coop-run's own environment gets inside."},
    {"Sandbox", "InheritDescriptors", BOOL(inherit_descriptors),
     .help = "All descriptors that coop-run was started with get in, under their numbers. Through a directory among them the program walks out."},
    {"Sandbox", "SetEnvironment", &setting_env, FIELD(set_environment),
     .help = "Variables that are set over those that coop-run inherits. Split like a shell does."},

    /* what may be missing */
    {"Sandbox", "Prefer", &kind_prefer, FIELD(prefer),
     .help = "Protections to go without, and say so, where this machine refuses them: names of keys like PrivateNetwork, or namespaces, files, privileges, calls, landlock, limits, all."},
    {"Sandbox", "Require", &kind_require, FIELD(require),
     .help = "Protections without which nothing is started, whatever Prefer says. That is the default; who names one singly also wants it to be asked for."},
};
/* clang-format on */

const struct setting_table launch_settings = {rows, COOP_COUNT(rows)};

int launch_spec_set(struct launch_spec *spec, const char *key, const char *text,
                    struct coop_err *err)
{
    return settings_apply(&launch_settings, spec, "Sandbox", key, text, err);
}

const char *launch_limit_name(uint32_t which)
{
    for (size_t i = 0; i < COOP_COUNT(rows); i++)
        if (rows[i].type == &kind_limit &&
            rows[i].field ==
                offsetof(struct launch_spec, limits) + which * sizeof(struct launch_limit))
            return rows[i].key;
    return NULL;
}

const char *launch_result_name(enum launch_result result)
{
    static const char *const names[] = {
#define X(id, name, key) [LAUNCH_RESULT_##id] = (name),
        LAUNCH_RESULTS(X)
#undef X
    };

    return (unsigned)result < LAUNCH_RESULT_COUNT ? names[result] : "?";
}

const char *launch_result_key(enum launch_result result)
{
    static const char *const keys[] = {
#define X(id, name, key) [LAUNCH_RESULT_##id] = (key),
        LAUNCH_RESULTS(X)
#undef X
    };

    return (unsigned)result < LAUNCH_RESULT_COUNT ? keys[result] : NULL;
}
