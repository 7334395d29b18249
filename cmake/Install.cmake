# `cmake --install`: the program, the library with its headers and CMake package, the demo's files.
include(CMakePackageConfigHelpers)

install(TARGETS qprompt EXPORT qpromptTargets)
install(TARGETS qprompt_cli RUNTIME)
install(DIRECTORY include/qprompt ${PROJECT_BINARY_DIR}/include/qprompt
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
# The doors of the rooms, which the public headers enter by their own paths; in a folder that holds
# nothing else, since it is searched too (a features.h there would hide the system's).
install(DIRECTORY src/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/qprompt/rooms
        FILES_MATCHING PATTERN "*.h" PATTERN impl EXCLUDE PATTERN cli EXCLUDE)
install(DIRECTORY assets/demo DESTINATION ${CMAKE_INSTALL_DATADIR}/qprompt)
install(FILES recipes/demo.toml DESTINATION ${CMAKE_INSTALL_DATADIR}/qprompt/demo)
install(FILES assets/vocabulary/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/qprompt/vocabulary)
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

# Completions and manual pages are made by the program from its own options.
set(qprompt_pages ${PROJECT_BINARY_DIR}/pages)
add_custom_command(OUTPUT ${qprompt_pages}/made
    COMMAND qprompt_cli completion --out ${qprompt_pages}/completions
    COMMAND qprompt_cli man --out ${qprompt_pages}/man1
    COMMAND ${CMAKE_COMMAND} -E touch ${qprompt_pages}/made
    DEPENDS qprompt_cli COMMENT "Completions and manual pages")
add_custom_target(qprompt_pages ALL DEPENDS ${qprompt_pages}/made)
install(FILES ${qprompt_pages}/completions/qprompt
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${qprompt_pages}/completions/_qprompt
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${qprompt_pages}/completions/qprompt.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(DIRECTORY ${qprompt_pages}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
