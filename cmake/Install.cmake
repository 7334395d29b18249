# `cmake --install`: the program, the library with its headers and CMake package, the demo's files.
include(CMakePackageConfigHelpers)

install(TARGETS qprompt EXPORT qpromptTargets)
install(TARGETS qprompt_cli RUNTIME)
install(DIRECTORY include/qprompt ${PROJECT_BINARY_DIR}/include/qprompt
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY src/method src/learner src/predict
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/qprompt
        FILES_MATCHING PATTERN "*.h" PATTERN impl EXCLUDE)
# Doors that the public headers enter by their own paths.
install(FILES src/engine/activation.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/qprompt/engine)
install(FILES src/checkpoint/config.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/qprompt/checkpoint)
install(FILES src/base/observer.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/qprompt/base)
install(FILES src/train/options.h src/train/train.h src/train/fit.h
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/qprompt/train)
install(DIRECTORY assets/demo DESTINATION ${CMAKE_INSTALL_DATADIR}/qprompt)
install(EXPORT qpromptTargets NAMESPACE qprompt::
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/qprompt)
configure_package_config_file(cmake/qpromptConfig.cmake.in
    ${PROJECT_BINARY_DIR}/qpromptConfig.cmake
    INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/qprompt)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/qpromptConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/qpromptConfig.cmake
              ${PROJECT_BINARY_DIR}/qpromptConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/qprompt)
