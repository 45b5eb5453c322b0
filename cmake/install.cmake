# What `cmake --install` puts where.  Programs and man pages are installed by their rooms; here
# is what belongs to none of them.

# The pkg-config file finds its prefix by itself, so that `cmake --install --prefix` and a
# packager's DESTDIR both give a true one.
file(RELATIVE_PATH COOP_PC_TO_PREFIX
     "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
set(libraries libcoop libcoop-sim)
if(NOT COOP_RUNTIME_ONLY)
  list(APPEND libraries libcoop-sandbox)
endif()
foreach(library ${libraries})
  configure_file(cmake/${library}.pc.in ${library}.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/${library}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
install(FILES lib/libcoop.7 DESTINATION ${CMAKE_INSTALL_MANDIR}/man7)
install(FILES lib/examples/ping_pong.c lib/examples/prime_sieve.c lib/examples/fan_in.c
              lib/examples/echo_server.c lib/examples/supervisor.c lib/examples/simulation.c
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
if(COOP_RUNTIME_ONLY)
  return()
endif()

# The unit in configs/ is a valid one for a distribution's prefix; others get their own paths.  Which
# prefix it is, only `cmake --install --prefix` knows.
install(CODE "set(source \"${CMAKE_SOURCE_DIR}\")\nset(bin \"${CMAKE_INSTALL_BINDIR}\")")
install(SCRIPT cmake/install_unit.cmake)
install(FILES configs/hello.ini configs/web-and-worker.ini configs/locked-down.ini
              configs/oneshot-chain.ini configs/logging-pair.ini
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES launcher/coop-init.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
