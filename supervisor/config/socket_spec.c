/*
 * socket_spec.c - a section of a socket, made into a spec (see socket_spec.h)
 */
#include "config/socket_spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/scope.h"
#include "base/str.h"
#include "config/identity.h"
#include "config/service_settings.h"
#include "config/specifier.h"

struct builder {
    const struct raw_section *section;
    struct socket_spec *spec;
    raw_complain *complain;
    void *arg;
    int errors;
};

static void tell(struct builder *b, unsigned line, struct coop_err *err)
{
    coop_while(err, "%s:%u", b->section->file, line);
    b->complain(b->arg, err);
    b->errors++;
}

static void tell_at(struct builder *b, const char *key, struct coop_err *err)
{
    const struct raw_key *found = raw_find_key(b->section, key);

    tell(b, found ? found->line : b->section->line, err);
}

/* ---- keys ---- */

/* Of systemd's, what says nothing here: sockets are there before any service is started, and as
 * long as they are in the configuration. */
static const char *const harmless[] = {
    "Documentation",
    "SourcePath",
    "DefaultDependencies",
    "CollectMode",
    "Before",
    "After",
    "Wants",
    "PartOf",
    "WantedBy",
    "RequiredBy",
    "Alias",
    "Also",
    "MaxConnections",
    "MaxConnectionsPerSource",
};

static const char *const missing[] = {
    "ListenSpecial",
    "ListenNetlink",
    "ListenMessageQueue",
    "ListenUSBFunction",
    "SocketProtocol",
    "IPTOS",
    "SmackLabel",
    "SmackLabelIPIn",
    "SmackLabelIPOut",
    "SELinuxContextFromNet",
    "MessageQueueMaxMessages",
    "MessageQueueMessageSize",
    "TCPCongestion",
    "ExecStartPre",
    "ExecStartPost",
    "ExecStopPre",
    "ExecStopPost",
    "TimeoutSec",
    "Writable",
    "FlushPending",
    "Symlinks",
    "PassPacketInfo",
    "Timestamping",
    "PollLimitIntervalSec",
    "PollLimitBurst",
    "Requires",
    "Requisite",
    "BindsTo",
    "Conflicts",
    "OnFailure",
    "OnSuccess",
};

static bool in_list(const char *const *list, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], key) == 0)
            return true;
    return false;
}

static int no_row(const struct raw_key *key, struct coop_err *err)
{
    const char *names[COOP_COUNT(missing) + 64], *near;
    size_t count = 0;

    if (str_starts_with(key->key, "X-") || in_list(harmless, COOP_COUNT(harmless), key->key))
        return 0;
    if (in_list(missing, COOP_COUNT(missing), key->key) ||
        str_starts_with(key->key, "Condition") || str_starts_with(key->key, "Assert")) {
        coop_fail(err, COOP_E_MISSING, "%s= is not supported for a socket yet", key->key);
        return coop_hint(err, "take the line out if the socket can do without it");
    }
    settings_for_each (row, &socket_settings)
        if (count + 1 < COOP_COUNT(names))
            names[count++] = row->key;
    names[count] = NULL;
    near = str_nearest(key->key, names);
    return coop_fail(err, COOP_E_UNKNOWN, "%s: no such key in [Socket]%s%s%s", key->key,
                     near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static int apply_key(struct builder *b, const struct raw_key *key, struct coop_err *err)
{
    const struct specifiers about = {.service = b->section->name};
    const struct setting *row = setting_find(&socket_settings, key->section, key->key);
    struct listen_list *listen = &b->spec->listen;
    SCOPED_FREE char *text = NULL;
    size_t before = listen->count;

    if (!row)
        return no_row(key, err);
    text = specifiers_expand(&about, key->value, err);
    if (!text)
        return coop_while(err, "%s", row->key);
    if (setting_apply(row, b->spec, text, err) < 0)
        return -1;
    if (listen->count > before)
        listen->items[before].line = key->line;
    return 0;
}

/* ---- what several keys say together ---- */

static void check_accept(struct builder *b)
{
    struct coop_err err = {0};

    if (!b->spec->accept)
        return;
    coop_fail(&err, COOP_E_MISSING, "Accept=yes is not supported yet");
    coop_hint(&err, "let the service accept its connections itself, with Accept=no");
    tell_at(b, "Accept", &err);
}

static void check_listen(struct builder *b)
{
    const struct listen_list *listen = &b->spec->listen;
    struct coop_err err = {0};

    if (listen->count == 0) {
        coop_fail(&err, COOP_E_SYNTAX, "socket '%s' listens on nothing", b->spec->name);
        coop_hint(&err,
                  "ListenStream=, ListenDatagram=, ListenSequentialPacket= or ListenFIFO=");
        tell(b, b->section->line, &err);
    }
    for (size_t i = 0; i < listen->count; i++)
        for (size_t k = 0; k < i; k++) {
            if (listen->items[i].kind != listen->items[k].kind ||
                strcmp(listen->items[i].text, listen->items[k].text) != 0)
                continue;
            err = (struct coop_err){0};
            coop_fail(&err, COOP_E_SYNTAX, "%s=%s stands here twice",
                      listen_key(listen->items[i].kind), listen->items[i].text);
            tell(b, listen->items[i].line, &err);
        }
}

/* ':' is what stands between two names. */
static void check_name(struct builder *b)
{
    struct coop_err err = {0};

    if (!strchr(b->spec->fd_name, ':') && strlen(b->spec->fd_name) < 256)
        return;
    coop_fail(&err, COOP_E_RANGE, "FileDescriptorName=%s: at most 255 bytes, without ':'",
              b->spec->fd_name);
    tell_at(b, "FileDescriptorName", &err);
}

static void resolve_identity(struct builder *b)
{
    struct socket_spec *spec = b->spec;
    const char *key = spec->user ? "SocketUser" : "SocketGroup";
    struct coop_err err = {0};
    struct identity who;

    spec->uid = (uid_t)-1;
    spec->gid = (gid_t)-1;
    if (!spec->user && !spec->group)
        return;
    if (identity_find(spec->user, spec->group, &who, &err) < 0) {
        tell_at(b, key, &err);
        return;
    }
    if (spec->user)
        spec->uid = who.uid;
    spec->gid = who.gid;
    identity_done(&who);
    if (geteuid() == 0 || !spec->user || spec->uid == geteuid())
        return; /* of the groups that are not ours the kernel will say so */
    coop_fail(&err, COOP_E_DENIED, "%s=%s: only root may give a socket to somebody else", key,
              spec->user);
    tell_at(b, key, &err);
}

static int set_text(char **field, const char *text, size_t len, const char *ending)
{
    free(*field);
    *field = malloc(len + strlen(ending) + 1);
    if (!*field)
        return -ENOMEM;
    str_format(*field, len + strlen(ending) + 1, "%.*s%s", (int)len, text, ending);
    return 0;
}

static int fill_names(struct socket_spec *spec)
{
    const char *service = spec->service ? spec->service : spec->name;
    SCOPED_FREE char *copy = strdup(service);
    size_t len = strlen(service);

    if (str_ends_with(service, ".service"))
        len -= strlen(".service");
    if (!copy || set_text(&spec->service, copy, len, "") < 0)
        return -ENOMEM;
    return spec->fd_name ? 0
                         : set_text(&spec->fd_name, spec->name, strlen(spec->name), ".socket");
}

/* ---- the public calls ---- */

static int begin(struct builder *b, struct coop_err *err)
{
    b->spec = calloc(1, sizeof *b->spec);
    if (!b->spec)
        return -1;
    b->spec->name = strdup(b->section->name);
    b->spec->file = strdup(b->section->file);
    b->spec->line = b->section->line;
    if (!b->spec->name || !b->spec->file)
        return -1;
    return settings_defaults(&socket_settings, b->spec, err);
}

struct socket_spec *build_socket(const struct raw_section *section, raw_complain *complain,
                                 void *arg)
{
    struct builder b = {.section = section, .complain = complain, .arg = arg};
    struct coop_err err = {0};
    int r = begin(&b, &err);

    for (size_t i = 0; r == 0 && i < section->count; i++) {
        struct coop_err why = {0};

        if (apply_key(&b, &section->keys[i], &why) < 0)
            tell(&b, section->keys[i].line, &why);
    }
    if (r == 0)
        r = fill_names(b.spec);
    if (r < 0) {
        if (err.code == COOP_OK)
            coop_fail(&err, COOP_E_LIMIT, "no memory for socket '%s'", section->name);
        tell(&b, section->line, &err);
    } else if (b.errors == 0) {
        check_accept(&b);
        check_listen(&b);
        check_name(&b);
        resolve_identity(&b);
    }
    if (b.errors == 0)
        return b.spec;
    socket_spec_free(b.spec);
    return NULL;
}

void socket_spec_free(struct socket_spec *spec)
{
    if (!spec)
        return;
    settings_done(&socket_settings, spec);
    free(spec->name);
    free(spec->file);
    free(spec);
}

int socket_list_add(struct socket_list *list, struct socket_spec *spec)
{
    struct socket_spec **grown = realloc(list->items, (list->count + 1) * sizeof(spec));

    if (!grown) {
        socket_spec_free(spec);
        return -ENOMEM;
    }
    list->items = grown;
    list->items[list->count++] = spec;
    return 0;
}

void socket_list_done(struct socket_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        socket_spec_free(list->items[i]);
    free(list->items);
    *list = (struct socket_list){0};
}

size_t socket_list_descriptors(const struct socket_list *list)
{
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++)
        count += list->items[i]->listen.count;
    return count;
}

void socket_list_render(const struct socket_list *list, struct buf *out)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct socket_spec *spec = list->items[i];

        buf_addf(out, "[%s %u %u]\n", spec->name, spec->uid, spec->gid);
        for (size_t k = 0; k < spec->listen.count; k++)
            buf_addf(out, "%s=%s\n", listen_key(spec->listen.items[k].kind),
                     spec->listen.items[k].text);
        settings_for_each (row, &socket_settings) {
            buf_addf(out, "%s=", row->key);
            setting_render(row, spec, out);
            buf_add_char(out, '\n');
        }
    }
}
