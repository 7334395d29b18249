# The libraries that qprompt stands on; `./dev` installs them on Debian and Ubuntu.
find_package(Threads REQUIRED)
find_package(Torch REQUIRED)
find_package(ZLIB REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(nlohmann_json 3.10 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(MATIO REQUIRED IMPORTED_TARGET matio)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)

# LibTorch as one interface target; its own flags (a C++ ABI choice, say) come along.
separate_arguments(QPROMPT_TORCH_FLAGS UNIX_COMMAND "${TORCH_CXX_FLAGS}")
add_library(qprompt_torch INTERFACE)
target_include_directories(qprompt_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
target_compile_options(qprompt_torch INTERFACE ${QPROMPT_TORCH_FLAGS})
target_link_libraries(qprompt_torch INTERFACE ${TORCH_LIBRARIES})
