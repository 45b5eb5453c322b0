# check_manual.cmake - a program's manual page and its --help name the same options
#
#     cmake -DPROGRAM=<binary> -DPAGE=<source of the page> -P tests/check_manual.cmake
#
# In --help an option is a word that begins with --; in the page it is what an .It line defines.
execute_process(COMMAND ${PROGRAM} --help OUTPUT_VARIABLE help RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "${PROGRAM} --help: ${failed}")
endif()
# Only where an option is explained: at the start of a line, after its short form perhaps.
string(REGEX REPLACE "[][;]" " " help "${help}")
string(REGEX MATCHALL "\n +(-[A-Za-z], +)?--[a-z][a-z0-9-]*" helped "${help}")
list(TRANSFORM helped REPLACE ".*--" "")

file(READ ${PAGE} page)
string(REGEX REPLACE "[][;]" " " page "${page}") # a bracket would glue a list together
string(REPLACE "\\-" "-" page "${page}")
string(REGEX MATCHALL "\n\\.It Fl [^\n]*" lines "${page}")
set(written "")
foreach(line ${lines})
  string(REGEX MATCHALL " -[a-z][a-z0-9-]*" words "${line}")
  list(TRANSFORM words REPLACE "^ -" "")
  list(APPEND written ${words})
endforeach()

set(missing ${helped})
list(REMOVE_ITEM missing ${written})
set(invented ${written})
list(REMOVE_ITEM invented ${helped})
if(missing OR invented OR NOT helped)
  message(FATAL_ERROR "${PAGE}\n  lacks: ${missing}\n  --help does not know: ${invented}")
endif()
