/* The word for an end, from each thing that can be known of it. */
#include "launcher/limits/result.h"

#include <criterion/criterion.h>
#include <signal.h>

Test(result, the_word_for_an_end_is_what_is_known_of_it)
{
    static const struct {
        struct run_end end;
        enum launch_result bare, limited; /* without, with LimitCPU= and LimitFSIZE= */
    } cases[] = {
        {{.code = 0}, LAUNCH_RESULT_EXIT, LAUNCH_RESULT_EXIT},
        {{.code = 9}, LAUNCH_RESULT_EXIT, LAUNCH_RESULT_EXIT},
        {{.signal = SIGTERM}, LAUNCH_RESULT_SIGNAL, LAUNCH_RESULT_SIGNAL},
        {{.signal = SIGSYS}, LAUNCH_RESULT_POLICY, LAUNCH_RESULT_POLICY},
        {{.signal = SIGXCPU}, LAUNCH_RESULT_SIGNAL, LAUNCH_RESULT_CPU_TIME},
        {{.signal = SIGXFSZ}, LAUNCH_RESULT_SIGNAL, LAUNCH_RESULT_DISK},
        {{.signal = SIGKILL, .out_of_memory = true},
         LAUNCH_RESULT_MEMORY,
         LAUNCH_RESULT_MEMORY},
        {{.code = 1, .out_of_memory = true}, LAUNCH_RESULT_MEMORY, LAUNCH_RESULT_MEMORY},
        {{.code = 0, .out_of_memory = true}, LAUNCH_RESULT_EXIT, LAUNCH_RESULT_EXIT},
        {{.code = 1, .out_of_tasks = true}, LAUNCH_RESULT_TASKS, LAUNCH_RESULT_TASKS},
        {{.code = 1, .out_of_disk = true}, LAUNCH_RESULT_DISK, LAUNCH_RESULT_DISK},
        {{.code = 0, .out_of_disk = true}, LAUNCH_RESULT_EXIT, LAUNCH_RESULT_EXIT},
        {{.code = 0, .out_of_tasks = true}, LAUNCH_RESULT_EXIT, LAUNCH_RESULT_EXIT},
        {{.broken = LAUNCH_RESULT_OUTPUT}, LAUNCH_RESULT_OUTPUT, LAUNCH_RESULT_OUTPUT},
        {{.broken = LAUNCH_RESULT_CPU_TIME, .signal = SIGKILL, .out_of_memory = true},
         LAUNCH_RESULT_CPU_TIME,
         LAUNCH_RESULT_CPU_TIME},
    };
    static struct launch_spec bare, limited;

    limited.limits[RLIMIT_CPU].set = limited.limits[RLIMIT_FSIZE].set = true;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_eq(run_end_result(&cases[i].end, &bare), cases[i].bare, "case %zu", i);
        cr_expect_eq(run_end_result(&cases[i].end, &limited), cases[i].limited, "case %zu", i);
    }
}
