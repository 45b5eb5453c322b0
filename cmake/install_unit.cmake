# install_unit.cmake - part of `cmake --install`: coopd.service, with the paths of this prefix in it
#
# Given: source, bin (CMAKE_INSTALL_BINDIR), and CMAKE_INSTALL_PREFIX, which --prefix may have set.
# Written in place, not copied from the build folder: under sudo a copy there would become root's.
if(NOT IS_ABSOLUTE "${bin}")
  set(bin "${CMAKE_INSTALL_PREFIX}/${bin}")
endif()
file(READ "${source}/configs/coopd.service" unit)
string(REPLACE "/usr/bin/" "${bin}/" unit "${unit}")
set(place "${CMAKE_INSTALL_PREFIX}/lib/systemd/system/coopd.service")
message(STATUS "Installing: $ENV{DESTDIR}${place}")
file(WRITE "$ENV{DESTDIR}${place}" "${unit}")
list(APPEND CMAKE_INSTALL_MANIFEST_FILES "${place}")
