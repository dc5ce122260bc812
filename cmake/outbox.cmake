# The few patterns that every folder uses. One call says what a floor is made of and what it leans on.

add_library(outbox_options INTERFACE)
if(PROJECT_IS_TOP_LEVEL)
    # Elsewhere it is other people's compilers and warnings that count.
    target_compile_options(
        outbox_options
        INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fno-omit-frame-pointer
    )
endif()
target_include_directories(outbox_options INTERFACE ${PROJECT_SOURCE_DIR})
if(OUTBOX_SANITIZE)
    # -fno-sanitize-recover: a report of UBSan must fail the test that met it.
    target_compile_options(outbox_options INTERFACE -fsanitize=${OUTBOX_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(outbox_options INTERFACE -fsanitize=${OUTBOX_SANITIZE})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # GCC's own documentation: with a sanitizer this warning sees what is not there; here in std::regex.
        target_compile_options(outbox_options INTERFACE -Wno-maybe-uninitialized)
    endif()
endif()
if(OUTBOX_FAULTS)
    target_compile_definitions(outbox_options INTERFACE OUTBOX_FAULTS=1)
endif()
if(OUTBOX_BREAK)
    string(TOUPPER ${OUTBOX_BREAK} _break)
    target_compile_definitions(outbox_options INTERFACE OUTBOX_BREAK_${_break}=1)
    message(WARNING "This build is broken on purpose: ${OUTBOX_BREAK}")
endif()

if(PROJECT_IS_TOP_LEVEL)
    find_program(CCACHE ccache)
    if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
        set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
        set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
    endif()
    find_program(MOLD mold)
    if(MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT OUTBOX_SANITIZE)
        add_link_options(-fuse-ld=mold)
    endif()
endif()

# outbox_find_package(<package> <target>) and outbox_find_module(<prefix> <module>): a client library, by find_package or
# by pkg-config as PkgConfig::<prefix>. Our programs need them all; without the programs a floor whose client library is
# absent is left out.
macro(outbox_find_package package target)
    find_package(${package} QUIET)
    outbox_require(${target} ${package})
endmacro()
macro(outbox_find_module prefix module)
    if(PkgConfig_FOUND)
        pkg_check_modules(${prefix} QUIET IMPORTED_TARGET GLOBAL ${module})
    endif()
    outbox_require(PkgConfig::${prefix} ${module})
endmacro()
function(outbox_require target what)
    if(NOT TARGET ${target} AND OUTBOX_PROGRAMS)
        message(FATAL_ERROR "outbox: ${what} was not found, and the programs need it; ./run installs it on Debian")
    elseif(NOT TARGET ${target})
        message(STATUS "outbox: ${what} was not found, so nothing is built that needs it")
    endif()
endfunction()

# outbox_add_floor(<name> SOURCES … HEADERS … USES … PRIVATE_USES …)
# A library outbox_<name>, alias outbox::<name>. HEADERS are the public set: each must compile alone.
function(outbox_add_floor name)
    cmake_parse_arguments(PARSE_ARGV 1 F "" "" "SOURCES;HEADERS;USES;PRIVATE_USES")
    if(F_SOURCES)
        add_library(outbox_${name} STATIC ${F_SOURCES})
        set(scope PUBLIC)
        # How we compile is nobody else's business.
        target_link_libraries(outbox_${name} PRIVATE $<BUILD_INTERFACE:outbox_options> ${F_PRIVATE_USES})
    else()
        add_library(outbox_${name} INTERFACE)
        set(scope INTERFACE)
    endif()
    add_library(outbox::${name} ALIAS outbox_${name})
    target_include_directories(outbox_${name} ${scope} $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
    target_compile_features(outbox_${name} ${scope} cxx_std_20)
    target_link_libraries(outbox_${name} ${scope} ${F_USES})
    target_sources(
        outbox_${name} ${scope} FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${F_HEADERS}
    )
    set_target_properties(
        outbox_${name} PROPERTIES EXPORT_NAME ${name} VERIFY_INTERFACE_HEADER_SETS ${OUTBOX_TESTS}
    )
endfunction()

# outbox_add_program(<name> SOURCES … USES …)
function(outbox_add_program name)
    cmake_parse_arguments(PARSE_ARGV 1 P "" "" "SOURCES;USES")
    add_executable(${name} ${P_SOURCES})
    target_link_libraries(${name} PRIVATE outbox_options ${P_USES})
endfunction()

# outbox_add_test(<name> SOURCES … USES … [PROGRAMS …] [LABELS …] [TIMEOUT seconds] [SERIAL])
# One GoogleTest program; every case is its own ctest entry. LABELS: pure (no server), threads (no server, and worth a
# run under the thread sanitizer), server (starts one), crash. PROGRAMS: targets the test starts, built before it.
# SERIAL: the whole program is one ctest entry: its cases share a server.
function(outbox_add_test name)
    cmake_parse_arguments(PARSE_ARGV 1 T "SERIAL" "TIMEOUT" "SOURCES;USES;PROGRAMS;LABELS")
    add_executable(${name} ${T_SOURCES})
    target_link_libraries(${name} PRIVATE outbox_options ${T_USES} GTest::gmock_main)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    if(T_PROGRAMS)
        add_dependencies(${name} ${T_PROGRAMS})
    endif()
    if(NOT T_LABELS)
        set(T_LABELS pure)
    endif()
    foreach(label IN LISTS T_LABELS)
        # `tests_pure` and so on: what a build for that label alone must compile.
        if(NOT TARGET tests_${label})
            add_custom_target(tests_${label})
        endif()
        add_dependencies(tests_${label} ${name})
    endforeach()
    # gtest_discover_tests takes a list apart again; ctest -L finds either word in "pure-threads" too.
    list(JOIN T_LABELS "-" T_LABELS)
    if(NOT T_TIMEOUT)
        set(T_TIMEOUT 120)
    endif()
    set(properties LABELS "${T_LABELS}" TIMEOUT ${T_TIMEOUT})
    if(NOT T_LABELS MATCHES server)
        list(APPEND properties PROCESSORS 2) # `./run test` says why
    endif()
    if(T_SERIAL)
        add_test(NAME ${name} COMMAND ${name})
        set_tests_properties(${name} PROPERTIES ${properties})
    else()
        gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES ${properties})
    endif()
endfunction()

# outbox_embed_sql(<target> <database>)
# Compiles sql/<database>/NNN_name.{up,down}.sql and grants.sql into the target: the header
# outbox_<database>_migrations.hpp with outbox::<database>::migrations, in the order of their numbers, and grants_sql.
function(outbox_embed_sql target database)
    set(folder ${PROJECT_SOURCE_DIR}/sql/${database})
    file(GLOB ups CONFIGURE_DEPENDS ${folder}/*.up.sql)
    list(SORT ups)
    set(entries "")
    foreach(up IN LISTS ups)
        get_filename_component(file_name ${up} NAME)
        string(REGEX MATCH "^([0-9][0-9][0-9])_(.*)[.]up[.]sql$" matched ${file_name})
        math(EXPR version "1${CMAKE_MATCH_1} - 1000")
        set(name ${CMAKE_MATCH_2})
        string(REPLACE ".up.sql" ".down.sql" down ${up})
        file(READ ${up} up_text)
        file(READ ${down} down_text)
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${up} ${down})
        string(APPEND entries "    {${version}, \"${name}\", R\"sql(${up_text})sql\", R\"sql(${down_text})sql\"},\n")
    endforeach()
    set(grants_text "")
    if(EXISTS ${folder}/grants.sql)
        file(READ ${folder}/grants.sql grants_text)
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder}/grants.sql)
    endif()
    set(header ${CMAKE_CURRENT_BINARY_DIR}/generated/outbox_${database}_migrations.hpp)
    file(
        CONFIGURE OUTPUT ${header} @ONLY CONTENT
        "#pragma once\n// Made from sql/${database} by the build.\n\n#include \"outbox/store/migration.hpp\"\n\nnamespace outbox::${database} {\n\ninline constexpr migration migrations[] = {\n${entries}};\n\ninline constexpr std::string_view grants_sql = R\"sql(${grants_text})sql\";\n\n} // namespace outbox::${database}\n"
    )
    target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/generated)
endfunction()
