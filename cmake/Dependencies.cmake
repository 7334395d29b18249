# The libraries that qprompt stands on; `./dev` installs them on Debian and Ubuntu.
find_package(Threads REQUIRED)

# LibTorch: the distribution's, or that of a Python environment, whose folder (…/torch) is named.
# Its configuration searches the whole prefix path for its parts and would take the distribution's
# where both are installed, so the folder itself is named too, and the places are compared.
set(QPROMPT_TORCH_FOLDER "" CACHE PATH "Folder of a Python environment's torch; empty: Debian's")
if(QPROMPT_TORCH_FOLDER)
  list(PREPEND CMAKE_PREFIX_PATH ${QPROMPT_TORCH_FOLDER} ${QPROMPT_TORCH_FOLDER}/share/cmake)
endif()
find_package(Torch REQUIRED)
get_filename_component(torch_folder ${TORCH_LIBRARY} DIRECTORY)
foreach(library ${TORCH_LIBRARIES})
  if(TARGET ${library} OR NOT IS_ABSOLUTE ${library})
    continue()
  endif()
  get_filename_component(folder ${library} DIRECTORY)
  if(NOT folder STREQUAL torch_folder)
    message(FATAL_ERROR "${library} is not of the LibTorch in ${torch_folder}: two LibTorches "
            "cannot be mixed. Name one by QPROMPT_TORCH_FOLDER.")
  endif()
endforeach()
find_package(ZLIB REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(nlohmann_json 3.10 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp)
find_package(GIF 5.1 REQUIRED)
pkg_check_modules(TIFF REQUIRED IMPORTED_TARGET libtiff-4>=4.5)
pkg_check_modules(HEIF REQUIRED IMPORTED_TARGET libheif)
set(QPROMPT_IMAGE_LIBRARIES JPEG::JPEG PNG::PNG PkgConfig::WEBP GIF::GIF PkgConfig::TIFF
    PkgConfig::HEIF)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(MATIO REQUIRED IMPORTED_TARGET matio)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
find_package(SQLite3 REQUIRED)
set(QPROMPT_SQLITE SQLite::SQLite3)  # CMake's older name of it
if(TARGET SQLite3::SQLite3)
  set(QPROMPT_SQLITE SQLite3::SQLite3)
endif()
# toml++ is used as headers only, so that nothing more is linked.
find_path(QPROMPT_TOMLPP_INCLUDE toml++/toml.h REQUIRED)
add_library(qprompt_tomlpp INTERFACE)
target_include_directories(qprompt_tomlpp SYSTEM INTERFACE ${QPROMPT_TOMLPP_INCLUDE})
target_compile_definitions(qprompt_tomlpp INTERFACE TOML_HEADER_ONLY=1)
pkg_check_modules(HWY REQUIRED IMPORTED_TARGET libhwy)

# Packed products. The distribution's LibTorch uses the same library; one that brings oneDNN within
# itself must not meet a second copy of it.
find_path(QPROMPT_DNNL_INCLUDE oneapi/dnnl/dnnl_version.h)
find_library(QPROMPT_DNNL_LIBRARY dnnl)
set(QPROMPT_ONEDNN_DEFAULT OFF)
if(QPROMPT_DNNL_INCLUDE AND QPROMPT_DNNL_LIBRARY AND Torch_VERSION VERSION_LESS 2)
  file(STRINGS ${QPROMPT_DNNL_INCLUDE}/oneapi/dnnl/dnnl_version.h dnnl_two
       REGEX "define DNNL_VERSION_MAJOR +2$")
  if(dnnl_two)
    set(QPROMPT_ONEDNN_DEFAULT ON)
  endif()
endif()
option(QPROMPT_ONEDNN "Multiply with weights packed by oneDNN 2" ${QPROMPT_ONEDNN_DEFAULT})

# LibTorch as one interface target; its own flags (a C++ ABI choice, say) come along.
separate_arguments(QPROMPT_TORCH_FLAGS UNIX_COMMAND "${TORCH_CXX_FLAGS}")
add_library(qprompt_torch INTERFACE)
target_include_directories(qprompt_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
target_compile_options(qprompt_torch INTERFACE ${QPROMPT_TORCH_FLAGS})
target_link_libraries(qprompt_torch INTERFACE ${TORCH_LIBRARIES})
# at::parallel_for is a template: without OpenMP in our own flags it would run on one thread. Clang
# would bring a second OpenMP beside LibTorch's, so its builds (the fuzzers) stay on one.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  find_package(OpenMP REQUIRED COMPONENTS CXX)
  target_link_libraries(qprompt_torch INTERFACE OpenMP::OpenMP_CXX)
endif()
