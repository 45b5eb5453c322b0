# The examples in configs/ are tests: coopd must accept every one of them.
if(TARGET coopd)
  foreach(example hello web-and-worker locked-down oneshot-chain logging-pair)
    add_test(NAME configs.check.${example}
             COMMAND coopd --check --config ${CMAKE_SOURCE_DIR}/configs/${example}.ini)
    set_tests_properties(configs.check.${example} PROPERTIES TIMEOUT 30 LABELS quick)
  endforeach()
endif()
