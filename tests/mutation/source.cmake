# coop_source_mutant(NAME FILE lib/rt/x.c FROM "text" TO "other text" TEST tests/y.c [RUN argument...] [LIBS lib...]
#                    SAYS "regular expression")
#
# Test mutation.NAME: the program TEST over a libcoop in whose FILE one piece of text is another one.  It must fail, with
# the words SAYS.  The file with the other text is linked before the library, whose own is then not looked for.
function(coop_source_mutant name)
  cmake_parse_arguments(PARSE_ARGV 1 mutant "" "FILE;FROM;TO;TEST;SAYS" "RUN;LIBS")
  if(COOP_SANITIZE OR COOP_PLAIN_UNITS) # slow, or other words
    return()
  endif()
  file(READ ${CMAKE_SOURCE_DIR}/${mutant_FILE} text)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${mutant_FILE})
  string(FIND "${text}" "${mutant_FROM}" first)
  string(FIND "${text}" "${mutant_FROM}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    add_test(NAME mutation.${name} COMMAND sh -c "echo '${mutant_FILE} does not have the words of this mutant once'; exit 1")
  else()
    string(REPLACE "${mutant_FROM}" "${mutant_TO}" text "${text}")
    set(file ${CMAKE_CURRENT_BINARY_DIR}/mutant_${name}.c)
    file(CONFIGURE OUTPUT ${file} CONTENT "@text@" @ONLY)
    add_executable(test_mutation_${name} ${CMAKE_SOURCE_DIR}/${mutant_TEST} ${file})
    target_compile_options(test_mutation_${name} PRIVATE -Wno-error)
    target_compile_definitions(test_mutation_${name} PRIVATE COOP_MUTANT)
    target_include_directories(test_mutation_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    target_link_libraries(test_mutation_${name} PRIVATE coop ${mutant_LIBS} coop_flags)
    add_test(NAME mutation.${name} COMMAND test_mutation_${name} ${mutant_RUN})
  endif()
  set_tests_properties(mutation.${name} PROPERTIES TIMEOUT 120 LABELS quick PASS_REGULAR_EXPRESSION "${mutant_SAYS}")
endfunction()
