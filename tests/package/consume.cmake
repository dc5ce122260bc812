# cmake -D WAY=… -D SOURCE=… -D PREFIX=… -D COMPILER=… -D LAUNCHER=… -P consume.cmake
#
# Configures, builds and runs a small program in a folder of its own, outside of this tree, in one of the ways in which
# others take a library in. What the chosen door does not need is hidden from the build.

string(RANDOM LENGTH 12 random)
set(place $ENV{TMPDIR})
if(NOT place)
    set(place /tmp)
endif()
set(place ${place}/outbox-package-${random})
file(MAKE_DIRECTORY ${place})

function(fail)
    file(REMOVE_RECURSE ${place})
    message(FATAL_ERROR ${ARGN})
endfunction()

function(run)
    execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${place} RESULT_VARIABLE code OUTPUT_VARIABLE text ERROR_VARIABLE text)
    if(NOT code EQUAL 0)
        list(JOIN ARGN " " command)
        fail("${command}\nended with ${code}:\n${text}")
    endif()
    set(text "${text}" PARENT_SCOPE)
endfunction()

function(expect words)
    string(FIND "${text}" "${words}" at)
    if(at EQUAL -1)
        fail("\"${words}\" is not in:\n${text}")
    endif()
endfunction()

# Hidden: what the doors other than this one need.
function(hide result door)
    set(sqlite PkgConfig SOCI MySQLConnectorCpp)
    set(pqxx SQLite3 SOCI MySQLConnectorCpp)
    set(soci SQLite3 PkgConfig MySQLConnectorCpp)
    set(connector_cpp SQLite3 PkgConfig SOCI)
    set(options "")
    foreach(package IN LISTS ${door})
        list(APPEND options -D CMAKE_DISABLE_FIND_PACKAGE_${package}=ON)
    endforeach()
    set(${result} ${options} PARENT_SCOPE)
endfunction()

function(configure door result_of_configuring)
    file(COPY ${SOURCE}/tests/package/${WAY}/CMakeLists.txt ${SOURCE}/tests/package/${door}_shop.cpp DESTINATION ${place})
    set(options ${ARGN} -D CMAKE_PREFIX_PATH=${PREFIX} -D OUTBOX=${SOURCE} -D DOOR=${door} -D SHOP=${door}_shop.cpp)
    list(APPEND options -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER})
    list(APPEND options -D CMAKE_C_COMPILER_LAUNCHER=${LAUNCHER})
    execute_process(
        COMMAND ${CMAKE_COMMAND} -G Ninja -S . -B build-${door} ${options}
        WORKING_DIRECTORY ${place}
        RESULT_VARIABLE code
        OUTPUT_VARIABLE text
        ERROR_VARIABLE text
    )
    set(${result_of_configuring} ${code} PARENT_SCOPE)
    set(text "${text}" PARENT_SCOPE)
endfunction()

function(build_and_run door words)
    hide(hidden ${door})
    configure(${door} code ${hidden})
    if(NOT code EQUAL 0)
        fail("configuring ended with ${code}:\n${text}")
    endif()
    run(${CMAKE_COMMAND} --build build-${door} --target shop -j 2)
    run(build-${door}/shop)
    expect(${words})
endfunction()

if(WAY STREQUAL find_package)
    build_and_run(sqlite "1 message waits")
    build_and_run(pqxx ready)
    build_and_run(soci ready)
    build_and_run(connector_cpp ready)
    # What is missing is named, and so is the package that has it.
    file(REMOVE_RECURSE ${place}/build-sqlite)
    configure(sqlite code -D CMAKE_DISABLE_FIND_PACKAGE_SQLite3=ON)
    if(code EQUAL 0)
        fail("configured without SQLite3:\n${text}")
    endif()
    expect("component sqlite: SQLite3 was not found (on Debian: libsqlite3-dev)")
elseif(WAY STREQUAL add_subdirectory)
    build_and_run(sqlite "1 message waits")
elseif(WAY STREQUAL fetch_content)
    build_and_run(pqxx ready)
elseif(WAY STREQUAL pkg_config)
    file(GLOB_RECURSE found ${PREFIX}/*/outbox-core.pc)
    cmake_path(GET found PARENT_PATH folder)
    set(expected_sqlite "1 message waits")
    set(expected_pqxx ready)
    foreach(door sqlite pqxx)
        run(${CMAKE_COMMAND} -E env --modify PKG_CONFIG_PATH=path_list_prepend:${folder} pkg-config --cflags --libs outbox-${door})
        string(STRIP "${text}" flags)
        separate_arguments(flags UNIX_COMMAND "${flags}")
        run(${LAUNCHER} ${COMPILER} -std=c++20 -c ${SOURCE}/tests/package/${door}_shop.cpp -o ${door}.o ${flags})
        run(${COMPILER} ${door}.o -o ${door} ${flags})
        run(./${door})
        expect("${expected_${door}}")
    endforeach()
elseif(WAY STREQUAL examples)
    # The smallest programs with the CMakeLists.txt that the docs show beside them, and no option that helps them.
    foreach(pair sqlite=01_smallest_sqlite postgresql=02_smallest_postgresql mariadb=03_smallest_mariadb testing=09_testing consumer=11_smallest_consumer)
        string(REPLACE "=" ";" pair ${pair})
        list(GET pair 0 database)
        list(GET pair 1 program)
        file(COPY ${SOURCE}/examples/outside/${database} DESTINATION ${place})
        file(COPY_FILE ${SOURCE}/examples/${program}.cpp ${place}/${database}/shop.cpp)
        run(
            ${CMAKE_COMMAND} -G Ninja -S ${database} -B build-${database} -D CMAKE_PREFIX_PATH=${PREFIX} -D
            CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}
        )
        run(${CMAKE_COMMAND} --build build-${database} -j 2)
    endforeach()
    # As the comment on top of it says; the others need a server, and are run by tests/examples.
    run(build-testing/shop)
    run(${PREFIX}/bin/outbox migrate up --db sqlite:shop.db)
    run(build-sqlite/shop shop.db)
    run(${PREFIX}/bin/outbox status --db sqlite:shop.db)
    string(REGEX REPLACE " +" " " text "${text}")
    expect("backlog 1\n")
else()
    fail("no such way: ${WAY}")
endif()
file(REMOVE_RECURSE ${place})
