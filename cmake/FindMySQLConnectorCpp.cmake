# MySQL Connector/C++, its classic (JDBC-like) interface: 1.1 as Debian packages it, and 8 or 9 of its makers.
#
#   MySQLConnectorCpp_FOUND and the target MySQL::ConnectorCpp.

find_path(MySQLConnectorCpp_INCLUDE_DIR NAMES cppconn/driver.h PATH_SUFFIXES mysql-cppconn/jdbc mysql-cppconn-8/jdbc)
find_library(MySQLConnectorCpp_LIBRARY NAMES mysqlcppconn)
mark_as_advanced(MySQLConnectorCpp_INCLUDE_DIR MySQLConnectorCpp_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
    MySQLConnectorCpp REQUIRED_VARS MySQLConnectorCpp_LIBRARY MySQLConnectorCpp_INCLUDE_DIR
)
if(MySQLConnectorCpp_FOUND AND NOT TARGET MySQL::ConnectorCpp)
    add_library(MySQL::ConnectorCpp UNKNOWN IMPORTED)
    set_target_properties(
        MySQL::ConnectorCpp PROPERTIES IMPORTED_LOCATION ${MySQLConnectorCpp_LIBRARY}
                                       INTERFACE_INCLUDE_DIRECTORIES ${MySQLConnectorCpp_INCLUDE_DIR}
    )
endif()
