# Compiler flags, as two interface targets:
#   coop_warnings   the rules of docs/style.md, for everything we compile
#   coop_flags      warnings + language + instrumentation, for everything but static helpers
# A static program (coop-init) takes coop_warnings only: sanitizers cannot be linked into it.

add_library(coop_warnings INTERFACE)
target_compile_definitions(coop_warnings INTERFACE _GNU_SOURCE)
target_compile_options(coop_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:C>:
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
    -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wundef -Wcast-qual
    -Wcast-align -Wwrite-strings -Wformat=2 -Wnull-dereference -Wswitch-enum -Wvla
    -Wpointer-arith -Wimplicit-fallthrough>)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(coop_warnings INTERFACE
    $<$<COMPILE_LANGUAGE:C>:
      -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Walloca -Warith-conversion>)
endif()
if(CMAKE_C_COMPILER_ID MATCHES "Clang") # says that -no-pie goes without saying beside -static
  target_link_options(coop_warnings INTERFACE -Wno-unused-command-line-argument)
endif()
if(COOP_WERROR)
  target_compile_options(coop_warnings INTERFACE -Werror)
endif()

add_library(coop_flags INTERFACE)
target_link_libraries(coop_flags INTERFACE coop_warnings)
target_compile_options(coop_flags INTERFACE -fno-omit-frame-pointer)
if(COOP_SANITIZE)
  target_compile_options(coop_flags INTERFACE -fsanitize=${COOP_SANITIZE} -g)
  target_link_options(coop_flags INTERFACE -fsanitize=${COOP_SANITIZE})
endif()
if(COOP_DEBUG)
  target_compile_definitions(coop_flags INTERFACE COOP_DEBUG)
endif()
if(COOP_COVERAGE)
  target_compile_options(coop_flags INTERFACE --coverage -g)
  target_link_options(coop_flags INTERFACE --coverage)
endif()
if(COOP_HARDEN AND NOT COOP_SANITIZE)
  target_compile_options(coop_flags INTERFACE
    $<$<CONFIG:Release,RelWithDebInfo>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>
    -fstack-protector-strong -fstack-clash-protection)
  target_link_options(coop_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
  set(CMAKE_C_LINK_PIE_SUPPORTED ON)
endif()
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
