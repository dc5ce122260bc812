#include "tests/tidy/layers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace outbox::tidy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::filesystem::path root{OUTBOX_SOURCE_DIR};

TEST(layers, the_house_holds) {
    const auto allowed = parse_layers(read_text(root / "tests/tidy/layers.txt"));
    EXPECT_THAT(check_layers(allowed, read_source_tree(root)), IsEmpty());
}

// The rest is the check on the check: small houses with one thing wrong.
const layers three_floors =
    parse_layers("# a comment\n\nlow:\nmid: low\nmid/inner: low mid\ntests: *\n");

TEST(layers, declared_edges_and_the_own_folder_pass) {
    const source_tree sources{
        {"low/a.hpp", "#include <vector>\n"},
        {"low/b/c.hpp", "#include \"low/a.hpp\"\n"},
        {"mid/a.cpp",
         "#include \"mid/a.hpp\"\n#include \"low/a.hpp\"\n#include \"generated.hpp\"\n"},
        {"mid/inner/a.cpp", "#include \"mid/a.hpp\"\n"},
        {"tests/x/a.cpp", "#include \"anything.hpp\"\n#include \"mid/inner/a.hpp\"\n"},
    };
    EXPECT_THAT(check_layers(three_floors, sources), IsEmpty());
}

TEST(layers, an_undeclared_edge_is_named_with_its_line) {
    const source_tree sources{{"low/a.hpp", "// up\n#include \"mid/a.hpp\"\n"}};
    EXPECT_THAT(
        check_layers(three_floors, sources),
        ElementsAre("low/a.hpp:2: low may not use mid (mid/a.hpp)")
    );
}

TEST(layers, the_longest_floor_decides) {
    const source_tree sources{{"mid/a.hpp", "#include \"mid/inner/a.hpp\"\n"}};
    EXPECT_THAT(
        check_layers(three_floors, sources),
        ElementsAre("mid/a.hpp:1: mid may not use mid/inner (mid/inner/a.hpp)")
    );
}

TEST(layers, odd_spelling_hides_nothing) {
    const source_tree sources{{"low/a.hpp", "  #  include  <mid/a.hpp>\n"}};
    EXPECT_THAT(
        check_layers(three_floors, sources),
        ElementsAre("low/a.hpp:1: low may not use mid (mid/a.hpp)")
    );
}

TEST(layers, product_code_may_not_use_a_free_floor) {
    const source_tree sources{{"mid/a.cpp", "#include \"tests/a.hpp\"\n"}};
    EXPECT_THAT(
        check_layers(three_floors, sources),
        ElementsAre("mid/a.cpp:1: mid may not use tests (tests/a.hpp)")
    );
}

TEST(layers, a_circle_in_the_sources_is_shown) {
    const source_tree sources{
        {"low/a.hpp", "#include \"mid/a.hpp\"\n"},
        {"mid/a.hpp", "#include \"low/a.hpp\"\n"},
    };
    EXPECT_THAT(
        check_layers(three_floors, sources),
        ElementsAre(
            "low/a.hpp:1: low may not use mid (mid/a.hpp)",
            "the includes make a circle: low → mid → low"
        )
    );
}

TEST(layers, a_circle_cannot_be_declared) {
    const auto allowed = parse_layers("a: b\nb: c\nc: a\n");
    EXPECT_THAT(
        check_layers(allowed, {}),
        ElementsAre("layers.txt declares a circle: a → b → c → a")
    );
}

TEST(layers, a_folder_without_a_line_and_a_relative_include_are_wrong) {
    const source_tree sources{
        {"new/a.hpp", ""},
        {"mid/a.cpp", "#include \"b.hpp\"\n#include \"../low/a.hpp\"\n"},
        {"mid/b.hpp", ""},
    };
    EXPECT_THAT(
        check_layers(three_floors, sources),
        ElementsAre(
            "mid/a.cpp:1: \"b.hpp\" is not written from the root",
            "mid/a.cpp:2: \"../low/a.hpp\" is not written from the root",
            "new/a.hpp belongs to no floor of layers.txt"
        )
    );
}

TEST(layers, a_line_that_says_nothing_is_refused) {
    EXPECT_THROW(parse_layers("low\n"), std::runtime_error);
    EXPECT_THROW(parse_layers("low: nowhere\n"), std::runtime_error);
}

} // namespace
} // namespace outbox::tidy
