/*
 * prime_sieve.c - a chain of coroutines that grows while it runs
 *
 * One coroutine counts.  Each prime that comes out at the end of the chain adds a filter that
 * lets no multiple of it through.  When there are enough, the scope is cancelled: every
 * coroutine finds its channel call returning -ECANCELED and goes home.
 *
 *     prime_sieve [HOW-MANY]        (default 25, at most 10000)
 *
 * Source: Doug McIlroy's sieve, as told in Go's tutorial.
 */
#include <coop/coop.h>

#include <stdio.h>
#include <stdlib.h>

struct filter {
    struct coop_chan *in, *out;
    int prime;
};

/* A channel has two owners, who come and go in any order: its sender and its receiver. */
static int count(void *arg)
{
    struct coop_chan *out = arg;

    for (int n = 2; coop_send(out, &n, COOP_FOREVER) == 0; n++)
        ;
    coop_chan_unref(out);
    return 0;
}

static int filter(void *arg)
{
    const struct filter *f = arg; /* our own copy: coop_attr.copy */
    int n;

    while (coop_recv(f->in, &n, COOP_FOREVER) == 1)
        if (n % f->prime != 0 && coop_send(f->out, &n, COOP_FOREVER) < 0)
            break;
    coop_chan_unref(f->in);
    coop_chan_unref(f->out);
    return 0;
}

/* Puts a filter behind '*end', and moves '*end' behind the filter. */
static int add_filter(struct coop_scope *chain, struct coop_chan **end, int prime)
{
    struct filter f = {.in = *end, .out = coop_chan_new(sizeof prime, 0), .prime = prime};
    struct coop_attr attr = {.name = "filter", .copy = sizeof f};
    struct coop_chan *out = f.out;

    if (!out || coop_go_with(chain, &attr, filter, &f) < 0) {
        coop_chan_unref(out);
        return -1;
    }
    *end = coop_chan_ref(out);
    return 0;
}

static int sieve(void *arg)
{
    int wanted = *(int *)arg, found = 0, prime;
    struct coop_chan *end = coop_chan_new(sizeof prime, 0);
    struct coop_scope chain;
    int r;

    if (!end)
        return -1;
    coop_scope_init(&chain, "sieve", COOP_FOREVER);
    r = coop_go(&chain, count, coop_chan_ref(end));
    while (r == 0 && found < wanted && coop_recv(end, &prime, COOP_FOREVER) == 1) {
        printf("%d%c", prime, ++found % 10 == 0 || found == wanted ? '\n' : ' ');
        r = add_filter(&chain, &end, prime);
    }
    coop_scope_end(&chain);
    coop_chan_unref(end);
    return r;
}

int main(int argc, char **argv)
{
    int wanted = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 25;

    if (wanted < 1 || wanted > 10000) {
        fputs("prime_sieve: how many primes? 1 to 10000\n", stderr);
        return 2;
    }
    return coop_main(NULL, sieve, &wanted) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
