/*
 * contenders.c - one chapter per supervisor: its files, its command lines, its row in the table
 */
#include "bench/supervise/contender.h"

#include "bench/bench.h"

#include <err.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 512, NAME_SIZE = 64, SERVICES_IN_A_FILE = 500 };

const char *contender_child(void)
{
    return BENCH_CHILD;
}

/* ---- words and files ---- */

/* Adds one word. */
__attribute__((format(printf, 2, 3))) static void word(struct command *command,
                                                       const char *format, ...)
{
    char *at = command->words + command->used;
    size_t room = sizeof command->words - command->used;
    va_list words;
    int length;

    va_start(words, format);
    length = vsnprintf(at, room, format, words);
    va_end(words);
    if (length < 0 || (size_t)length >= room || command->count + 1 >= ARGV_MAX)
        errx(EXIT_FAILURE, "a command line is too long");
    command->argv[command->count++] = at;
    command->used += (size_t)length + 1;
}

static FILE *begin_file(const struct field *field, const char *name)
{
    char path[PATH_SIZE];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", field->dir, name);
    file = fopen(path, "we");
    if (!file)
        err(EXIT_FAILURE, "%s: cannot be written", path);
    return file;
}

static void end_file(FILE *file)
{
    if (fclose(file) != 0)
        err(EXIT_FAILURE, "a file cannot be written");
}

static void make_folder(const struct field *field, const char *name)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof path, "%s/%s", field->dir, name);
    if (mkdir(path, 0700) < 0)
        err(EXIT_FAILURE, "%s: cannot be made", path);
}

static void print_child(FILE *file, const struct field *field, const struct load *load,
                        int index)
{
    fprintf(file, "%s %d %d %d", field->fifo, index, load->life_ms, load->code);
}

/* ---- coopd, bare and with each service in a sandbox ---- */

static void coopd_service(FILE *file, const struct field *field, const struct load *load,
                          int index, const char *sandbox)
{
    fprintf(file, "[Service s%d]\nExecStart=%s \"", index, BENCH_CHILD);
    print_child(file, field, load, index);
    fprintf(file,
            "\"\nRestart=always\nRestartSec=0\nStartLimitBurst=0\nTimeoutStopSec=10s\n"
            "StandardOutput=null\n%s\n",
            sandbox);
}

/* Several files: coopd reads none of more than a mebibyte. */
static void coopd_services(const struct field *field, const struct load *load,
                           const char *sandbox)
{
    char name[NAME_SIZE];

    make_folder(field, "services");
    for (int i = 0; i < load->count;) {
        FILE *file;

        snprintf(name, sizeof name, "services/%d.ini", i);
        file = begin_file(field, name);
        do
            coopd_service(file, field, load, i++, sandbox);
        while (i < load->count && i % SERVICES_IN_A_FILE != 0);
        end_file(file);
    }
}

static void coopd_configure(const struct field *field, const struct load *load)
{
    coopd_services(field, load, "Sandbox=none\n");
}

static void sandboxed_configure(const struct field *field, const struct load *load)
{
    char lines[PATH_SIZE * 2];

    snprintf(lines, sizeof lines, "Sandbox=service\nBindPaths=%s\nBindReadOnlyPaths=%s\n",
             field->fifo, BENCH_CHILD);
    coopd_services(field, load, lines);
}

static void coopd_start(const struct field *field, const struct load *load,
                        struct command *command)
{
    (void)load;
    word(command, "%s", COOPD_PROGRAM);
    word(command, "--config=%s/services", field->dir);
    word(command, "--socket=%s/control.sock", field->dir);
    word(command, "--state-dir=%s/state", field->dir);
    word(command, "--log-dir=%s/log", field->dir);
}

static void coopd_status(const struct field *field, bool json, struct command *command)
{
    word(command, "%s", COOPCTL_PROGRAM);
    word(command, "--socket=%s/control.sock", field->dir);
    if (json)
        word(command, "--json");
    word(command, "status");
}

/* ---- the bare loop ---- */

static void loop_configure(const struct field *field, const struct load *load)
{
    (void)field, (void)load;
}

static void loop_start(const struct field *field, const struct load *load,
                       struct command *command)
{
    word(command, "%s", LOOP_PROGRAM);
    word(command, "%s", BENCH_CHILD);
    word(command, "%s", field->fifo);
    word(command, "%d", load->count);
    word(command, "%d", load->life_ms);
    word(command, "%d", load->code);
}

/* ---- runit and s6: a folder for each service with a file that is started ---- */

static void folders_configure(const struct field *field, const struct load *load)
{
    char name[NAME_SIZE], path[PATH_SIZE];

    make_folder(field, "services");
    for (int i = 0; i < load->count; i++) {
        FILE *file;

        snprintf(name, sizeof name, "services/s%d", i);
        make_folder(field, name);
        snprintf(name, sizeof name, "services/s%d/run", i);
        file = begin_file(field, name);
        fprintf(file, "#!%s ", BENCH_CHILD);
        print_child(file, field, load, i);
        fprintf(file, "\n");
        end_file(file);
        snprintf(path, sizeof path, "%s/%s", field->dir, name);
        if (chmod(path, 0700) < 0)
            err(EXIT_FAILURE, "%s: cannot be made a program", path);
    }
}

static void runit_start(const struct field *field, const struct load *load,
                        struct command *command)
{
    (void)load;
    word(command, "runsvdir");
    word(command, "%s/services", field->dir);
}

static void runit_status(const struct field *field, bool json, struct command *command)
{
    (void)json;
    word(command, "/bin/sh");
    word(command, "-c");
    word(command, "exec sv status %s/services/*", field->dir);
}

static void s6_start(const struct field *field, const struct load *load,
                     struct command *command)
{
    word(command, "s6-svscan");
    word(command, "-c%d", load->count + 16);
    word(command, "%s/services", field->dir);
}

/* ---- supervisord ---- */

static void supervisord_configure(const struct field *field, const struct load *load)
{
    FILE *file = begin_file(field, "supervisord.conf");

    fprintf(file,
            "[unix_http_server]\nfile=%s/control.sock\n"
            "[supervisord]\nlogfile=%s/log\npidfile=%s/pid\nchildlogdir=%s\nminfds=%d\n"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
            "[supervisorctl]\nserverurl=unix://%s/control.sock\n",
            field->dir, field->dir, field->dir, field->dir, load->count * 4 + 64, field->dir);
    for (int i = 0; i < load->count; i++) {
        fprintf(file, "[program:s%d]\ncommand=%s \"", i, BENCH_CHILD);
        print_child(file, field, load, i);
        fprintf(file,
                "\"\nautorestart=true\nstartsecs=%d\nstartretries=1000000\n"
                "stdout_logfile=NONE\nstderr_logfile=NONE\n",
                load->life_ms == 0 ? 0 : 1);
    }
    end_file(file);
}

static void supervisord_start(const struct field *field, const struct load *load,
                              struct command *command)
{
    (void)load;
    word(command, "supervisord");
    word(command, "-n");
    word(command, "-c");
    word(command, "%s/supervisord.conf", field->dir);
}

static void supervisord_status(const struct field *field, bool json, struct command *command)
{
    (void)json;
    word(command, "supervisorctl");
    word(command, "-c");
    word(command, "%s/supervisord.conf", field->dir);
    word(command, "status");
}

/* ---- dinit ---- */

static void dinit_configure(const struct field *field, const struct load *load)
{
    char name[NAME_SIZE];
    FILE *boot;

    make_folder(field, "services");
    boot = begin_file(field, "services/boot");
    fprintf(boot, "type = internal\n");
    for (int i = 0; i < load->count; i++) {
        FILE *file;

        snprintf(name, sizeof name, "services/s%d", i);
        file = begin_file(field, name);
        fprintf(file, "type = process\ncommand = %s \"", BENCH_CHILD);
        print_child(file, field, load, i);
        fprintf(file, "\"\nrestart = yes\nrestart-delay = 0\nrestart-limit-count = 0\n");
        end_file(file);
        fprintf(boot, "waits-for = s%d\n", i);
    }
    end_file(boot);
}

static void dinit_start(const struct field *field, const struct load *load,
                        struct command *command)
{
    (void)load;
    word(command, "dinit");
    word(command, "--user");
    word(command, "--quiet");
    word(command, "--services-dir");
    word(command, "%s/services", field->dir);
    word(command, "--socket-path");
    word(command, "%s/control.sock", field->dir);
}

static void dinit_status(const struct field *field, bool json, struct command *command)
{
    (void)json;
    word(command, "dinitctl");
    word(command, "--socket-path");
    word(command, "%s/control.sock", field->dir);
    word(command, "list");
}

/* ---- the table ---- */

#define PACKAGE(name)                                                                          \
    {                                                                                          \
        "dpkg-query", "-W", "-f=${Version}", name                                              \
    }

/* clang-format off */
const struct contender contenders[WHO_COUNT] = {
    [COOPD]       = {"coopd",            COOPD_PROGRAM, {COOPD_PROGRAM, "--version"}, SIGTERM,
                     coopd_configure,       coopd_start,       coopd_status,       true},
    [SANDBOXED]   = {"coopd, sandboxed", COOPD_PROGRAM, {COOPD_PROGRAM, "--version"}, SIGTERM,
                     sandboxed_configure,   coopd_start,       coopd_status,       true},
    [LOOP]        = {"posix_spawn loop", LOOP_PROGRAM,  {NULL},                       SIGTERM,
                     loop_configure,        loop_start,        NULL,               false},
    [RUNIT]       = {"runit",            "runsvdir",    PACKAGE("runit"),             SIGHUP,
                     folders_configure,     runit_start,       runit_status,       false},
    [S6]          = {"s6",               "s6-svscan",   PACKAGE("s6"),                SIGTERM,
                     folders_configure,     s6_start,          NULL,               false},
    [SUPERVISORD] = {"supervisord",      "supervisord", {"supervisord", "--version"}, SIGTERM,
                     supervisord_configure, supervisord_start, supervisord_status, false},
    [DINIT]       = {"dinit",            "dinit",       {"dinit", "--version"},       SIGTERM,
                     dinit_configure,       dinit_start,       dinit_status,       false},
};
/* clang-format on */

bool contender_here(const struct contender *contender)
{
    const char *at = getenv("PATH");
    char path[PATH_SIZE];

    if (strchr(contender->program, '/'))
        return access(contender->program, X_OK) == 0;
    for (; at && *at; at += strspn(at, ":")) {
        size_t length = strcspn(at, ":");

        snprintf(path, sizeof path, "%.*s/%s", (int)length, at, contender->program);
        if (access(path, X_OK) == 0)
            return true;
        at += length;
    }
    return false;
}
