/*
 * What a member's failure means for its group: every strategy, phase and kind of failure, written
 * down a second time.
 */
#include "group/policy.h"

#include <criterion/criterion.h>

/* g: it goes on alone   R: the group goes round   j: it joins the round   F: the group fails
 * l: it is being stopped.  A capital C behind it: counted. */
static const struct {
    const char *name;
    struct group_failure failure;
    const char *answers[GROUP_PHASES][GROUP_STRATEGIES];
} matrix[] = {
    {"dies",
     {.within = true},
     {{"gC", "RC", "RC"}, {"gC", "RC", "RC"}, {"l", "l", "l"}, {"gC", "RC", "RC"}}},
    {"dies once too often",
     {.within = false},
     {{"FC", "FC", "FC"}, {"FC", "FC", "FC"}, {"l", "l", "l"}, {"FC", "FC", "FC"}}},
    {"gives up",
     {.within = true, .gave_up = true},
     {{"FC", "FC", "FC"}, {"FC", "FC", "FC"}, {"l", "l", "l"}, {"FC", "FC", "FC"}}},
    {"dies while the round stops it",
     {.within = true, .covered = true},
     {{"gC", "RC", "RC"}, {"j", "j", "j"}, {"l", "l", "l"}, {"gC", "RC", "RC"}}},
    {"dies too often while the round stops it",
     {.within = false, .covered = true},
     {{"FC", "FC", "FC"}, {"j", "j", "j"}, {"l", "l", "l"}, {"FC", "FC", "FC"}}},
    {"gives up while the round stops it",
     {.within = true, .covered = true, .gave_up = true},
     {{"FC", "FC", "FC"}, {"j", "j", "j"}, {"l", "l", "l"}, {"FC", "FC", "FC"}}},
    {"died under an earlier coopd that answered",
     {.within = true, .answered = true},
     {{"g", "g", "g"}, {"g", "g", "g"}, {"l", "l", "l"}, {"g", "g", "g"}}},
    {"the same, and it was the last one allowed",
     {.within = false, .answered = true},
     {{"g", "g", "g"}, {"g", "g", "g"}, {"l", "l", "l"}, {"g", "g", "g"}}},
    {"died under an earlier coopd, in its round",
     {.within = true, .answered = true, .covered = true},
     {{"g", "g", "g"}, {"j", "j", "j"}, {"l", "l", "l"}, {"g", "g", "g"}}},
};

static char letter(enum group_answer answer)
{
    return "gjRFl"[answer];
}

Test(group_policy, every_failure_has_its_answer_in_every_phase_of_every_strategy)
{
    for (size_t i = 0; i < sizeof matrix / sizeof matrix[0]; i++)
        for (int phase = 0; phase < GROUP_PHASES; phase++)
            for (int strategy = 0; strategy < GROUP_STRATEGIES; strategy++) {
                const char *expected = matrix[i].answers[phase][strategy];
                const struct group_failure *failure = &matrix[i].failure;

                cr_expect_eq(letter(group_answer((enum group_phase)phase,
                                                 (enum group_strategy)strategy, failure)),
                             expected[0], "%s, %s, %s", matrix[i].name,
                             group_phase_word((enum group_phase)phase),
                             group_strategy_word(strategy));
                cr_expect_eq(group_counts((enum group_phase)phase, failure), expected[1] == 'C',
                             "%s, %s, counted?", matrix[i].name,
                             group_phase_word((enum group_phase)phase));
            }
}

Test(group_policy, a_round_begins_with_the_first_or_with_who_has_failed)
{
    for (unsigned member = 0; member < 4; member++) {
        cr_expect_eq(group_first_of_round(ONE_FOR_ALL, member), 0);
        cr_expect_eq(group_first_of_round(REST_FOR_ONE, member), member);
    }
}
