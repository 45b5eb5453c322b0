# What `cmake --install` puts where.  Programs and man pages are installed by their rooms.
configure_file(cmake/libcoop.pc.in libcoop.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/libcoop.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
