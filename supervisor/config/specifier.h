#ifndef COOP_CONFIG_SPECIFIER_H
#define COOP_CONFIG_SPECIFIER_H

#include "coop/err.h"

/*
 * specifier.h - systemd's % words in values
 *
 *     %n  full name (web.service)   %N %p  name (web)       %i %I  instance: empty
 *     %u  user name   %U  its id    %g %G  group            %h  home directory
 *     %H  host name   %t  runtime directory                 %%  a percent sign
 *
 * An unknown one is an error, never left as it is.
 */
struct specifiers {
    const char *service;
    const char *user; /* User= as written, or NULL: coopd's own */
};

/* A new string that the caller frees; NULL and an error on failure. */
char *specifiers_expand(const struct specifiers *about, const char *text, struct coop_err *err);

#endif
