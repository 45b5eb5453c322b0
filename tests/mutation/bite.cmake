# bite.cmake - do the tests bite?
#
# Breaks one thing at a time in a copy of coop made for it (COOP_MUTATION) and runs tests until
# one fails.  A mutant that no test notices is a survivor; survivors fail this check, unless
# allowed.tsv names them with a reason.  An allowed one that is noticed after all fails it as
# well: the list can only shrink.
#
#   cmake -DWHAT=recipe|edges|lives -DSOURCE=DIR -DBIN=DIR -DRUNNER=PROGRAM -DSCRIPTS=a.scn;b.scn
#         [-DPROGRAMS=test1;test2] [-DEVERY=N] -P bite.cmake
#
#   WHAT=recipe   COOP_SKIP_STEP=<name>, every row of launcher/recipe.c
#   WHAT=edges    COOP_SKIP_EDGE=<number>, every row of supervisor/service/fsm.c
#   WHAT=lives    the same in a running coopd
#   SCRIPTS       scenarios, played against the programs in BIN
#   PROGRAMS      plain tests
#   EVERY         only every N-th mutant: the sample for the quick run
cmake_minimum_required(VERSION 3.22)
if(NOT EVERY)
  set(EVERY 1)
endif()

# ---- what can be broken: name;label pairs as two lists of one length ----

set(names "")
set(labels "")
if(WHAT STREQUAL "recipe")
  set(variable COOP_SKIP_STEP)
  file(STRINGS ${SOURCE}/launcher/recipe.c rows REGEX "^ *{\"[a-z0-9-]+\", *step_")
  foreach(row IN LISTS rows)
    string(REGEX REPLACE "^ *{\"([a-z0-9-]+)\".*" "\\1" name "${row}")
    list(APPEND names ${name})
    list(APPEND labels "step '${name}'")
  endforeach()
elseif(WHAT STREQUAL "edges" OR WHAT STREQUAL "lives")
  set(variable COOP_SKIP_EDGE)
  file(STRINGS ${SOURCE}/supervisor/service/fsm.c rows REGEX "^ *{AT_[A-Z_]+, *EV_")
  foreach(row IN LISTS rows)
    list(LENGTH names number)
    string(REGEX REPLACE "^ *{(AT_[A-Z_]+), *(EV_[A-Z_]+).*" "\\1 on \\2" label "${row}")
    list(APPEND names ${number})
    list(APPEND labels "${label}")
  endforeach()
endif()
list(LENGTH names count)
if(count EQUAL 0)
  message(FATAL_ERROR "no rows found for '${WHAT}'")
endif()

# ---- who may survive ----

set(allowed "")
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/allowed.tsv lines REGEX "^${WHAT}\t")
foreach(line IN LISTS lines)
  string(REGEX REPLACE "^[^\t]*\t([^\t]*)\t.*" "\\1" label "${line}")
  list(APPEND allowed "${label}")
endforeach()

# ---- run ----

# Sets 'killer' to the first test that fails with the environment given, or "", and 'played' to
# the number of those that were not skipped.
function(hunt)
  set(killer "" PARENT_SCOPE)
  set(count 0)
  foreach(program IN LISTS PROGRAMS)
    execute_process(COMMAND ${program} TIMEOUT 15 RESULT_VARIABLE code OUTPUT_QUIET ERROR_QUIET)
    if(NOT code EQUAL 0 AND NOT code EQUAL 77)
      get_filename_component(killer ${program} NAME)
      set(killer ${killer} PARENT_SCOPE)
      return()
    elseif(code EQUAL 0)
      math(EXPR count "${count} + 1")
    endif()
  endforeach()
  foreach(script IN LISTS SCRIPTS)
    execute_process(COMMAND ${RUNNER} -bin ${BIN} ${script} TIMEOUT 30
                    RESULT_VARIABLE code OUTPUT_QUIET ERROR_QUIET)
    if(NOT code EQUAL 0 AND NOT code EQUAL 77)
      get_filename_component(killer ${script} NAME_WE)
      set(killer ${killer} PARENT_SCOPE)
      return()
    elseif(code EQUAL 0)
      math(EXPR count "${count} + 1")
    endif()
  endforeach()
  set(played ${count} PARENT_SCOPE)
endfunction()

hunt()
if(killer)
  message(FATAL_ERROR "'${killer}' fails already without a mutation: it can prove nothing")
elseif(played EQUAL 0)
  message("SKIP: needs root") # all of its tests say so
  return()
endif()

set(bad 0)
set(tried 0)
math(EXPR last "${count} - 1")
set(ENV{COOP_SCN_HURRY} 1)
foreach(i RANGE 0 ${last} ${EVERY})
  list(GET names ${i} name)
  list(GET labels ${i} label)
  math(EXPR tried "${tried} + 1")
  list(FIND allowed "${label}" is_allowed)
  if(WHAT STREQUAL "lives" AND NOT is_allowed EQUAL -1)
    message(STATUS "allowed   ${label}") # a busy machine could make a life fail for its own reasons
    continue()
  endif()
  set(ENV{${variable}} ${name})
  hunt()
  unset(ENV{${variable}})
  if(killer AND is_allowed EQUAL -1)
    message(STATUS "bitten    ${label}  by ${killer}")
  elseif(killer)
    message("NOTICED   ${label}  by ${killer}, but allowed.tsv says that nothing notices")
    math(EXPR bad "${bad} + 1")
  elseif(is_allowed EQUAL -1)
    message("SURVIVES  ${label}: no test notices that it is missing")
    math(EXPR bad "${bad} + 1")
  else()
    message(STATUS "allowed   ${label}")
  endif()
endforeach()
if(bad)
  message(FATAL_ERROR "${bad} of ${tried} mutants")
endif()
message(STATUS "${tried} mutants of ${count}")
