#ifndef TESTS_FAKE_SERVICES_H
#define TESTS_FAKE_SERVICES_H

#include "coop/coop.h"
#include "group/group.h"
#include "service/svc.h"

/*
 * fake_services.h - services over the fake kernel: virtual time, processes that obey the test
 *
 *     static int body(void *arg)
 *     {
 *         struct svc *web = play_add("web", "ExecStart=x", "Restart=always", NULL);
 *         play_say(web, CMD_START);
 *         play_until("web", ST_UP);
 *         coop_sim_exit(play_pid("web"), 1);
 *         ...
 *     }
 *     play(42, body);
 *
 * Whatever a service launches is a process of the fake kernel; play_on_birth() tells how it
 * behaves.  Nothing here sleeps: play_until() follows the bus, and the clock jumps.
 */

/* Runs 'body' in a coroutine of a simulated runtime, then takes everything down. */
void play(uint64_t seed, int (*body)(void *), void *arg);

/* A service with these "Key=Value" lines, NULL at the end. Owned by the play. */
struct svc *play_add(const char *name, ...);

/* A group with these "Key=Value" lines, NULL at the end; before play_link(). */
void play_group(const char *name, ...);
struct group_view play_group_view(const char *name);
void play_group_clear(const char *name); /* as `coopctl start GROUP` does */

/* Whom coopd would end with. */
void play_on_over(void (*fn)(struct svc_world *world, const char *name, int exit_status));

/* Links all services added so far, as their Requires=, After= ... say. Call once. */
void play_link(void);

/* What each new process does; 'arg' of play() is passed on. */
void play_on_birth(void (*fn)(const char *service, pid_t pid));

/* From the next launch on services have FIFOs for their output and sockets to notify by; each
 * process says one word at its birth. */
void play_with_outputs(void);

/* The service's process says more. */
void play_print(const char *name, const char *text);

/* What its cgroup tells at each end from now on: it was refused memory, or a process. */
void play_refused(bool out_of_memory, bool out_of_tasks);

/* Posts a command; nobody waits for its reply. */
void play_say(struct svc *svc, enum svc_command_kind kind);

/* Posts one and waits for the reply; SVC_BUSY after 'patience'. */
enum svc_result play_ask(struct svc *svc, enum svc_command_kind kind, coop_nsec patience);

/* Waits until the service is in this state; false after an hour of virtual time. */
bool play_until(const char *name, enum svc_state state);

struct svc_view play_view(const char *name);
pid_t play_pid(const char *name);
unsigned play_births(const char *name);   /* launches of ExecStart= so far               */
unsigned play_commands(const char *name); /* and of all commands                        */
pid_t play_step(const char *name);        /* the last one that was not ExecStart='s     */
unsigned play_most_alive(void);           /* of one service at the same time, ever        */

#define SEC  COOP_NSEC_PER_SEC
#define MSEC COOP_NSEC_PER_MSEC

#endif
