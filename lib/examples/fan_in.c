/*
 * fan_in.c - one loop that listens to several channels and to the clock
 *
 * Three weather stations report whenever they like.  The listener selects over all of them; a
 * station that closes its channel is replaced by NULL, which is never ready.  A timer case
 * gives up on stations that fall silent.
 *
 *     fan_in
 */
#include <coop/coop.h>

#include <stdio.h>
#include <stdlib.h>

enum { STATIONS = 3, REPORTS = 1000 };

struct station {
    struct coop_chan *reports;
    int first;
};

static int report(void *arg)
{
    struct station *station = arg;

    for (int i = 0; i < REPORTS; i++) {
        int degrees = station->first + i % 10;

        if (coop_send(station->reports, &degrees, COOP_FOREVER) < 0)
            break;
        if (i % 100 == 0)
            coop_sleep_until(coop_after(coop_now(), COOP_NSEC_PER_MSEC));
    }
    coop_close(station->reports);
    return 0;
}

static int listen_to(struct station *stations, int *ret_seen, long *ret_sum)
{
    struct coop_case cases[STATIONS + 1];
    int open = STATIONS, degrees, which;

    for (int i = 0; i < STATIONS; i++)
        cases[i] = COOP_RECV(stations[i].reports, &degrees);
    while (open > 0) {
        cases[STATIONS] = COOP_TIMER(coop_after(coop_now(), 10 * COOP_NSEC_PER_SEC));
        which = coop_select(cases, STATIONS + 1, COOP_FOREVER);
        if (which < 0 || which == STATIONS)
            return -1; /* cancelled, or ten seconds of silence */
        if (cases[which].result == 1) {
            ++*ret_seen;
            *ret_sum += degrees;
        } else { /* 0: closed, and nothing left in it */
            cases[which].ch = NULL;
            open--;
        }
    }
    return 0;
}

static int weather(__attribute__((unused)) void *arg)
{
    struct station stations[STATIONS] = {0};
    struct coop_scope scope;
    int seen = 0, r = 0;
    long sum = 0;

    coop_scope_init(&scope, "stations", COOP_FOREVER);
    for (int i = 0; i < STATIONS && r == 0; i++) {
        stations[i] = (struct station){coop_chan_new(sizeof(int), 16), 10 * i};
        r = stations[i].reports ? coop_go(&scope, report, &stations[i]) : -1;
    }
    if (r == 0)
        r = listen_to(stations, &seen, &sum);
    coop_scope_end(&scope); /* 'stations' is ours: nobody may use it when we return */
    printf("%d reports from %d stations, %.1f degrees on average\n", seen, STATIONS,
           seen ? (double)sum / seen : 0.0);
    for (int i = 0; i < STATIONS; i++)
        coop_chan_unref(stations[i].reports);
    return r;
}

int main(void)
{
    return coop_main(NULL, weather, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
