#pragma once
// libpqxx as a user without our classes has it.

#include <pqxx/pqxx>

#include <string>

namespace outbox::doors {

class pqxx_own {
public:
    explicit pqxx_own(pqxx::connection& db) : tx_(db) {}
    pqxx::work& handle() { return tx_; }
    void execute(const std::string& sql) { tx_.exec(sql); }
    void commit() { tx_.commit(); }
    void rollback() { tx_.abort(); }

private:
    pqxx::work tx_;
};

} // namespace outbox::doors
