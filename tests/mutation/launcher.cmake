# Mutants of the launcher: one piece of one file is another one, and a test that exists must fail.
#
# coop_launcher_mutant(NAME FILE launcher/x.c FROM "text" TO "other text"
#                      TEST tests/unit/launcher/test_y.c FILTER suite/test [SOURCES file...] [LIBS lib...])
#
# The file with the other text is linked before the library, whose own is then not looked for; without
# TEST over the library itself the program is a coop-run of which that file is part.
function(coop_mutated_text name file from to ret)
  file(READ ${CMAKE_SOURCE_DIR}/${file} text)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${file})
  string(FIND "${text}" "${from}" first)
  string(FIND "${text}" "${from}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    message(FATAL_ERROR "${file} does not have the words of the mutant '${name}' once")
  endif()
  string(REPLACE "${from}" "${to}" text "${text}")
  set(out ${CMAKE_CURRENT_BINARY_DIR}/mutant_${name}.c)
  file(CONFIGURE OUTPUT ${out} CONTENT "@text@" @ONLY)
  set(${ret} ${out} PARENT_SCOPE)
endfunction()

function(coop_mutant_test name target filter)
  add_test(NAME mutation.${name} COMMAND ${target} --filter ${filter})
  string(REPLACE "/" "::" said ${filter})
  set_tests_properties(mutation.${name} PROPERTIES TIMEOUT 120 LABELS quick
                                                   PASS_REGULAR_EXPRESSION "FAIL[^\n]*${said}")
endfunction()

function(coop_launcher_mutant name)
  cmake_parse_arguments(PARSE_ARGV 1 mutant "" "FILE;FROM;TO;TEST;FILTER" "SOURCES;LIBS")
  coop_mutated_text(${name} ${mutant_FILE} "${mutant_FROM}" "${mutant_TO}" file)
  set(target test_mutation_${name})
  add_executable(${target} ${CMAKE_SOURCE_DIR}/${mutant_TEST} ${file} ${mutant_SOURCES})
  target_compile_options(${target} PRIVATE -Wno-error)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/tests
                                               ${CMAKE_SOURCE_DIR}/launcher/include)
  target_compile_definitions(${target} PRIVATE COOP_RUN="$<TARGET_FILE:coop-run>" COOP_RUN_INSTALLED="")
  target_link_libraries(${target} PRIVATE ${mutant_LIBS} coop_launch coop_flags coop_criterion)
  coop_mutant_test(${name} ${target} ${mutant_FILTER})
endfunction()

# The same of a coop-run that a test runs.
function(coop_run_mutant name)
  cmake_parse_arguments(PARSE_ARGV 1 mutant "" "FILE;FROM;TO;TEST;FILTER" "LIBS")
  coop_mutated_text(${name} ${mutant_FILE} "${mutant_FROM}" "${mutant_TO}" file)
  get_filename_component(own ${mutant_FILE} NAME)
  add_executable(coop-run-${name} ${file} $<FILTER:$<TARGET_OBJECTS:coop-run>,EXCLUDE,/${own}\\.o$>)
  target_compile_options(coop-run-${name} PRIVATE -Wno-error)
  target_include_directories(coop-run-${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_definitions(coop-run-${name} PRIVATE COOP_VERSION="${PROJECT_VERSION}")
  target_link_libraries(coop-run-${name} PRIVATE coop_launch)
  target_link_options(coop-run-${name} PRIVATE -no-pie)
  set_target_properties(coop-run-${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  if(NOT mutant_TEST)
    return()
  endif()
  set(target test_mutation_${name})
  add_executable(${target} ${CMAKE_SOURCE_DIR}/${mutant_TEST})
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/tests)
  target_compile_definitions(${target} PRIVATE COOP_RUN="$<TARGET_FILE:coop-run-${name}>"
                                               CLERK_ATTACKER="$<TARGET_FILE:clerk_attacker>"
                                               TEST_SOURCE="${CMAKE_SOURCE_DIR}")
  target_link_libraries(${target} PRIVATE ${mutant_LIBS} coop_flags coop_criterion)
  add_dependencies(${target} coop-run-${name})
  coop_mutant_test(${name} ${target} ${mutant_FILTER})
endfunction()

if(COOP_SANITIZE OR COOP_COVERAGE OR COOP_PLAIN_UNITS) # slow, or other words
  return()
endif()

# ---- the walls that are filters ----

set(walls FILE launcher/filter/walls.c TEST tests/unit/launcher/test_filter_walls.c)
coop_launcher_mutant(walls_mptcp ${walls} FROM "~socket(2=262):EPROTONOSUPPORT socket" TO "~socket"
                     FILTER filter_walls/tcp_under_another_name_is_no_way_round)
coop_launcher_mutant(walls_smc ${walls} FROM " socket(0=AF_SMC):EAFNOSUPPORT" TO ""
                     FILTER filter_walls/a_socket_that_makes_tcp_ones_is_no_way_round)
foreach(call "sendto(3" "sendmsg(2" "sendmmsg(3")
  string(REGEX REPLACE "\\(.*" "" short "${call}")
  coop_launcher_mutant(walls_${short} ${walls} FROM "${call}&0x20000000)" TO "${call}&0x40000000)"
                       FILTER filter_walls/connecting_by_sending_is_no_way_round)
endforeach()
foreach(call "~mmap(2&PROT_WRITE|PROT_EXEC=PROT_WRITE|PROT_EXEC)@~mmap(2&0x1000000)" " mprotect(2&PROT_EXEC)@ mprotect(2&0x2000000)"
             "\"pkey_mprotect(2&PROT_EXEC)@\"pkey_mprotect(2&0x2000000)" "shmat(2&0100000)@shmat(2&0200000)")
  string(REGEX MATCH "[a-z_]+" short "${call}")
  string(REGEX REPLACE "@.*" "" from "${call}")
  string(REGEX REPLACE ".*@" "" to "${call}")
  coop_launcher_mutant(walls_${short} ${walls} FROM "${from}" TO "${to}"
                       FILTER filter_walls/memory_is_never_both_nor_becomes_executable)
endforeach()

# ---- what is written, a piece at a time ----

set(disk TEST tests/unit/launcher/test_disk.c)
coop_launcher_mutant(disk_walk_in_one_go ${disk} FILE launcher/limits/disk_walk.c
                     FROM "deadline != COOP_FOREVER && disk_clock() >= deadline" TO "false && deadline"
                     FILTER disk/very_many_files_do_not_delay_the_other_bounds)
coop_launcher_mutant(disk_held_in_one_go ${disk} FILE launcher/limits/disk_held.c
                     FROM "deadline != COOP_FOREVER && disk_clock() >= deadline" TO "false && deadline"
                     FILTER disk/very_many_that_are_deleted_are_counted_in_pieces)
coop_launcher_mutant(disk_reused_number ${disk} FILE launcher/limits/disk_held.c
                     FROM "strtoull(at, NULL, 10) == member->born" TO "member->born > 0"
                     FILTER disk/a_number_that_is_used_again_is_not_looked_into)
coop_launcher_mutant(disk_without_most ${disk} FILE launcher/limits/bounds.c
                     FROM "limit->disk_files_max : BOUNDS_FILES_MOST" TO "limit->disk_files_max : INT64_MAX"
                     FILTER disk/there_is_a_most_of_files_that_nobody_named)

# ---- who watches ----

set(watchers TEST tests/unit/launcher/test_watchers.c)
coop_run_mutant(watchers_no_pidfd ${watchers} FILE launcher/run_status.c
                FROM "if (pidfd >= 0 && is_unix_socket(fd))" TO "if (pidfd > 100000 && is_unix_socket(fd))"
                FILTER watchers/events_come_in_order_and_only_the_first_has_a_descriptor)
coop_run_mutant(watchers_order ${watchers} FILE launcher/run_status.c
                FROM "\"{ \\\"exit-code\\\": %d }\\n\", exit_code" TO "\"{ \\\"exit-code\\\": %d }\\n\", exit_code + 1"
                FILTER watchers/events_come_in_order_and_only_the_first_has_a_descriptor)

# ---- the keeper, who holds a limit when the launcher is gone ----

function(coop_keeper_mutant name from to)
  coop_run_mutant(keeper_${name} FILE launcher/run_group.c FROM "${from}" TO "${to}")
  add_test(NAME mutation.keeper_${name} COMMAND attack_limits killed-with-group)
  set_tests_properties(mutation.keeper_${name} PROPERTIES TIMEOUT 120 LABELS quick
                       ENVIRONMENT "ARENA_COOP_RUN=$<TARGET_FILE:coop-run-keeper_${name}>"
                       PASS_REGULAR_EXPRESSION "as root: FAILED" SKIP_REGULAR_EXPRESSION "SKIP: ")
endfunction()
coop_keeper_mutant(removes_nothing "if (launch_cgroups_take_over(&run->groups) == 0)" "if (launch_cgroups_take_over(&run->groups) > 0)")
coop_keeper_mutant(kills_nobody "(void)launch_cgroup_kill(&run->groups, run->leaf)" "(void)0")
coop_keeper_mutant(does_not_wait "while (watch >= 0 && launch_cgroup_populated(watch) == 1)" "while (watch < -9)")
coop_keeper_mutant(in_the_group "(void)setpgid(run->keeper, run->keeper);" "(void)0;")
coop_keeper_mutant(keeps_it_alive "(void)close(run->alive[1]);" "")

# ---- the library ----

function(coop_library_mutant name)
  cmake_parse_arguments(PARSE_ARGV 1 mutant "" "FILE" "")
  set(others box.c find.c receipt_fields.c start.c)
  get_filename_component(own ${mutant_FILE} NAME)
  list(REMOVE_ITEM others ${own})
  list(TRANSFORM others PREPEND ${CMAKE_SOURCE_DIR}/launcher/library/)
  coop_launcher_mutant(${name} ${ARGN} TEST tests/unit/launcher/test_library.c SOURCES ${others})
endfunction()
coop_library_mutant(library_judges_nothing FILE launcher/library/box.c
                    FROM "if (launch_spec_set(&box->spec, key, value, err) < 0)" TO "if (!row)"
                    FILTER library/a_wrong_setting_is_refused_at_once_and_by_its_key)
coop_library_mutant(library_forgets FILE launcher/library/box.c
                    FROM "if (add_word(box, flag_of(row, flag), value) < 0)" TO "if (!flag_of(row, flag))"
                    FILTER library/settings_reach_the_program)
coop_library_mutant(library_kills_by_number FILE launcher/library/start.c
                    FROM "syscall(SYS_pidfd_send_signal, run->pidfd, signal, NULL, 0)" TO "kill(run->pid, signal)"
                    FILTER library/a_reused_pid_is_not_signalled)

# ---- the clerk ----

set(names FILE launcher/clerk/names.c TEST tests/unit/launcher/test_names.c
    SOURCES ${CMAKE_SOURCE_DIR}/launcher/clerk/walk.c ${CMAKE_SOURCE_DIR}/launcher/clerk/were.c
    FILTER names/a_name_is_frozen_with_all_below_it_and_what_is_on_the_way_is_for_directories)
coop_launcher_mutant(names_case ${names} FROM "strncasecmp(name, path" TO "strncmp(name, path")
coop_launcher_mutant(names_everywhere ${names} FROM "everywhere && *path" TO "!everywhere && *path")
coop_launcher_mutant(names_above ${names} FROM "*name ? CLERK_ABOVE : CLERK_FROZEN" TO "CLERK_FROZEN")

set(clerk TEST tests/unit/launcher/test_clerk.c)
coop_run_mutant(clerk_below ${clerk} FILE launcher/run_frozen.c FROM "return below ? freeze_below" TO "return !below ? freeze_below"
                FILTER clerk/repositories_that_are_there_stay_as_they_are)
coop_run_mutant(clerk_new ${clerk} FILE launcher/clerk/were.c FROM "!seen.is_dir &&" TO "true &&"
                FILTER clerk/a_repository_is_made_where_nothing_was)
coop_run_mutant(clerk_links ${clerk} FILE launcher/clerk/were.c FROM "seen.below_link |= has(were, link)" TO "seen.below_link |= false"
                FILTER clerk/a_repository_is_made_where_nothing_was)
coop_run_mutant(clerk_brings_below ${clerk} FILE launcher/clerk/names.c FROM "dir < 0 || !were_leaves_room" TO "dir < 9999 || !were_leaves_room"
                FILTER clerk/a_repository_is_made_where_nothing_was)
coop_run_mutant(clerk_part ${clerk} FILE launcher/clerk/were.c FROM "!seen.below_repo;" TO "true;"
                FILTER clerk/none_becomes_a_part_of_one_that_was_there)
coop_run_mutant(clerk_makes_repo ${clerk} FILE launcher/clerk/names.c FROM "return !were_look(were, path, above).is_repo &&" TO "return were_look(were, path, above).is_repo &&"
                FILTER clerk/a_repository_is_made_where_nothing_was)
coop_run_mutant(clerk_may_link ${clerk} FILE launcher/clerk/names.c FROM "return !were_leaves_room(were) || !were_look(were, path, strlen(path)).is_dir"
                TO "return !were_leaves_room(were) || !were_look(were, path, strlen(path)).is_repo" FILTER clerk/a_repository_is_made_where_nothing_was)
coop_run_mutant(clerk_files ${clerk} FILE launcher/run_frozen.c FROM "i = 0, count = f->files.count; i < count" TO "i = 0, count = f->files.count; i > count"
                FILTER clerk/repositories_that_are_there_stay_as_they_are)
coop_run_mutant(clerk_landlock ${clerk} FILE launcher/steps_landlock.c FROM "rule->by_clerk ? LAND_MAKE : 0"
                TO "rule->by_clerk ? LAND_NODES : 0" FILTER clerk/by_no_call_is_a_frozen_name_made)
coop_run_mutant(clerk_judge ${clerk} FILE launcher/clerk/place.c FROM "verdict == CLERK_FREE ||" TO "verdict <= CLERK_FROZEN ||"
                FILTER clerk/by_no_call_is_a_frozen_name_made)
coop_run_mutant(clerk_moves ${clerk} FILE launcher/clerk/make.c FROM "r = judge_move(desk, &from, &to);" TO "r = 0;"
                FILTER clerk/no_directory_brings_a_frozen_name_along)
coop_run_mutant(clerk_umask ${clerk} FILE launcher/clerk/ask.c FROM "(void)umask((mode_t)mask);" TO "(void)mask;"
                FILTER clerk/files_are_made_as_without_it)
coop_run_mutant(clerk_hidden ${clerk} FILE launcher/clerk/names.c FROM "fd >= 0 || errno != ENOENT" TO "fd >= 0 && errno != ENOENT"
                FILTER clerk/no_part_of_a_longer_name_is_brought_along)
coop_run_mutant(clerk_outside ${clerk} FILE launcher/clerk/place.c FROM "desk->mounts[i] == st.stx_mnt_id"
                TO "desk->mounts[i] != st.stx_mnt_id" FILTER clerk/no_name_is_made_in_a_directory_from_outside)
coop_run_mutant(clerk_ioctl ${clerk} FILE launcher/steps_clerk.c FROM "REFUSE_IT(0xbc00)" TO "REFUSE_IT(0xbd00)"
                FILTER clerk/by_no_call_is_a_frozen_name_made)
coop_run_mutant(clerk_shares ${clerk} FILE launcher/steps_clerk.c FROM "*ret_word = CLERK_PATIENT;" TO "*ret_word = CLERK_LISTENER;"
                FILTER clerk/a_new_file_is_the_programs_alone)
