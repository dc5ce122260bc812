# SOCI, as Debian packages it (4.0.3 has no package file of its own) and as 4.1 does.
#
#   SOCI_FOUND, SOCI_VERSION, and the target SOCI::soci_core. Its backends are loaded at run time, by name.

find_package(SOCI CONFIG QUIET)
if(SOCI_FOUND)
    if(NOT TARGET SOCI::soci_core AND TARGET SOCI::Core)
        add_library(SOCI::soci_core INTERFACE IMPORTED)
        target_link_libraries(SOCI::soci_core INTERFACE SOCI::Core)
    endif()
    return()
endif()

find_path(SOCI_INCLUDE_DIR soci/soci.h)
find_library(SOCI_CORE_LIBRARY soci_core)
mark_as_advanced(SOCI_INCLUDE_DIR SOCI_CORE_LIBRARY)
if(SOCI_INCLUDE_DIR AND EXISTS ${SOCI_INCLUDE_DIR}/soci/version.h)
    file(STRINGS ${SOCI_INCLUDE_DIR}/soci/version.h _soci_line REGEX "define SOCI_LIB_VERSION ")
    string(REGEX MATCH "[0-9]+_[0-9]+(_[0-9]+)?" SOCI_VERSION "${_soci_line}")
    string(REPLACE "_" "." SOCI_VERSION "${SOCI_VERSION}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
    SOCI REQUIRED_VARS SOCI_CORE_LIBRARY SOCI_INCLUDE_DIR VERSION_VAR SOCI_VERSION
)
if(SOCI_FOUND AND NOT TARGET SOCI::soci_core)
    add_library(SOCI::soci_core UNKNOWN IMPORTED)
    # Its headers name each other as <soci/…> and as "…": both work from the folder above.
    set_target_properties(
        SOCI::soci_core PROPERTIES IMPORTED_LOCATION ${SOCI_CORE_LIBRARY}
                                   INTERFACE_INCLUDE_DIRECTORIES ${SOCI_INCLUDE_DIR}
    )
    target_link_libraries(SOCI::soci_core INTERFACE ${CMAKE_DL_LIBS})
endif()
