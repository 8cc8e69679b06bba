# sure_generate(TARGET target PROTOS file.proto... [IMPORT_DIRS directory...])
#
# Generate C from .proto files with protoc-c (the messages, without its own idea of services) and
# protoc-gen-sure (client and server), and make it part of `target`: its sources, its include
# directory, and what they need to be linked.
#
#   sure_generate(TARGET bank PROTOS bank.proto)       ->  #include "bank.sure.h"
#
# Each file is named relative to the first of IMPORT_DIRS or, after them, the current source
# directory that it lies in; so idl/bank/v1/bank.proto with IMPORT_DIRS idl is included as
# "bank/v1/bank.sure.h". Imported files are looked up in the same directories, and those that are
# not Sure's or protobuf's own belong into PROTOS of this target or of one that it links. What is
# generated is made again when the file or one that it imports changes. A file without services is
# welcome: its FILE.sure.h and FILE.sure.c are empty.

function(sure_generate)
  cmake_parse_arguments(PARSE_ARGV 0 ARG "" "TARGET" "PROTOS;IMPORT_DIRS")
  if(NOT TARGET "${ARG_TARGET}")
    message(FATAL_ERROR "sure_generate: TARGET '${ARG_TARGET}' is no target")
  elseif(NOT ARG_PROTOS)
    message(FATAL_ERROR "sure_generate: PROTOS is missing")
  elseif(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "sure_generate: can't make sense of '${ARG_UNPARSED_ARGUMENTS}'")
  endif()

  set(import_dirs "")
  foreach(dir IN LISTS ARG_IMPORT_DIRS ITEMS ${CMAKE_CURRENT_SOURCE_DIR})
    cmake_path(ABSOLUTE_PATH dir BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
    list(APPEND import_dirs ${dir})
  endforeach()
  list(REMOVE_DUPLICATES import_dirs)

  set(out_dir ${CMAKE_CURRENT_BINARY_DIR}/${ARG_TARGET}.sure)
  file(MAKE_DIRECTORY ${out_dir})
  foreach(proto IN LISTS ARG_PROTOS)
    cmake_path(ABSOLUTE_PATH proto BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
    sure_generate_one_(${ARG_TARGET} ${proto} ${out_dir} "${import_dirs}")
  endforeach()
  target_include_directories(${ARG_TARGET} PUBLIC $<BUILD_INTERFACE:${out_dir}>)
  target_link_libraries(${ARG_TARGET} PUBLIC sure::sure sure::protos)
endfunction()

# The path of `proto` as other files import it.
function(sure_import_name_ proto import_dirs out_name)
  foreach(dir IN LISTS import_dirs)
    cmake_path(IS_PREFIX dir ${proto} is_inside)
    if(is_inside)
      cmake_path(RELATIVE_PATH proto BASE_DIRECTORY ${dir} OUTPUT_VARIABLE name)
      set(${out_name} ${name} PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "sure_generate: ${proto} is in none of the import directories ${import_dirs}")
endfunction()

function(sure_generate_one_ target proto out_dir import_dirs)
  sure_import_name_(${proto} "${import_dirs}" name)
  string(REGEX REPLACE "\\.proto$" "" stem ${name})
  set(out ${out_dir}/${stem})
  list(TRANSFORM import_dirs PREPEND --proto_path= OUTPUT_VARIABLE import_options)

  # Removed first and touched afterwards: a file without services has nothing to be written for.
  add_custom_command(
    OUTPUT ${out}.pb-c.c ${out}.pb-c.h ${out}.sure.c ${out}.sure.h
    COMMAND ${CMAKE_COMMAND} -E rm -f ${out}.sure.c ${out}.sure.h
    COMMAND
      ${PROTOC} --plugin=protoc-gen-c=$<TARGET_FILE:sure::protoc-gen-c-messages>
      --plugin=protoc-gen-sure=$<TARGET_FILE:sure::protoc-gen-sure> ${import_options}
      --proto_path=${SURE_IDL_DIR} --proto_path=${PROTOBUF_IMPORT_DIR} --c_out=${out_dir}
      --sure_out=${out_dir} --dependency_out=${out}.d ${name}
    COMMAND ${CMAKE_COMMAND} -E touch ${out}.sure.c ${out}.sure.h
    DEPENDS ${proto} $<TARGET_FILE:sure::protoc-gen-sure> $<TARGET_FILE:sure::protoc-gen-c-messages>
    DEPFILE ${out}.d
    COMMENT "Generating C from ${name}"
    VERBATIM)
  # What protoc-c writes is not ours to keep free of warnings.
  set_source_files_properties(${out}.pb-c.c PROPERTIES COMPILE_OPTIONS -w)
  target_sources(${target} PRIVATE ${out}.pb-c.c ${out}.pb-c.h ${out}.sure.c ${out}.sure.h)
endfunction()
