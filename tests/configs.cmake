# The examples in configs/ are tests: coopd must accept every one of them.
if(TARGET coopd)
  foreach(example hello web-and-worker locked-down oneshot-chain logging-pair)
    add_test(NAME configs.check.${example}
             COMMAND coopd --check --config ${CMAKE_SOURCE_DIR}/configs/${example}.ini)
    set_tests_properties(configs.check.${example} PROPERTIES TIMEOUT 30 LABELS quick)
  endforeach()
endif()

# The READMEs name only files that exist.
add_test(NAME house.docs COMMAND ${CMAKE_COMMAND} -DROOT=${CMAKE_SOURCE_DIR}
                                 -P ${CMAKE_CURRENT_SOURCE_DIR}/check_docs.cmake)
set_tests_properties(house.docs PROPERTIES TIMEOUT 30 LABELS quick)

# A manual page and its program's --help name the same options.
foreach(page launcher/coop-run.1 launcher/coop-init.1 supervisor/coopctl.1 supervisor/coopd.8)
  get_filename_component(program ${page} NAME_WE)
  if(TARGET ${program})
    add_test(NAME house.manual.${program}
             COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:${program}>
                     -DPAGE=${CMAKE_SOURCE_DIR}/${page}
                     -P ${CMAKE_CURRENT_SOURCE_DIR}/check_manual.cmake)
    set_tests_properties(house.manual.${program} PROPERTIES TIMEOUT 30 LABELS quick)
  endif()
endforeach()
