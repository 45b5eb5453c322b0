#ifndef COOP_TEXT_WORDS_H
#define COOP_TEXT_WORDS_H

#include <stddef.h>

#include "base/buf.h"
#include "base/strlist.h"
#include "coop/err.h"

/*
 * words.h - split text like a shell does, and put it together again
 *
 *     echo "two words" 'as $is' one\ word       ->  echo|two words|as $is|one word
 *
 * Blanks separate words.  '...' keeps everything; "..." keeps everything but backslashes;
 * outside of single quotes a backslash takes the next character as it is, and \n \t \r \a \b \f
 * \v \e \xHH \NNN mean what they mean in C (systemd's rule).  Quoted and bare parts that touch
 * are one word, "" is an empty word.  Nothing is expanded: no $, no ~, no *, no comments.
 *
 * Errors    -1 with an error that names the place ("quote at column 7 is not closed").
 * Limits    WORDS_MAX words; \x00 is refused, words are C strings.
 */
#define WORDS_MAX 4096

/* Appends to 'words'. On failure it is as it was. */
int words_split(const char *text, struct strlist *words, struct coop_err *err);

/* Appends 'word', quoted only when it must be; words_split() gives it back unchanged. */
int words_quote(struct buf *out, const char *word);

/* All of 'words', quoted, with blanks between. */
int words_join(struct buf *out, const struct strlist *words);

#endif
