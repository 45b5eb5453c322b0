/*
 * print_manual - fills the lists of keys into coop.service.5.in, while coop is built
 *
 * The rows that read a key are the rows that describe it, so page and program cannot disagree.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/build.h"
#include "config/load.h"
#include "config/service_settings.h"
#include "config/socket_spec.h"
#include "launcher/launch.h"

static void print_sandbox_keys(void)
{
    settings_for_each (row, &launch_settings) {
        const struct setting_table one = {row, 1};

        if (!build_refuses(row->key))
            settings_print_mdoc_keys(&one, NULL, stdout);
    }
}

static int fill(const char *line)
{
    if (strcmp(line, "@SERVICE_KEYS@\n") == 0)
        settings_print_mdoc_keys(&service_settings, NULL, stdout);
    else if (strcmp(line, "@SANDBOX_KEYS@\n") == 0)
        print_sandbox_keys();
    else if (strcmp(line, "@SOCKET_KEYS@\n") == 0)
        settings_print_mdoc_keys(&socket_settings, NULL, stdout);
    else if (strcmp(line, "@GROUP_KEYS@\n") == 0)
        settings_print_mdoc_keys(&group_settings, NULL, stdout);
    else if (strcmp(line, "@COOPD_KEYS@\n") == 0)
        settings_print_mdoc_keys(&coopd_settings, NULL, stdout);
    else if (strcmp(line, "@TIMER_KEYS@\n") == 0)
        settings_print_mdoc_keys(&timer_settings, NULL, stdout);
    else
        return fputs(line, stdout) < 0 ? -1 : 0;
    return 0;
}

int main(int argc, char **argv)
{
    FILE *in = argc == 2 ? fopen(argv[1], "re") : NULL;
    char line[1024];
    int r = 0;

    if (!in) {
        fprintf(stderr, "usage: print_manual coop.service.5.in\n");
        return EXIT_FAILURE;
    }
    while (r == 0 && fgets(line, sizeof line, in))
        r = fill(line);
    fclose(in);
    return r == 0 && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
