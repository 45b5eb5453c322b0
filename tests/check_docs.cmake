# check_docs.cmake - the tours name files that exist
#
#     cmake -DROOT=<source tree> -P tests/check_docs.cmake
#
# Prose rots first where it names a file that has moved.  In every README and in docs/, what stands
# between backticks and looks like a path of this tree, and every relative link, must be there: seen
# from the root or from the page's own folder.  Paths below build/ and etc/ are made, not kept.
file(GLOB pages ${ROOT}/docs/*.md ${ROOT}/README.md ${ROOT}/*/README.md ${ROOT}/*/*/README.md)
set(failed 0)
foreach(page ${pages})
  file(READ ${page} text)
  get_filename_component(folder ${page} DIRECTORY)
  # A link becomes a name between backticks; brackets would confuse CMake's lists.
  string(REPLACE "](" "`./" text "${text}")
  string(REPLACE ")" "`" text "${text}")
  string(REGEX REPLACE "[][;]" " " text "${text}")
  string(REGEX MATCHALL
         "`[A-Za-z0-9_.-]+/[A-Za-z0-9_./-]+\\.(c|h|S|md|ini|in|scn|cmake|service|def|varlink|tsv)`"
         names "${text}")
  foreach(name ${names})
    string(REPLACE "`" "" name "${name}")
    if(name MATCHES "^(build|etc)/" OR EXISTS ${ROOT}/${name} OR EXISTS ${folder}/${name}
       OR EXISTS ${ROOT}/lib/${name} OR EXISTS ${ROOT}/tests/scenario/${name} OR EXISTS ${ROOT}/lib/include/${name})
      continue()
    endif()
    file(RELATIVE_PATH where ${ROOT} ${page})
    message("${where} names ${name}, which does not exist")
    math(EXPR failed "${failed} + 1")
  endforeach()
endforeach()
if(failed)
  message(FATAL_ERROR "${failed} dead names")
endif()
