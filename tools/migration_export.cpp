#include "tools/migration_export.hpp"

#include "outbox/base/error.hpp"
#include "tools/sql_statements.hpp"

#include <algorithm>
#include <array>

namespace outbox::tools {
namespace {

struct version {
    const migration_dialect* dialect = nullptr;
    const migration* of = nullptr;
    outbox_name outbox{};
    /// In the user's count.
    long long number = 0;
    std::string up{};
    std::string down{};
};

std::string joined(const std::vector<std::string>& steps) {
    std::string sql;
    for (const std::string& step : steps) {
        sql += step;
        if (!sql.ends_with('\n'))
            sql += '\n';
    }
    return sql;
}

std::string padded(long long number, std::size_t width) {
    const std::string digits = std::to_string(number);
    return std::string(width - std::min(width, digits.size()), '0') + digits;
}

// "outbox" for the first, "outbox_send" for the third: their names beside other people's
// migrations, and beside those of another outbox.
std::string name_of(const version& v) {
    const bool is_first = v.of == &v.dialect->versions.front();
    return v.outbox.text() + (is_first ? "" : "_" + std::string{v.of->name});
}

// For tools that are, or act like, MySQL's own client.
std::string with_delimiters(const version& v, const std::string& sql) {
    if (v.dialect->kind != "mysql")
        return sql;
    std::string text;
    for (const sql_statement& s : split_statements(sql)) {
        if (s.compound)
            text += "delimiter //\n" + s.text + "//\ndelimiter ;\n\n";
        else
            text += s.text + ";\n\n";
    }
    return text;
}

using files = std::vector<exported_file>;

void flyway(const version& v, files& out) {
    const std::string name = std::to_string(v.number) + "__" + name_of(v) + ".sql";
    out.push_back({"V" + name, with_delimiters(v, v.up)});
    out.push_back({"U" + name, with_delimiters(v, v.down)});
}

// Its drivers send a file as a whole.
void golang_migrate(const version& v, files& out) {
    const std::string name = padded(v.number, 6) + "_" + name_of(v);
    out.push_back({name + ".up.sql", v.up});
    out.push_back({name + ".down.sql", v.down});
}

std::string goose_statements(const std::string& sql) {
    std::string text;
    for (const sql_statement& s : split_statements(sql)) {
        if (s.compound)
            text += "-- +goose StatementBegin\n" + s.text + ";\n-- +goose StatementEnd\n\n";
        else
            text += s.text + ";\n\n";
    }
    return text;
}

void goose(const version& v, files& out) {
    out.push_back(
        {padded(v.number, 5) + "_" + name_of(v) + ".sql",
         "-- +goose Up\n" + goose_statements(v.up) + "-- +goose Down\n" + goose_statements(v.down)}
    );
}

void dbmate(const version& v, files& out) {
    out.push_back(
        {padded(v.number, 14) + "_" + name_of(v) + ".sql",
         "-- migrate:up\n" + v.up + "\n-- migrate:down\n" + v.down}
    );
}

// One statement in each changeset, sent as it is: no driver has to send several, and nothing has to
// be cut. They are taken back from the last to the first, so the first statement of the way back
// belongs to the last of them.
void liquibase(const version& v, files& out) {
    const auto up = split_statements(v.up);
    const auto down = split_statements(v.down);
    std::string text = "--liquibase formatted sql\n";
    for (std::size_t i = 0; i < up.size(); ++i) {
        text += "\n--changeset outbox:" + std::to_string(v.number) + "-" + std::to_string(i + 1) +
                " splitStatements:false stripComments:false\n" + up[i].text + ";\n";
        std::size_t next = up.size() - 1 - i;
        if (next >= down.size())
            text += "--rollback not required\n";
        for (; next < down.size(); ++next) {
            text += "--rollback " + on_one_line(down[next].text) + ";\n";
            if (i > 0)
                break;
        }
    }
    out.push_back({v.outbox.text() + "-" + padded(v.number, 3) + ".sql", text});
}

const char* sqitch_engine(const version& v) {
    return v.dialect->kind == "postgresql" ? "pg"
           : v.dialect->kind == "sqlite"   ? "sqlite"
                                           : "mysql";
}

void sqitch(const version& v, files& out) {
    const auto change = [&](const migration& m) {
        return v.outbox.text() + "_" + padded(m.version, 3);
    };
    const std::string name = change(*v.of);
    const std::string head = " " + v.outbox.text() + ":" + name + " " + sqitch_engine(v) + "\n\n";
    const bool transaction = v.dialect->transactional;
    const auto script = [&](const char* what, const std::string& direction, const std::string& sql
                        ) {
        const std::string body = with_delimiters(v, sql);
        const std::string text = transaction ? "begin;\n\n" + body + "\ncommit;\n" : body;
        out.push_back({direction + "/" + name + ".sql", "-- " + std::string{what} + head + text});
    };
    script("Deploy", "deploy", v.up);
    script("Revert", "revert", v.down);
    // Fails where the table is absent and, on PostgreSQL, where the line is.
    const std::string line = v.outbox.in(v.dialect->version_table) +
                             " where version = " + std::to_string(v.of->version) + ";\n";
    const std::string look =
        v.dialect->kind == "postgresql" ? "select 1 / count(*) from " : "select version from ";
    out.push_back({"verify/" + name + ".sql", "-- Verify" + head + look + line});

    if (v.of != &v.dialect->versions.back())
        return;
    std::string plan = "%syntax-version=1.0.0\n%project=" + v.outbox.text() + "\n\n";
    std::string before;
    for (const migration& m : v.dialect->versions) {
        const std::string needs = before.empty() ? "" : " [" + before + "]";
        plan += change(m) + needs + " 2026-01-01T00:00:00Z outbox <outbox@localhost> # " +
                std::string{m.name} + "\n";
        before = change(m);
    }
    out.push_back({"sqitch.plan", plan});
    out.push_back({"sqitch.conf", "[core]\n\tengine = " + std::string{sqitch_engine(v)} + "\n"});
}

// The way back is computed by Atlas itself.
void atlas(const version& v, files& out) {
    std::string text = "-- atlas:delimiter -- end\n\n";
    for (const sql_statement& s : split_statements(v.up))
        text += s.text + ";\n-- end\n\n";
    out.push_back({padded(v.number, 14) + "_" + name_of(v) + ".sql", text});
}

struct format {
    std::string_view name{};
    void (*write)(const version&, files&) = nullptr;
    std::string_view advice{};
};

constexpr std::array formats{
    format{"flyway", flyway, {}},
    format{"golang-migrate", golang_migrate, "on MySQL its URL needs multiStatements=true"},
    format{
        "liquibase",
        liquibase,
        "include the files in your changelog, in the order of their names"},
    format{"sqitch", sqitch, {}},
    format{"goose", goose, {}},
    format{"dbmate", dbmate, "on MySQL its URL needs multiStatements=true"},
    format{
        "atlas",
        atlas,
        "run `atlas migrate hash` on the folder: atlas.sum covers all files that are in it"},
};

const format& format_of(std::string_view name) {
    const auto found = std::ranges::find(formats, name, &format::name);
    if (found == formats.end())
        throw error(
            error_kind::invalid_argument,
            "no migration tool is known here by the name \"" + std::string{name} + "\"",
            "there are " + export_formats()
        );
    return *found;
}

} // namespace

std::string export_formats() {
    std::string names;
    for (const format& f : formats)
        names += (names.empty() ? "" : ", ") + std::string{f.name};
    return names;
}

std::vector<exported_file> export_migrations(
    const migration_dialect& known,
    const outbox_name& name,
    std::string_view format,
    long long start_version
) {
    const auto& chosen = format_of(format);
    files out;
    for (const migration& m : known.versions)
        chosen.write(
            {.dialect = &known,
             .of = &m,
             .outbox = name,
             .number = start_version + m.version - known.versions.front().version,
             .up = name.in(joined(up_steps(known, m))),
             .down = name.in(joined(down_steps(known, m)))},
            out
        );
    return out;
}

std::string export_advice(std::string_view format) {
    return std::string{format_of(format).advice};
}

} // namespace outbox::tools
