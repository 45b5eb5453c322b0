# Tests that read the tree instead of running it: the rules of the house.
find_program(COOP_CXX NAMES c++ g++ clang++)
foreach(check layers banned words sizes width headers headings public calls coverage)
  add_test(NAME house.${check}
           COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/house/check.sh ${check} ${CMAKE_SOURCE_DIR}
                   ${CMAKE_C_COMPILER} ${COOP_CXX})
  set_tests_properties(house.${check} PROPERTIES TIMEOUT 120 LABELS quick)
endforeach()
add_test(NAME house.bites COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/house/bites.sh)
set_tests_properties(house.bites PROPERTIES TIMEOUT 60 LABELS quick)
