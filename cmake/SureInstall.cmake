# cmake --install: libraries, headers, the plugin, and what find_package(sure) and pkg-config need.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/sure)
set(SURE_INSTALL_IDL_DIR ${CMAKE_INSTALL_DATADIR}/sure/idl)

set_target_properties(sure-sqlite PROPERTIES EXPORT_NAME sqlite)
set_target_properties(sure-protos PROPERTIES EXPORT_NAME protos)
install(
  TARGETS sure sure-sqlite sure-protos protoc-gen-sure protoc-gen-c-messages
  EXPORT sure-targets
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(
  EXPORT sure-targets
  NAMESPACE sure::
  DESTINATION ${package_dir})

install(DIRECTORY ${PROJECT_SOURCE_DIR}/rpc/include/sure DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(
  DIRECTORY ${PROJECT_BINARY_DIR}/codegen/protos/
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/sure-protos
  FILES_MATCHING
  PATTERN "*.pb-c.h")
install(FILES ${PROJECT_SOURCE_DIR}/idl/sure/options.proto
        DESTINATION ${SURE_INSTALL_IDL_DIR}/sure)

configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/sureConfig.cmake.in ${PROJECT_BINARY_DIR}/sureConfig.cmake
  INSTALL_DESTINATION ${package_dir}
  PATH_VARS SURE_INSTALL_IDL_DIR)
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/sureConfigVersion.cmake
  VERSION ${PROJECT_VERSION}
  COMPATIBILITY SameMinorVersion)
install(
  FILES ${PROJECT_BINARY_DIR}/sureConfig.cmake ${PROJECT_BINARY_DIR}/sureConfigVersion.cmake
        ${CMAKE_CURRENT_LIST_DIR}/SureDependencies.cmake
        ${CMAKE_CURRENT_LIST_DIR}/SureGenerate.cmake
  DESTINATION ${package_dir})

foreach(name sure sure-sqlite)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
