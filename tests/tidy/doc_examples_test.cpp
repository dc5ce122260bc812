// What the docs show of examples/ is the file itself: a code block whose fence names one,
//
//   ```cpp examples/01_smallest_sqlite.cpp
//
// is that file, byte for byte.

#include "tests/tidy/source_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace outbox::tidy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct shown_file {
    std::string path{};
    std::string text{};
};

std::vector<shown_file> shown_files(const std::string& markdown) {
    std::vector<shown_file> found;
    std::istringstream lines{markdown};
    bool inside = false;
    bool marked = false;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("```")) {
            const std::size_t at = line.find(" examples/");
            marked = !inside && at != std::string::npos;
            if (marked)
                found.push_back({line.substr(at + 1), ""});
            inside = !inside;
        } else if (inside && marked) {
            found.back().text += line + "\n";
        }
    }
    return found;
}

std::vector<std::string> check_shown(
    const std::map<std::string, std::string>& documents,
    const std::map<std::string, std::string>& files
) {
    std::vector<std::string> wrong;
    for (const auto& [document, text] : documents) {
        for (const shown_file& shown : shown_files(text)) {
            const auto file = files.find(shown.path);
            if (file == files.end())
                wrong.push_back(document + " shows " + shown.path + ", which is not there");
            else if (file->second != shown.text)
                wrong.push_back(document + " does not show " + shown.path + " as it is");
        }
    }
    return wrong;
}

TEST(doc_examples, the_docs_show_the_examples_as_they_are) {
    const std::filesystem::path root{OUTBOX_SOURCE_DIR};
    std::map<std::string, std::string> documents{{"README.md", read_text(root / "README.md")}};
    for (const auto& entry : std::filesystem::directory_iterator(root / "docs")) {
        if (entry.path().extension() == ".md")
            documents["docs/" + entry.path().filename().string()] = read_text(entry.path());
    }
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / "examples")) {
        if (entry.is_regular_file())
            files[std::filesystem::relative(entry.path(), root).string()] = read_text(entry.path());
    }
    EXPECT_THAT(check_shown(documents, files), IsEmpty());

    // What must be shown, each once.
    std::vector<std::string> shown;
    for (const auto& [document, text] : documents) {
        for (const shown_file& one : shown_files(text))
            shown.push_back(one.path);
    }
    EXPECT_THAT(
        shown,
        testing::UnorderedElementsAre(
            "examples/01_smallest_sqlite.cpp",
            "examples/02_smallest_postgresql.cpp",
            "examples/03_smallest_mariadb.cpp",
            "examples/11_smallest_consumer.cpp",
            "examples/outside/consumer/CMakeLists.txt",
            "examples/outside/sqlite/CMakeLists.txt",
            "examples/outside/postgresql/CMakeLists.txt",
            "examples/outside/mariadb/CMakeLists.txt",
            "examples/outside/testing/CMakeLists.txt"
        )
    );
}

TEST(doc_examples, one_byte_is_a_difference_and_an_absent_file_is_one) {
    const std::string markdown = "text\n```cpp examples/a.cpp\nint a;\n\nint b;\n```\n"
                                 "```cpp\nnot marked\n```\n```sh examples/gone\n```\n";
    EXPECT_THAT(
        check_shown({{"a.md", markdown}}, {{"examples/a.cpp", "int a;\n\nint b;\n"}}),
        ElementsAre("a.md shows examples/gone, which is not there")
    );
    EXPECT_THAT(
        check_shown(
            {{"a.md", markdown}},
            {{"examples/a.cpp", "int a;\n\nint b; \n"}, {"examples/gone", ""}}
        ),
        ElementsAre("a.md does not show examples/a.cpp as it is")
    );
}

} // namespace
} // namespace outbox::tidy
