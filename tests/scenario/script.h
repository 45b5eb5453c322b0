#ifndef SCN_SCRIPT_H
#define SCN_SCRIPT_H

#include "scn.h"

/*
 * script.h - text -> statements
 *
 *     word word "quoted \n \x1b $VAR" 'taken as it is' {     a block follows
 *         lines, kept as they are                            (file, service)
 *     }
 *     foreach i 1..200 {                                     a body: statements again
 *         ...
 *     }
 *
 * One statement is one line; `#` at the start of a word begins a comment.  $NAME and ${NAME}
 * are replaced when the statement is played; inside blocks only ${NAME} is, because the text
 * of a block may be a shell's.
 */
struct token {
    char *text;
    bool as_is; /* single-quoted: no variables */
};

struct stmt {
    struct stmt *next;
    int line;
    int count;
    struct token *tokens;
    char *block;       /* of file, service: the raw lines */
    struct stmt *body; /* of foreach, repeat */
};

struct script {
    char *text; /* the whole file, for the report */
    struct stmt *list;
};

/* Reads and parses. Returns 0, or -1 with file:line and what is wrong in err. */
int script_load(struct script *ret_script, const char *path, struct coop_err *err);

/* Replaces variables in 'text'; braces_only is for blocks. NULL and scn_fail() if unknown. */
char *script_expand(struct scn *s, const char *text, bool braces_only);

#endif
