# How our own code is compiled: warnings, sanitizers, feature macros. Link a target with sure-build
# to get them; nothing of it reaches the targets of a project that uses Sure.

add_library(sure-build INTERFACE)
target_compile_options(
  sure-build
  INTERFACE -Wall
            -Wextra
            -Wconversion
            -Wshadow
            -Wstrict-prototypes
            -Wmissing-prototypes
            -Wpointer-arith
            -Wvla
            -Wno-missing-field-initializers
            $<$<BOOL:${SURE_WARNINGS_AS_ERRORS}>:-Werror>)
target_compile_definitions(sure-build INTERFACE _GNU_SOURCE)

if(SURE_SANITIZE)
  target_compile_options(sure-build INTERFACE -fsanitize=${SURE_SANITIZE} -fno-sanitize-recover=all
                                              -fno-omit-frame-pointer)
  target_link_options(sure-build INTERFACE -fsanitize=${SURE_SANITIZE})
endif()
