#include "tests/tidy/time_seams.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outbox::tidy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(time_seams, product_code_takes_time_as_an_argument) {
    const std::filesystem::path root{OUTBOX_SOURCE_DIR};
    const auto allowed = read_text(root / "tests/tidy/allowed.txt");
    EXPECT_THAT(check_time_seams(allowed, read_source_tree(root)), IsEmpty());
}

TEST(time_seams, a_sleep_and_a_clock_are_named_with_their_line) {
    const source_tree sources{
        {"outbox/relay/a.cpp", "\nstd::this_thread::sleep_for(1s);\n"},
        {"watchdog/b.cpp", "auto t = std::chrono::steady_clock::now();\n"},
        {"broker/c.cpp", "::usleep(5);\n  ::sleep(1);\nconst auto s = time(nullptr);\n"},
    };
    EXPECT_THAT(
        check_time_seams("", sources),
        ElementsAre(
            "broker/c.cpp:1: sleep",
            "broker/c.cpp:2: sleep",
            "broker/c.cpp:3: clock",
            "outbox/relay/a.cpp:2: sleep",
            "watchdog/b.cpp:1: clock"
        )
    );
}

TEST(time_seams, comments_tests_and_other_words_are_none) {
    const source_tree sources{
        {"outbox/a.cpp", "// never sleep_for(1s)\nwhen_asleep(); lead_time(0); loop::sleep(1);\n"},
        {"tests/a.cpp", "std::this_thread::sleep_for(1s);\n"},
    };
    EXPECT_THAT(check_time_seams("", sources), IsEmpty());
}

TEST(time_seams, an_exception_holds_for_its_rule_and_must_be_needed) {
    const source_tree sources{
        {"outbox/a.cpp", "sleep_for(1s); steady_clock::now();\n"},
        {"outbox/b.cpp", ""},
    };
    EXPECT_THAT(
        check_time_seams("# why\nsleep outbox/a.cpp reason\nclock outbox/b.cpp gone\n", sources),
        ElementsAre("outbox/a.cpp:1: clock", "allowed.txt: 'clock outbox/b.cpp' is not needed")
    );
}

} // namespace
} // namespace outbox::tidy
