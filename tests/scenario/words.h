#ifndef SCN_WORDS_H
#define SCN_WORDS_H

#include "scn.h"

struct proc;

/* words.h - the words that start programs (programs.c), and what they share with the others */

/* A deadline from a word like 500ms, 5s or 2min; 'fallback' when word is NULL. -1 when it is
 * neither. Multiplied by s->slow. */
coop_nsec words_deadline(const struct scn *s, const char *word, coop_nsec fallback);
/* For a command in the foreground. */
coop_nsec words_call_deadline(const struct scn *s);

/* A path of the script: relative to the scenario's folder. */
char *words_path(const struct scn *s, const char *path);
/* Inside `as user`: the file becomes the user's. */
int words_give_to_user(const struct scn *s, const char *path);

/* A process, not started yet, of a program in $BIN or with a path. */
struct proc *words_prepare(const struct scn *s, const char *name, const char *program);
/* Runs $BIN/program in the foreground; the result is s->last. */
int words_call(struct scn *s, const char *program, int argc, char **argv);
/* Takes a process off the list, with its output. */
void words_forget(struct scn *s, struct proc *p);

int word_ctl(struct scn *s, struct args *a);
int word_run(struct scn *s, struct args *a);
int word_coopd(struct scn *s, struct args *a);
int word_sh(struct scn *s, struct args *a);
int word_background(struct scn *s, struct args *a);
int word_supervisor(struct scn *s, struct args *a);
int word_start(struct scn *s, struct args *a);

#endif
