/*
 * fake_services.c - a spawn seam over the fake kernel (see fake_services.h)
 */
#include "fake_services.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "config/service_settings.h"
#include "coop/sim.h"
#include "launcher/limits/bounds.h"

enum { SERVICES_MAX = 1100, GROUPS_AT_MOST = 8 };

struct life {
    char name[SVC_NAME_MAX + 1];
    unsigned births;   /* of main */
    unsigned commands; /* with all others */
    pid_t pid, step;   /* of main, and of the last other command */
    int output;        /* the number of its descriptor */
};

static struct {
    struct svc_world world;
    struct spawn spawn;
    struct svc *svcs[SERVICES_MAX];
    struct svc_spec *specs[SERVICES_MAX];
    struct life lives[SERVICES_MAX];
    unsigned count, most_alive;
    struct raw_config raw; /* its groups */
    struct group_set set;
    struct group *groups[GROUPS_AT_MOST];
    bool out_of_memory, out_of_tasks;
    void (*on_birth)(const char *service, pid_t pid);
    int (*body)(void *);
    void *arg;
} stage;

static struct life *life_of(const char *name)
{
    for (unsigned i = 0; i < stage.count; i++)
        if (strcmp(stage.lives[i].name, name) == 0)
            return &stage.lives[i];
    abort(); /* a test that names a service it did not add */
}

/* ---- the seam ---- */

static int launch(struct spawn *spawn, const struct spawn_order *order, struct holder *holder,
                  struct coop_err *err)
{
    struct life *life = life_of(order->spec->name);
    bool twice = !order->beside && life->pid && coop_sim_is_alive(life->pid);
    pid_t pid;
    int r;

    (void)spawn;
    holder_init(holder);
    if (strcmp(order->spec->execs[order->kind].items[order->command].argv.items[0],
               "missing") == 0)
        return coop_fail(err, COOP_E_CHILD, "step 'exec': no such program");
    coop_child_spawn_begin();
    pid = coop_sim_spawn(0);
    if (order->stdio[1] >= 0) {
        coop_sim_give_fd(pid, order->stdio[1]);
        coop_sim_write_as(pid, order->stdio[1], "born\n");
    }
    if (stage.on_birth)
        stage.on_birth(order->spec->name, pid);
    r = coop_child_watch(&holder->child, pid, order->actor, order->kind_top);
    coop_child_spawn_end();
    if (r < 0) {
        coop_sim_die(pid, SIGKILL, false);
        return coop_fail_sys(err, r, "process %d", pid);
    }
    if (order->kind == EXEC_START) {
        life->births++;
        life->pid = pid;
        life->output = order->stdio[1];
    } else {
        life->step = pid;
    }
    life->commands++;
    if (twice)
        stage.most_alive = 2;
    else if (stage.most_alive == 0)
        stage.most_alive = 1;
    if (order->spec->launch.bounds.wall_time != LAUNCH_UNBOUND) {
        holder->bounds = calloc(1, sizeof *holder->bounds);
        bounds_begin(holder->bounds, &order->spec->launch.bounds, pid, true, coop_now());
    }
    holder->held_by = HELD_BY_ITSELF;
    holder->top_pid = holder->main_pid = pid;
    holder->empty = holder->main_gone = false;
    return 0;
}

static void news(struct spawn *spawn, struct holder *holder, int kind_top,
                 const struct coop_msg *msg)
{
    (void)spawn;
    if (msg->kind == kind_top)
        holder->main_gone = holder->empty = true;
}

static void learn_end(struct spawn *spawn, const struct svc_spec *spec, struct holder *holder,
                      struct ending *ret_ending)
{
    const struct coop_exit *end = &holder->child.exit;

    (void)spawn;
    (void)spec;
    ret_ending->kind = end->code == CLD_EXITED ? EXIT_CODE : EXIT_SIGNAL;
    ret_ending->value = end->status;
    ret_ending->out_of_memory = stage.out_of_memory;
    ret_ending->out_of_tasks = stage.out_of_tasks;
}

static int send_signal(struct spawn *spawn, struct holder *holder, int signo)
{
    (void)spawn;
    return coop_child_kill(&holder->child, signo);
}

static int kill_all(struct spawn *spawn, struct holder *holder)
{
    (void)spawn;
    return coop_child_kill(&holder->child, SIGKILL);
}

static void watch_rest(struct spawn *spawn, struct holder *holder, struct coop_actor *actor,
                       int kind)
{
    (void)spawn;
    (void)holder;
    (void)actor;
    (void)kind;
}

static enum launch_result look(struct spawn *spawn, struct holder *holder, coop_nsec *ret_next)
{
    (void)spawn;
    if (!holder->bounds)
        return LAUNCH_RESULT_EXIT;
    *ret_next = bounds_next(holder->bounds);
    return bounds_look(holder->bounds, coop_now());
}

static void clear(struct spawn *spawn, const struct svc_spec *spec, struct holder *holder)
{
    (void)spawn;
    (void)spec;
    free(holder->bounds);
    holder_init(holder);
}

static const struct spawn_ops ops = {
    .launch = launch,
    .news = news,
    .learn_end = learn_end,
    .signal = send_signal,
    .signal_main = send_signal,
    .kill = kill_all,
    .watch_rest = watch_rest,
    .look = look,
    .clear = clear,
};

/* ---- making services ---- */

static void apply(struct svc_spec *spec, const char *line)
{
    const char *equal = strchr(line, '=');
    const struct setting *row;
    struct coop_err err = {0};
    char key[64];

    str_format(key, sizeof key, "%.*s", (int)(equal - line), line);
    row = setting_find(&service_settings, NULL, key);
    if (row ? setting_apply(row, spec, equal + 1, &err) < 0
            : launch_spec_set(&spec->launch, key, equal + 1, &err) < 0)
        cr_expect_fail("%s: %s", line, err.text);
}

struct svc *play_add(const char *name, ...)
{
    struct svc_spec *spec = svc_spec_new();
    const char *line;
    va_list lines;

    spec->name = strdup(name);
    spec->file = strdup("play.ini");
    settings_defaults(&service_settings, spec, NULL);
    va_start(lines, name);
    while ((line = va_arg(lines, const char *)))
        apply(spec, line);
    va_end(lines);
    if (spec->execs[EXEC_START].count == 0)
        apply(spec, "ExecStart=program");
    str_copy(stage.lives[stage.count].name, SVC_NAME_MAX, name);
    stage.specs[stage.count] = spec;
    stage.svcs[stage.count] = svc_new(&stage.world, spec);
    return stage.svcs[stage.count++];
}

void play_group(const char *name, ...)
{
    struct raw_section *section;
    const char *line;
    va_list lines;

    stage.raw.sections =
        reallocarray(stage.raw.sections, stage.raw.count + 1, sizeof *stage.raw.sections);
    section = &stage.raw.sections[stage.raw.count++];
    *section = (struct raw_section){
        .kind = RAW_GROUP, .name = strdup(name), .file = strdup("play.ini")};
    va_start(lines, name);
    while ((line = va_arg(lines, const char *))) {
        const char *equal = strchr(line, '=');

        section->keys = reallocarray(section->keys, section->count + 1, sizeof *section->keys);
        section->keys[section->count++] = (struct raw_key){
            .key = strndup(line, (size_t)(equal - line)), .value = strdup(equal + 1)};
    }
    va_end(lines);
}

static void tell_mistake(void *arg, const struct coop_err *err)
{
    (void)arg;
    cr_expect_fail("%s", err->text);
}

static unsigned find_group(const char *name)
{
    for (unsigned i = 0; i < stage.set.count; i++)
        if (strcmp(stage.set.list[i]->name, name) == 0)
            return i;
    abort();
}

struct group_view play_group_view(const char *name)
{
    struct group_view view;

    group_look(stage.groups[find_group(name)], &view);
    return view;
}

void play_group_clear(const char *name)
{
    group_clear(stage.groups[find_group(name)]);
}

static struct group_members *members_of(const struct group_spec *spec)
{
    struct group_members *members =
        group_members_new((unsigned)spec->leaf_count, (unsigned)spec->child_count);

    for (size_t i = 0; i < spec->leaf_count; i++) {
        members->leaves[i].svc = svc_ref(stage.svcs[spec->leaves[i].service]);
        members->leaves[i].member = spec->leaves[i].member;
        members->leaves[i].direct = spec->leaves[i].direct;
    }
    for (size_t i = 0; i < spec->child_count; i++) {
        members->children[i].group = group_ref(stage.groups[spec->children[i].group]);
        members->children[i].member = spec->children[i].member;
    }
    if (spec->parent >= 0)
        members->parent = group_ref(stage.groups[spec->parent]);
    return members;
}

static void link_groups(void)
{
    for (size_t i = 0; i < stage.set.count; i++)
        stage.groups[i] = group_new(&stage.world, stage.set.list[i]);
    for (size_t i = 0; i < stage.set.count; i++)
        group_change(stage.groups[i], stage.set.list[i], members_of(stage.set.list[i]));
}

void play_link(void)
{
    struct coop_err err = {0};
    struct graph graph;

    if (groups_build(&stage.set, &stage.raw, stage.specs, stage.count, tell_mistake, NULL) > 0)
        return;
    if (graph_build_ordered(&graph, stage.specs, stage.count, stage.set.order,
                            stage.set.order_count, &err) < 0) {
        cr_expect_fail("%s", err.text);
        return;
    }
    link_groups();
    for (unsigned i = 0; i < stage.count; i++) {
        struct svc_links *links = svc_links_new(graph.nodes[i].count);
        unsigned k = 0;

        if (stage.set.group_of[i] >= 0)
            links->group = group_ref(stage.groups[stage.set.group_of[i]]);
        graph_for_each (link, &graph, i) {
            links->at[k].peer = svc_ref(stage.svcs[link->to]);
            links->at[k++].is = link->is;
        }
        svc_change(stage.svcs[i], NULL, links);
    }
    graph_done(&graph);
}

void play_on_over(void (*fn)(struct svc_world *world, const char *name, int exit_status))
{
    stage.world.over = fn;
}

void play_on_birth(void (*fn)(const char *service, pid_t pid))
{
    stage.on_birth = fn;
}

void play_with_outputs(void)
{
    stage.world.run_dir = "/run";
    stage.world.log_dir = "/log";
}

void play_print(const char *name, const char *text)
{
    const struct life *life = life_of(name);

    coop_sim_write_as(life->pid, life->output, text);
}

void play_refused(bool out_of_memory, bool out_of_tasks)
{
    stage.out_of_memory = out_of_memory;
    stage.out_of_tasks = out_of_tasks;
}

/* ---- acting ---- */

void play_say(struct svc *svc, enum svc_command_kind kind)
{
    svc_command(svc, &(struct svc_command){.kind = kind});
}

enum svc_result play_ask(struct svc *svc, enum svc_command_kind kind, coop_nsec patience)
{
    struct coop_chan *replies = coop_chan_new(sizeof(struct svc_reply), 1);
    struct svc_reply answer = {.result = SVC_BUSY};

    svc_command(svc, &(struct svc_command){.kind = kind, .reply = replies});
    if (coop_recv(replies, &answer, coop_after(coop_now(), patience)) != 1)
        answer.result = SVC_BUSY;
    coop_chan_unref(replies);
    return answer.result;
}

struct svc_view play_view(const char *name)
{
    struct svc_view view = {0};

    board_find(stage.world.board, name, &view);
    return view;
}

bool play_until(const char *name, enum svc_state state)
{
    struct bus_sub *sub = bus_subscribe(stage.world.bus);
    coop_nsec deadline = coop_after(coop_now(), 3600 * SEC);
    struct event event;
    uint64_t lost;
    bool reached;

    while (!(reached = svc_place_state(play_view(name).place) == state))
        if (bus_next(sub, &event, &lost, deadline) != 1)
            break;
    bus_unsubscribe(sub);
    return reached;
}

pid_t play_pid(const char *name)
{
    return life_of(name)->pid;
}

pid_t play_step(const char *name)
{
    return life_of(name)->step;
}

unsigned play_commands(const char *name)
{
    return life_of(name)->commands;
}

unsigned play_births(const char *name)
{
    return life_of(name)->births;
}

unsigned play_most_alive(void)
{
    return stage.most_alive;
}

/* ---- the frame ---- */

static int act(void *arg)
{
    int r;

    (void)arg;
    stage.world.board = board_new();
    stage.world.bus = bus_new();
    stage.world.spawn = &stage.spawn;
    r = stage.body(stage.arg);
    for (unsigned i = 0; i < stage.count; i++)
        svc_change(stage.svcs[i], NULL, svc_links_new(0));
    for (size_t i = 0; i < stage.set.count; i++) {
        group_change(stage.groups[i], NULL, NULL);
        group_unref(stage.groups[i]);
    }
    for (unsigned i = 0; i < stage.count; i++) {
        svc_discard(stage.svcs[i], NULL);
        svc_unref(stage.svcs[i]);
        svc_spec_unref(stage.specs[i]);
    }
    cr_expect_eq(coop_wg_wait_until(&stage.world.alive, coop_after(coop_now(), SEC)), 0,
                 "a service was not freed");
    board_free(stage.world.board);
    bus_free(stage.world.bus);
    groups_done(&stage.set);
    raw_done(&stage.raw);
    return r;
}

void play(uint64_t seed, int (*body)(void *), void *arg)
{
    const struct coop_options options = {.name = "play", .procs = 1, .sim = true, .seed = seed};

    memset(&stage, 0, sizeof stage);
    stage.spawn.ops = &ops;
    stage.body = body;
    stage.arg = arg;
    log_set_fd(getenv("COOP_PLAY_LOG") ? 2 : -1); /* to look at one seed */
    coop_sim_begin(seed);
    cr_expect_eq(coop_main(&options, act, NULL), 0);
    cr_expect_eq(coop_sim_zombies(), 0);
    coop_sim_end();
}
