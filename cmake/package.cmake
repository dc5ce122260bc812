# What `cmake --install` gives to others. A component is what users name in find_package and in pkg-config: one call for
# each, in packaging/CMakeLists.txt.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(OUTBOX_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/outbox)

# outbox_component(
#     <name> [FLOORS floor…] [NEEDS component…] [PACKAGE package IMPORTED target | MODULE prefix=module]
#     [PC_REQUIRES module…] [PC_LIBS -lx…] [DEBIAN package] DESCRIPTION text
# )
# FLOORS: the floors it is made of, highest first; the one of its own name when not given. A component whose first floor
# is not part of this build is left out. PACKAGE or MODULE: what must be installed where it is used, found by
# find_package or by pkg-config, and looked for only by those who ask for the component. Every component needs `core`.
function(outbox_component name)
    cmake_parse_arguments(
        PARSE_ARGV 1 C "" "PACKAGE;IMPORTED;MODULE;DEBIAN;DESCRIPTION" "FLOORS;NEEDS;PC_REQUIRES;PC_LIBS"
    )
    if(NOT C_FLOORS)
        set(C_FLOORS ${name})
    endif()
    list(GET C_FLOORS 0 first)
    if(NOT TARGET outbox_${first})
        return()
    endif()
    list(TRANSFORM C_FLOORS PREPEND outbox_)
    if(NOT name STREQUAL core)
        list(PREPEND C_NEEDS core)
    endif()
    set_property(GLOBAL APPEND PROPERTY OUTBOX_COMPONENTS ${name})

    install(
        TARGETS ${C_FLOORS}
        EXPORT outbox-${name}
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    )
    install(
        EXPORT outbox-${name}
        FILE outbox-${name}-targets.cmake
        NAMESPACE outbox::
        DESTINATION ${OUTBOX_PACKAGE_DIR}
    )

    # How it is loaded: outbox_<name>_FOUND, or else outbox_<name>_WHY.
    set(load "set(outbox_${name}_FOUND TRUE)\n")
    if(C_PACKAGE)
        string(APPEND load "find_package(${C_PACKAGE} QUIET)\n")
    elseif(C_MODULE)
        string(REPLACE "=" ";" C_MODULE ${C_MODULE})
        list(GET C_MODULE 0 prefix)
        list(GET C_MODULE 1 module)
        set(C_PACKAGE ${module})
        set(C_IMPORTED PkgConfig::${prefix})
        list(PREPEND C_PC_REQUIRES ${module})
        string(
            APPEND
            load
            "find_package(PkgConfig QUIET)\n"
            "if(PkgConfig_FOUND)\n"
            "    pkg_check_modules(${prefix} QUIET IMPORTED_TARGET GLOBAL ${module})\n"
            "endif()\n"
        )
    endif()
    if(C_IMPORTED)
        string(
            APPEND
            load
            "if(NOT TARGET ${C_IMPORTED})\n"
            "    set(outbox_${name}_FOUND FALSE)\n"
            "    set(outbox_${name}_WHY \"${C_PACKAGE} was not found (on Debian: ${C_DEBIAN})\")\n"
            "endif()\n"
        )
    endif()
    foreach(needed IN LISTS C_NEEDS)
        string(
            APPEND
            load
            "if(NOT outbox_${needed}_FOUND)\n"
            "    set(outbox_${name}_FOUND FALSE)\n"
            "    set(outbox_${name}_WHY \"it needs the component ${needed}: \${outbox_${needed}_WHY}\")\n"
            "endif()\n"
        )
    endforeach()
    string(
        APPEND
        load
        "if(outbox_${name}_FOUND)\n"
        "    include(\${CMAKE_CURRENT_LIST_DIR}/outbox-${name}-targets.cmake)\n"
        "endif()\n"
    )
    # What is needed by what is needed, too, in the order in which it is loaded.
    set(all_needed "")
    foreach(needed IN LISTS C_NEEDS)
        get_property(behind GLOBAL PROPERTY OUTBOX_NEEDED_BY_${needed})
        list(APPEND all_needed ${behind} ${needed})
    endforeach()
    list(REMOVE_DUPLICATES all_needed)
    set_property(GLOBAL PROPERTY OUTBOX_NEEDED_BY_${name} "${all_needed}")
    set_property(GLOBAL APPEND_STRING PROPERTY OUTBOX_COMPONENT_NEEDS "set(outbox_${name}_needs ${all_needed})\n")
    set(file ${PROJECT_BINARY_DIR}/package/outbox-${name}.cmake)
    file(WRITE ${file} "${load}")
    install(FILES ${file} DESTINATION ${OUTBOX_PACKAGE_DIR})

    # The same for pkg-config.
    set(pc_libs "")
    foreach(floor IN LISTS C_FLOORS)
        get_target_property(type ${floor} TYPE)
        if(type STREQUAL "STATIC_LIBRARY")
            string(APPEND pc_libs " -l${floor}")
        endif()
    endforeach()
    list(TRANSFORM C_NEEDS PREPEND outbox-)
    list(JOIN C_NEEDS " " pc_needs)
    list(JOIN C_PC_REQUIRES " " pc_requires)
    list(JOIN C_PC_LIBS " " pc_more_libs)
    file(RELATIVE_PATH to_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
    string(REGEX REPLACE "/$" "" to_prefix ${to_prefix})
    set(file ${PROJECT_BINARY_DIR}/package/outbox-${name}.pc)
    configure_file(${PROJECT_SOURCE_DIR}/packaging/outbox.pc.in ${file} @ONLY)
    install(FILES ${file} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

# outbox_package(): what makes the components findable. Once, behind the last of them.
function(outbox_package)
    get_property(components GLOBAL PROPERTY OUTBOX_COMPONENTS)
    get_property(needs GLOBAL PROPERTY OUTBOX_COMPONENT_NEEDS)
    configure_package_config_file(
        ${PROJECT_SOURCE_DIR}/packaging/outboxConfig.cmake.in ${PROJECT_BINARY_DIR}/package/outboxConfig.cmake
        INSTALL_DESTINATION ${OUTBOX_PACKAGE_DIR}
        NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO
    )
    write_basic_package_version_file(
        ${PROJECT_BINARY_DIR}/package/outboxConfigVersion.cmake COMPATIBILITY SameMajorVersion
    )
    file(GLOB find_modules CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/Find*.cmake)
    install(
        FILES ${PROJECT_BINARY_DIR}/package/outboxConfig.cmake
              ${PROJECT_BINARY_DIR}/package/outboxConfigVersion.cmake
              ${find_modules}
        DESTINATION ${OUTBOX_PACKAGE_DIR}
    )
endfunction()
