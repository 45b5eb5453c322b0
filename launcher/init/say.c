/*
 * say.c - words of coop-init (contract in say.h)
 */
#include "launcher/init/say.h"

#include "launcher/raw.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define WORDS 8

void init_say(int fd, const char *word, ...)
{
    struct iovec iov[WORDS];
    va_list more;
    int count = 0;

    va_start(more, word);
    for (; word && count < WORDS; word = va_arg(more, const char *))
        iov[count++] =
            (struct iovec){.iov_base = (void *)(uintptr_t)word, .iov_len = strlen(word)};
    va_end(more);
    (void)!writev(fd, iov, count);
}

_Noreturn void init_fail(const char *what, const char *which, int sys)
{
    const char *why = sys ? strerrordesc_np(sys) : NULL;

    init_say(STDERR_FILENO, "coop-init: ", what, which, why ? ": " : "", why ? why : "", "\n",
             NULL);
    _exit(EXIT_LAUNCHER);
}

struct init_number init_number(long number)
{
    struct init_number n;

    (void)raw_number(n.text, number);
    return n;
}

const char *init_signal_name(int sig, struct init_number *ret_number)
{
    const char *name = sigabbrev_np(sig);

    if (name)
        return name;
    *ret_number = init_number(sig);
    return ret_number->text;
}
