#ifndef SCN_CHILD_H
#define SCN_CHILD_H

/* child.h - words of scn-child that have a file of their own (child_sockets.c) */

void child_listens(const char *unused);
void child_serve(const char *count);
void child_take(const char *count);
void child_store(const char *words);
void child_unstore(const char *name);
void child_stored(const char *unused);
void child_ask(const char *words);
void child_send(const char *words);
void child_storm(const char *words);

#endif
