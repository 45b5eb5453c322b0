/*
 * test_control_tree.c - /proc is read whatever a process calls itself, and trees are cut right
 */
#include "tree.h"

#include "base/scope.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The fields after the parent, up to the start time (the 22nd), and one more. */
#define REST " 1 1 0 -1 4194560 100 0 0 0 5 3 0 0 20 0 1 0 4242 9000000\n"

static int parse(const char *text, struct proc *ret_proc)
{
    return proc_parse_stat(text, strlen(text), ret_proc);
}

Test(tree, a_plain_stat_line_is_read)
{
    struct proc proc;

    cr_assert_eq(parse("77 (nginx) S 12" REST, &proc), 0);
    cr_expect_eq(proc.pid, 77);
    cr_expect_eq(proc.ppid, 12);
    cr_expect_eq(proc.inside, 77);
    cr_expect_eq(proc.state, 'S');
    cr_expect_eq(proc.start_ticks, 4242);
    cr_expect_str_eq(proc.name, "nginx");
}

Test(tree, a_name_may_hold_parentheses_blanks_and_newlines)
{
    struct proc proc;

    cr_assert_eq(parse("77 (a) R 1 (b\nc)) D 12" REST, &proc), 0);
    cr_expect_eq(proc.state, 'D');
    cr_expect_eq(proc.ppid, 12);
    cr_expect_str_eq(proc.name, "a) R 1 (b?c)");
}

Test(tree, an_empty_name_and_a_long_name_are_read)
{
    struct proc proc;
    char text[400];

    cr_assert_eq(parse("77 () Z 12" REST, &proc), 0);
    cr_expect_str_eq(proc.name, "");
    snprintf(text, sizeof text, "77 (%0200d) T 12" REST, 0);
    cr_assert_eq(parse(text, &proc), 0);
    cr_expect_eq(strlen(proc.name), PROC_NAME_MAX - 1);
    cr_expect_eq(proc.state, 'T');
}

Test(tree, a_cut_or_odd_stat_line_is_refused_at_every_length)
{
    static const char whole[] = "77 (x y) S 12" REST;
    struct proc proc = {.pid = -5};

    /* all fields up to the 22nd, the start time, must be there */
    for (size_t size = 0; whole + size < strstr(whole, "4242"); size++)
        cr_expect_eq(proc_parse_stat(whole, size, &proc), -EINVAL, "%zu bytes", size);
    cr_expect_eq(parse("x (y) S 1" REST, &proc), -EINVAL);
    cr_expect_eq(parse("99999999999999999999 (y) S 1" REST, &proc), -EINVAL);
    cr_expect_eq(parse("77 (y) S -1" REST, &proc), -EINVAL);
    cr_expect_eq(parse("77 y) S 1" REST, &proc), -EINVAL);
    cr_expect_eq(proc.pid, -5, "untouched on failure");
}

Test(tree, the_innermost_pid_is_taken_from_nspid)
{
    pid_t inside = -1;

#define INSIDE(text) proc_parse_inside(text, strlen(text), &inside)
    cr_expect_eq(INSIDE("Name:\tx\nNSpid:\t900\t17\t2\nNSpgid:\t1\n"), 0);
    cr_expect_eq(inside, 2);
    cr_expect_eq(INSIDE("Name:\tx\nNSpid:\t900\n"), 0);
    cr_expect_eq(inside, 900);
    cr_expect_eq(INSIDE("Name:\tNSpid:\nState: S\n"), -EINVAL);
    cr_expect_eq(INSIDE("Name:\tx\nNSpid:\n"), -EINVAL);
    cr_expect_eq(INSIDE("Name:\tx\nNSpid:\t99999999999999999999999\n"), -EINVAL);
    cr_expect_eq(inside, 900, "untouched on failure");
}

Test(tree, a_command_line_becomes_one_clean_line)
{
    char line[PROC_COMMAND_MAX], small[8];

    cr_expect_eq(proc_join_command("a\0b c\0", 6, line, sizeof line), 5);
    cr_expect_str_eq(line, "a b c");
    cr_expect_eq(proc_join_command("nginx: master\0\0\0", 16, line, sizeof line), 13);
    cr_expect_eq(proc_join_command("x\n\33[31m", 7, line, sizeof line), 7);
    cr_expect_str_eq(line, "x??[31m");
    cr_expect_eq(proc_join_command("", 0, line, sizeof line), 0);
    cr_expect_eq(proc_join_command("\0\0", 2, line, sizeof line), 0);
    cr_expect_eq(proc_join_command("0123456789", 10, small, sizeof small), 7);
    cr_expect_str_eq(small, "0123456");
}

/*  1 - 10 - 11 - 13
 *    |    ` 12
 *    ` 20                       99 has a parent nobody saw */
static const struct proc family[] = {
    {.pid = 20, .ppid = 1, .name = "twenty"}, {.pid = 13, .ppid = 11, .name = "thirteen"},
    {.pid = 1, .ppid = 0, .name = "one"},     {.pid = 12, .ppid = 10, .name = "twelve"},
    {.pid = 10, .ppid = 1, .name = "ten"},    {.pid = 99, .ppid = 98, .name = "lost"},
    {.pid = 11, .ppid = 10, .name = "eleven"}};

Test(tree, a_tree_has_parents_first_and_siblings_in_order)
{
    static const pid_t expected[] = {10, 11, 13, 12};
    static const unsigned depths[] = {0, 1, 2, 1};
    static const bool last[] = {true, false, true, true};
    struct proc_table table = {0};
    struct proc_tree tree = {0};

    cr_assert_eq(proc_table_make(&table, family, COOP_COUNT(family)), 0);
    cr_assert_eq(proc_tree_cut(&tree, &table, (pid_t[]){10}, 1), 0);
    cr_assert_eq(tree.count, COOP_COUNT(expected));
    for (size_t i = 0; i < tree.count; i++) {
        cr_expect_eq(tree.at[i].proc.pid, expected[i]);
        cr_expect_eq(tree.at[i].depth, depths[i]);
        cr_expect_eq(tree.at[i].last, last[i], "pid %d", tree.at[i].proc.pid);
    }
    cr_expect_str_eq(tree.at[0].command, "[ten]");
    proc_tree_done(&tree);
    proc_table_done(&table);
}

Test(tree, several_roots_are_shown_once_each_at_their_place)
{
    static const pid_t roots[] = {99, 11, 10, 10, 4711};
    struct proc_table table = {0};
    struct proc_tree tree = {0};

    cr_assert_eq(proc_table_make(&table, family, COOP_COUNT(family)), 0);
    cr_assert_eq(proc_tree_cut(&tree, &table, roots, COOP_COUNT(roots)), 0);
    cr_expect_eq(tree.count, 5);
    cr_expect_eq(tree.at[0].proc.pid, 99);
    cr_expect_eq(tree.at[1].proc.pid, 10);
    proc_tree_done(&tree);
    proc_table_done(&table);
}

Test(tree, a_loop_of_parents_ends_and_is_counted)
{
    static const struct proc loop[] = {{.pid = 2, .ppid = 3}, {.pid = 3, .ppid = 2}};
    struct proc_table table = {0};
    struct proc_tree tree = {0};

    cr_assert_eq(proc_table_make(&table, loop, COOP_COUNT(loop)), 0);
    cr_assert_eq(proc_tree_cut(&tree, &table, (pid_t[]){2}, 1), 0);
    cr_expect_leq(tree.count, PROC_DEPTH_MAX + 1);
    cr_expect_gt(tree.left_out, 0);
    proc_tree_done(&tree);
    proc_table_done(&table);
}

Test(tree, more_processes_than_are_shown_are_counted)
{
    enum { MANY = PROC_TREE_MAX + 500 };
    struct proc *many = calloc(MANY, sizeof *many);
    struct proc_table table = {0};
    struct proc_tree tree = {0};

    cr_assert(many);
    for (int i = 0; i < MANY; i++)
        many[i] = (struct proc){.pid = 100 + i, .ppid = i == 0 ? 1 : 100};
    cr_assert_eq(proc_table_make(&table, many, MANY), 0);
    cr_assert_eq(proc_tree_cut(&tree, &table, (pid_t[]){100}, 1), 0);
    cr_expect_eq(tree.count, PROC_TREE_MAX);
    cr_expect_eq(tree.left_out, 500);
    proc_tree_done(&tree);
    proc_table_done(&table);
    free(many);
}

Test(tree, nothing_known_gives_an_empty_tree)
{
    struct proc_table table = {0};
    struct proc_tree tree = {.count = 7};

    cr_assert_eq(proc_tree_cut(&tree, &table, (pid_t[]){10}, 1), 0);
    cr_expect_eq(tree.count, 0);
}

Test(tree, this_process_is_found_in_the_real_proc)
{
    struct proc_table table = {0};
    struct proc_tree tree = {0};
    pid_t self = getpid();
    const struct proc *proc;
    struct coop_err err;

    cr_assert_eq(proc_table_scan(&table, "/proc", &err), 0);
    proc = proc_table_find(&table, self);
    cr_assert(proc);
    cr_expect_eq(proc->ppid, getppid());
    cr_assert_eq(proc_tree_cut(&tree, &table, &self, 1), 0);
    proc_tree_describe(&tree, "/proc");
    cr_expect_gt(tree.at[0].proc.inside, 0);
    cr_expect_neq(tree.at[0].command[0], '[', "%s", tree.at[0].command);
    proc_tree_done(&tree);
    proc_table_done(&table);
}

Test(tree, a_missing_proc_is_an_error_that_names_it)
{
    struct proc_table table = {0};
    struct coop_err err;

    cr_assert_lt(proc_table_scan(&table, "/nowhere/proc", &err), 0);
    cr_expect(strstr(err.text, "/nowhere/proc"), "%s", err.text);
}
