# What the emulators of the presets aarch64 and valgrind cannot run: a named skip there (tests/known-skips).
set(qemu_cannot
  "stress.signals_all: qemu keeps two real-time signals for itself"
  "unit.rt.hog: it tells who computes for long, and in an emulator all do"
  "stress.children: that is a qemu for each of 2 000 children"
  "unit.rt.dump: qemu does not know process_vm_readv, so names of scopes are not read"
  "unit.rt.spawn: qemu makes a fork of a vfork, so the errno of a failed exec does not come back"
  "sim.replay: it starts itself, for which the kernel would have to know qemu as the handler of ARM programs")
set(valgrind_cannot
  "stress.signals_all: valgrind keeps SIGTRAP and its like for itself"
  "stress.shared_queue: valgrind keeps descriptors in reserve, so they do not run out in time"
  "stress.shared_sem: valgrind 3.19 does not know pidfd_open"
  "stress.children: valgrind 3.19 does not know pidfd_open"
  "unit.rt.spawn: valgrind 3.19 does not know pidfd_open"
  "unit.rt.misuse_waits: valgrind does not let the limit of descriptors be lowered"
  "failing.real.memory: valgrind 3.19 does not know pidfd_open and close_range"
  "failing.real.mapping: valgrind 3.19 does not know pidfd_open and close_range"
  "failing.real.thread: valgrind 3.19 does not know pidfd_open and close_range"
  "unit.rt.hog: it tells who computes for long, and in an emulator all do"
  "unit.rt.policy: it counts turns against the clock"
  "sim.replay: it starts itself, and /proc/self/exe is valgrind")

# coop_cannot(TEST RET): the reason why this emulator cannot run the test, or nothing.
function(coop_cannot test ret)
  set(${ret} "" PARENT_SCOPE)
  foreach(emulator qemu valgrind)
    if(NOT CMAKE_CROSSCOMPILING_EMULATOR MATCHES "${emulator}")
      continue()
    endif()
    foreach(row ${${emulator}_cannot})
      if(row MATCHES "^${test}: (.*)$")
        set(${ret} "${CMAKE_MATCH_1}" PARENT_SCOPE)
      endif()
    endforeach()
  endforeach()
endfunction()

# coop_time_bound(TEST SECONDS): under an emulator, and with threads watched, everything may take five times as long,
# and tests that read COOP_SLOWER make less of what is slow there, or too much (the thread sanitizer knows 8 128 stacks).
function(coop_time_bound test seconds)
  if(CMAKE_CROSSCOMPILING_EMULATOR OR COOP_SANITIZE MATCHES "thread")
    math(EXPR seconds "5 * ${seconds}")
    set_property(TEST ${test} APPEND PROPERTY ENVIRONMENT COOP_SLOWER=5)
  endif()
  set_property(TEST ${test} PROPERTY TIMEOUT ${seconds})
endfunction()

# coop_run(TEST COMMAND...): add_test, or a skip with its reason.
function(coop_run test)
  coop_cannot(${test} why)
  if(why)
    add_test(NAME ${test} COMMAND sh -c "echo 'SKIP: emulated: ${why}'; exit 77")
  else()
    add_test(NAME ${test} COMMAND ${ARGN})
  endif()
  set_tests_properties(${test} PROPERTIES SKIP_RETURN_CODE 77)
endfunction()
