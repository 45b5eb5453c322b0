/* The rows of [Sandbox]: one key, one flag, systemd's values. */
#include "launcher/launch.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/resource.h>

#include "base/buf.h"

static struct launch_spec spec;
static struct coop_err err;

static void fresh(void)
{
    memset(&err, 0, sizeof err);
    launch_spec_init(&spec);
}

static void done(void)
{
    launch_spec_done(&spec);
}

TestSuite(settings, .init = fresh, .fini = done);

static void set(const char *key, const char *text)
{
    cr_assert_eq(launch_spec_set(&spec, key, text, &err), 0, "%s=%s: %s", key, text, err.text);
}

static void refuse(const char *key, const char *text)
{
    cr_assert_eq(launch_spec_set(&spec, key, text, &err), -1, "%s=%s was taken", key, text);
    cr_assert(strstr(err.text, key), "'%s' does not name %s", err.text, key);
}

static void shows(const char *key, const char *text)
{
    struct buf out = BUF_INIT((size_t)8192);

    setting_render(setting_find(&launch_settings, "Sandbox", key), &spec, &out);
    cr_assert_str_eq(buf_text(&out), text);
    buf_done(&out);
}

Test(settings, table_is_sound)
{
    struct launch_spec zero = {0};

    cr_assert_eq(settings_selftest(&launch_settings, &zero, &err), 0, "%s", err.text);
    launch_spec_done(&zero);
}

Test(settings, every_default_reads_back_as_shown)
{
    settings_for_each (row, &launch_settings) {
        struct buf out = BUF_INIT((size_t)8192);

        setting_render(row, &spec, &out);
        if (out.len > 0)
            cr_assert_eq(setting_apply(row, &spec, buf_text(&out), &err), 0, "%s: %s", row->key,
                         err.text);
        buf_done(&out);
    }
}

Test(settings, flags_are_the_keys_in_kebab_case)
{
    static const char *const pairs[][2] = {
        {"PrivatePIDs", "private-pids"},
        {"NoNewPrivileges", "no-new-privileges"},
        {"LimitNOFILE", "limit-nofile"},
        {"OOMScoreAdjust", "oom-score-adjust"},
        {"UMask", "umask"},
        {"AsPid1", "as-pid-1"},
        {"DieWithParent", "die-with-parent"},
        {"PrivateIPC", "private-ipc"},
    };
    char flag[SETTING_FLAG_MAX];

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const struct setting *row = setting_find(&launch_settings, "Sandbox", pairs[i][0]);

        cr_assert_not_null(row, "%s", pairs[i][0]);
        cr_assert_str_eq(setting_flag_name(row, flag), pairs[i][1]);
    }
}

Test(settings, bounds_take_sizes_times_and_shares)
{
    set("MemoryMax", "64M");
    cr_assert_eq(spec.bounds.memory_max, 64 << 20);
    set("WallTime", "1min 500ms");
    cr_assert_eq(spec.bounds.wall_time, 60500 * COOP_NSEC_PER_MSEC);
    set("CPUTime", "2s");
    cr_assert_eq(spec.bounds.cpu_time, 2 * COOP_NSEC_PER_SEC);
    set("CPUQuota", "12.5%");
    cr_assert_eq(spec.bounds.cpu_quota, 125);
    shows("CPUQuota", "12.5%");
    set("CPUQuota", "200%");
    cr_assert_eq(spec.bounds.cpu_quota, 2000);
    set("CPUQuota", "");
    cr_assert_eq(spec.bounds.cpu_quota, LAUNCH_UNBOUND);
    set("TasksMax", "infinity");
    cr_assert_eq(spec.bounds.tasks_max, LAUNCH_UNBOUND);
    set("StopGrace", "0");
    cr_assert_eq(spec.bounds.stop_grace, 0);
    refuse("CPUQuota", "20");
    refuse("CPUQuota", "%");
    refuse("CPUQuota", "1.%");
    refuse("CPUQuota", "1.25%");
    refuse("CPUQuota", "0%");
    refuse("CPUQuota", "20%%");
    refuse("CPUQuota", "9999999999%");
    refuse("MemoryMax", "-1");
    refuse("MemoryMax", "0");
    refuse("TasksMax", "0");
    refuse("WallTime", "0");
    refuse("WallTime", "1 fortnight");
    refuse("CPUWeight", "0");
    refuse("IOWeight", "10001");
    refuse("OutputMax", "64Q");
}

Test(settings, limits_take_soft_and_hard)
{
    set("LimitNOFILE", "100:200");
    cr_assert_eq(spec.limits[RLIMIT_NOFILE].soft, 100u);
    cr_assert_eq(spec.limits[RLIMIT_NOFILE].hard, 200u);
    set("LimitAS", "64M");
    cr_assert_eq(spec.limits[RLIMIT_AS].hard, 64u << 20);
    set("LimitCORE", "infinity");
    cr_assert_eq(spec.limits[RLIMIT_CORE].soft, UINT64_MAX);
    shows("LimitNOFILE", "100:200");
    shows("LimitCORE", "infinity");
    refuse("LimitNOFILE", "200:100");
    refuse("LimitNOFILE", "-1");
    refuse("LimitAS", "lots");
    set("LimitNOFILE", "");
    cr_assert(!spec.limits[RLIMIT_NOFILE].set);
}

Test(settings, capabilities_are_kept_or_taken_away)
{
    set("CapabilityBoundingSet", "CAP_CHOWN cap_kill");
    cr_assert_eq(spec.cap_dropped, ~(UINT64_C(1) << 0 | UINT64_C(1) << 5));
    shows("CapabilityBoundingSet", "cap_chown cap_kill");
    set("CapabilityBoundingSet", "CAP_NET_RAW");
    cr_assert_eq(spec.cap_dropped, ~(UINT64_C(1) << 0 | UINT64_C(1) << 5 | UINT64_C(1) << 13));
    set("CapabilityBoundingSet", "");
    set("CapabilityBoundingSet", "~CAP_SYS_ADMIN");
    cr_assert_eq(spec.cap_dropped, UINT64_C(1) << 21);
    set("CapabilityBoundingSet", "none");
    cr_assert_eq(spec.cap_dropped, UINT64_MAX);
    refuse("CapabilityBoundingSet", "CAP_EVERYTHING");
}

Test(settings, filter_is_lines_that_add_up)
{
    set("SystemCallFilter", "default");
    set("SystemCallFilter", "~@mount ioctl(1=TIOCSTI):EPERM");
    shows("SystemCallFilter", "default\n~@mount ioctl(1=TIOCSTI):EPERM");
    set("SystemCallFilter", "none");
    cr_assert_eq(spec.filter.count, 0u);
    set("SystemCallErrorNumber", "13");
    shows("SystemCallErrorNumber", "EACCES");
    set("SystemCallErrorNumber", "kill");
    shows("SystemCallErrorNumber", "kill");
    set("SystemCallArchitectures", "native");
    shows("SystemCallArchitectures", "native");
}

Test(settings, protect_keys_have_systemds_words)
{
    set("ProtectSystem", "strict");
    cr_assert_eq(spec.protect_system, LAUNCH_SYSTEM_STRICT);
    set("ProtectHome", "read-only");
    cr_assert_eq(spec.protect_home, LAUNCH_HOME_READ_ONLY);
    refuse("ProtectSystem", "very");
}

Test(settings, paths_are_absolute_and_may_be_optional)
{
    set("ReadOnlyPaths", "/a -/b '/c d'");
    cr_assert_eq(spec.read_only.count, 3u);
    cr_assert_str_eq(spec.read_only.items[2], "/c d");
    refuse("ReadOnlyPaths", "a");
    refuse("InaccessiblePaths", "/a/../b");
    set("BindPaths", "/src:/dst -/x");
    refuse("BindPaths", "src:/dst");
    set("BindPaths", "/src:/dst:norbind /src:/dst:rbind");
    refuse("BindPaths", "/src:/dst:sometimes");
    set("NoExecPaths", "-+/a +/b");
    refuse("NoExecPaths", "+-/a");
    set("TemporaryFileSystem", "/var:ro,mode=700,size=10M");
    refuse("TemporaryFileSystem", "/var:rx");
    refuse("TemporaryFileSystem", "/var:mode=9");
    set("TemporaryFileSystem", "/var:noexec,nr_inodes=1k");
    refuse("TemporaryFileSystem", "/var:nr_inodes=0");
    refuse("TemporaryFileSystem", "/var:size=infinity");
}

Test(settings, prefer_and_require_take_names_and_families)
{
    set("Prefer", "limits,private-pids");
    cr_assert_eq(spec.prefer, LAUNCH_BIT(LAUNCH_GUARD_LIMITS) |
                                  LAUNCH_BIT(LAUNCH_GUARD_OOM_SCORE) |
                                  LAUNCH_BIT(LAUNCH_GUARD_PIDS));
    shows("Prefer", "limits, PrivatePIDs");
    set("Prefer", "all");
    cr_assert_eq(spec.prefer, LAUNCH_ALL_GUARDS);
    shows("Prefer", "all");
    set("Require", "PrivateUsers, namespaces");
    cr_assert_eq(spec.require.named, LAUNCH_BIT(LAUNCH_GUARD_USERS));
    cr_assert(spec.require.guards & LAUNCH_BIT(LAUNCH_GUARD_CGROUP));
    cr_assert(!(spec.require.guards & LAUNCH_BIT(LAUNCH_GUARD_FILTER)));
    shows("Require", "PrivateUsers, namespaces");
}

Test(settings, protection_nobody_knows_is_answered_with_the_nearest)
{
    refuse("Prefer", "Nothing");
    refuse("Require", "PrivateNetwrk");
    cr_assert_str_eq(err.hint, "did you mean PrivateNetwork?");
    refuse("Prefer", "limit");
    cr_assert_str_eq(err.hint, "did you mean limits?");
    cr_assert_eq(spec.prefer, 0u, "nothing of a refused list is taken");
}

Test(settings, guards_have_names_that_can_be_looked_up)
{
    char text[1024];

    for (int i = 0; i < LAUNCH_GUARD_COUNT; i++)
        cr_assert_eq(launch_guard_find(launch_guard_name((enum launch_guard)i)), i);
    cr_assert_eq(launch_guard_find("privateusers"), (int)LAUNCH_GUARD_USERS);
    cr_assert_eq(launch_guard_find("x"), -1);
    launch_guards_text(LAUNCH_BIT(LAUNCH_GUARD_USERS) | LAUNCH_BIT(LAUNCH_GUARD_TMP), text,
                       sizeof text);
    cr_assert_str_eq(text, "PrivateUsers, PrivateTmp");
    cr_assert_str_eq(launch_guards_text(LAUNCH_ALL_GUARDS, text, 10), "PrivateUs");
}

Test(settings, secure_bits_have_names)
{
    set("SecureBits", "noroot noroot-locked");
    cr_assert_eq(spec.securebits.value, 3);
    shows("SecureBits", "noroot noroot-locked");
    refuse("SecureBits", "root");
}

Test(settings, ports_are_numbers_ranges_or_none)
{
    set("BindTCP", "80,443 tcp:8000-8010");
    cr_assert_eq(spec.bind_tcp.count, 3u);
    shows("BindTCP", "80 443 tcp:8000-8010");
    set("ConnectTCP", "none");
    refuse("ConnectTCP", "65536");
    refuse("ConnectTCP", "90-80");
    refuse("ConnectTCP", "http");
    refuse("ConnectTCP", "80-");
    refuse("ConnectTCP", "-80");
    refuse("ConnectTCP", "123456789012345");
}

Test(settings, numbers_keep_to_their_range)
{
    set("Nice", "-5");
    cr_assert(spec.nice.set && spec.nice.value == -5);
    refuse("Nice", "20");
    set("OOMScoreAdjust", "1000");
    refuse("OOMScoreAdjust", "1001");
    set("UMask", "0077");
    shows("UMask", "0077");
    refuse("UMask", "0099");
    refuse("UMask", "01777");
}

Test(settings, unknown_key_names_its_neighbour)
{
    cr_assert_eq(launch_spec_set(&spec, "PrivateTpm", "yes", &err), -1);
    cr_assert(strstr(err.hint, "PrivateTmp") || strstr(err.text, "PrivateTmp"), "%s / %s",
              err.text, err.hint);
}
