/*
 * profiles.c - the built-in profiles: named sets of sandbox keys
 *
 * Rows of (profile, word, value), read top to bottom: a word is a key of sandbox_settings.c or a
 * file-system operation of mount_words.c.
 *
 *   default   a command in a closed box: sees /usr and the harmless files of /etc, talks to nobody
 *   service   a daemon with systemd-like hardening: the host's files and network, less power
 *   none      nothing
 */
#include "launcher/launch.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/mount_words.h"
#include "text/words.h"

#include <string.h>

static const struct profile_row {
    const char *profile, *word, *value;
} rows[] = {
    /* clang-format off */
    {"none",    NULL, NULL},

    {"default", "PrivateUsers",          "yes"},
    {"default", "PrivatePIDs",           "yes"},
    {"default", "PrivateMounts",         "yes"},
    {"default", "PrivateNetwork",        "yes"},
    {"default", "PrivateIPC",            "yes"},
    {"default", "ProtectHostname",       "yes"},
    {"default", "Hostname",              "sandbox"},
    {"default", "PrivateCgroup",         "yes"},
    {"default", "RestrictNamespaces",    "yes"},
    {"default", "NoNewPrivileges",       "yes"},
    {"default", "CapabilityBoundingSet", "none"},
    {"default", "SystemCallFilter",      "default"},
    {"default", "SystemCallArchitectures", "native"},
    {"default", "Landlock",              "yes"},
    {"default", "RestrictAbstractSockets", "yes"},
    {"default", "RestrictSignals",       "yes"},
    /* A second wall: kernels lack parts of it. What a caller asks for besides stays required. */
    {"default", "Prefer",                "LandlockFiles LandlockTruncate LandlockIoctls"},
    {"default", "Prefer",                "RestrictAbstractSockets RestrictSignals"},
    {"default", "UMask",                 "0022"},
    {"default", "DieWithParent",         "yes"},
    {"default", "ScrubEnvironment",      "yes"},
    {"default", "RootFileSystem",        "empty"},
    {"default", "RootReadOnly",          "yes"},
    {"default", "MountFlags",            "private"},
    {"default", "ro-bind",               "/usr /usr"},
    {"default", "mirror",                "/bin"},
    {"default", "mirror",                "/sbin"},
    {"default", "mirror",                "/lib"},
    {"default", "mirror",                "/lib32"},
    {"default", "mirror",                "/lib64"},
    {"default", "mirror",                "/libx32"},
    /* Of /etc only what is named here: what a program needs to load libraries, look up names, know
     * the time zone and speak TLS. Never anything that holds a secret. */
    {"default", "copy",                  "/etc/ld.so.cache"},
    {"default", "copy",                  "/etc/ld.so.conf"},
    {"default", "copy",                  "/etc/passwd"},
    {"default", "copy",                  "/etc/group"},
    {"default", "copy",                  "/etc/nsswitch.conf"},
    {"default", "copy",                  "/etc/hosts"},
    {"default", "copy",                  "/etc/host.conf"},
    {"default", "copy",                  "/etc/resolv.conf"},
    {"default", "copy",                  "/etc/gai.conf"},
    {"default", "copy",                  "/etc/localtime"},
    {"default", "copy",                  "/etc/timezone"},
    {"default", "copy",                  "/etc/os-release"},
    {"default", "copy",                  "/etc/debian_version"},
    {"default", "copy",                  "/etc/protocols"},
    {"default", "copy",                  "/etc/services"},
    {"default", "copy",                  "/etc/mime.types"},
    {"default", "copy",                  "/etc/locale.alias"},
    {"default", "copy",                  "/etc/inputrc"},
    {"default", "copy",                  "/etc/shells"},
    {"default", "ro-bind-same",          "/etc/ld.so.conf.d"},
    {"default", "ro-bind-same",          "/etc/alternatives"},
    {"default", "ro-bind-same",          "/etc/ssl/certs"},
    {"default", "ro-bind-same",          "/etc/ca-certificates"},
    {"default", "ro-bind-same",          "/etc/pki/tls/certs"},
    {"default", "ro-bind-same",          "/etc/pki/ca-trust/extracted"},
    {"default", "ro-bind-same",          "/etc/terminfo"},
    {"default", "ro-bind-same",          "/etc/fonts"},
    {"default", "dev",                   "/dev"},
    {"default", "proc",                  "/proc"},
    {"default", "tmpfs",                 "/tmp"},
    {"default", "dir",                   "/run"},
    {"default", "symlink",               "../tmp /var/tmp"},

    {"service", "PrivatePIDs",           "yes"},
    {"service", "PrivateMounts",         "yes"},
    {"service", "PrivateIPC",            "yes"},
    {"service", "ProtectHostname",       "yes"},
    {"service", "PrivateCgroup",         "yes"},
    {"service", "PrivateTmp",            "yes"},
    {"service", "ProtectSystem",         "full"},
    {"service", "ProtectKernelTunables", "yes"},
    {"service", "RestrictNamespaces",    "yes"},
    {"service", "NoNewPrivileges",       "yes"},
    {"service", "SystemCallFilter",      "default"},
    {"service", "SystemCallArchitectures", "native"},
    {"service", "UMask",                 "0022"},
    /* clang-format on */
};

static void words_done(struct strlist *words)
{
    strlist_done(words);
}

/* The only tmpfs of a profile is a /tmp: open to all, and with a ceiling. */
static int apply_mount(struct launch_spec *spec, const struct mount_word *word,
                       const char *value, struct coop_err *err)
{
    SCOPED(struct strlist, words_done) words = {0};
    static const mode_t sticky = 01777;
    static const uint64_t gigabyte = UINT64_C(1) << 30;
    bool tmp = word->kind == LAUNCH_MOUNT_TMPFS;

    if (words_split(value, &words, err) < 0)
        return -1;
    return mount_word_apply(spec, word, words.items[0],
                            word->arguments > 1 ? words.items[1] : NULL, tmp ? &sticky : NULL,
                            tmp ? &gigabyte : NULL, err);
}

int launch_spec_profile(struct launch_spec *spec, const char *name, struct coop_err *err)
{
    bool found = false;

    for (size_t i = 0; i < COOP_COUNT(rows); i++) {
        const struct mount_word *word;
        int r = 0;

        if (strcmp(rows[i].profile, name) != 0)
            continue;
        found = true;
        word = rows[i].word ? mount_word_find(rows[i].word) : NULL;
        if (word)
            r = apply_mount(spec, word, rows[i].value, err);
        else if (rows[i].word)
            r = launch_spec_set(spec, rows[i].word, rows[i].value, err);
        if (r < 0)
            return coop_while(err, "profile '%s'", name);
    }
    if (!found) {
        coop_fail(err, COOP_E_UNKNOWN, "there is no profile '%s'", name);
        return coop_hint(err, "profiles are: default, service, none");
    }
    return 0;
}
