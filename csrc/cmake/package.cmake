# The core for C++ users: the same headers and the same target from an install, add_subdirectory and FetchContent.

include(GNUInstallDirs)

# Inside the project headers include each other as "core/x.hpp" and "kernels/x.hpp". Users have copies that say
# "pylinear/core/x.hpp", so that no folder with so common a name is on their include path.
set(headers pylinear.hpp
  core/array.hpp core/modes.hpp core/network.hpp core/rng.hpp core/sampler.hpp core/schedule.hpp core/seed.hpp
  core/team.hpp kernels/bits.hpp kernels/index.hpp kernels/kernels.hpp)
foreach(header IN LISTS headers)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${header})
  file(READ ${header} text)
  string(REGEX REPLACE "#include \"(core|kernels)/" "#include \"pylinear/\\1/" text "${text}")
  file(CONFIGURE OUTPUT include/pylinear/${header} CONTENT "${text}" @ONLY)
endforeach()
target_include_directories(pylinear_core PUBLIC
  $<BUILD_INTERFACE:${CMAKE_CURRENT_BINARY_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

if(NOT PYLINEAR_INSTALL)
  return()
endif()
include(CMakePackageConfigHelpers)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/pylinear)
set_target_properties(pylinear_core PROPERTIES EXPORT_NAME core)
install(TARGETS pylinear_core EXPORT pylinear)
install(EXPORT pylinear NAMESPACE pylinear:: FILE pylinearTargets.cmake DESTINATION ${package})
foreach(header IN LISTS headers)
  cmake_path(GET header PARENT_PATH folder)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/include/pylinear/${header}
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/pylinear/${folder})
endforeach()
write_basic_package_version_file(pylinearConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/pylinearConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/pylinearConfigVersion.cmake DESTINATION ${package})
