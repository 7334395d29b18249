#include "base/observer.h"

#include <gtest/gtest.h>

#include <sstream>

namespace qprompt {
namespace {

/// Says stop at one step.
class StopsAt : public Observer {
 public:
  StopsAt(int64_t at, Stop why) : at_(at), why_(why) {}
  Stop step(std::string_view, int64_t done, int64_t) override {
    return done == at_ ? why_ : Stop::kNo;
  }

 private:
  int64_t at_;
  Stop why_;
};

TEST(ObserverTest, OneThatOverridesNothingNeverStops) {
  Observer observer;
  EXPECT_EQ(observer.step("work", 1, 2), Stop::kNo);
  EXPECT_NO_THROW(ask(&observer, "work", 1, 2));
  EXPECT_NO_THROW(ask(nullptr, "work", 1, 2));
}

TEST(ObserverTest, AStopIsAnErrorOfItsOwnKindThatSaysHowFarTheWorkCame) {
  const std::pair<Stop, ErrorKind> kinds[] = {{Stop::kInterrupted, ErrorKind::kInterrupted},
                                              {Stop::kTerminated, ErrorKind::kStopped},
                                              {Stop::kLeaseLost, ErrorKind::kStopped},
                                              {Stop::kAsked, ErrorKind::kStopped}};
  for (const auto& [why, kind] : kinds) {
    StopsAt observer(3, why);
    EXPECT_NO_THROW(ask(&observer, "encoding images", 2, 5));
    try {
      ask(&observer, "encoding images", 3, 5);
      ADD_FAILURE() << "it went on";
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), kind);
      EXPECT_TRUE(can_go_on(e));
      EXPECT_NE(std::string(e.what()).find("encoding images ended after 3 of 5"), std::string::npos)
          << e.what();
    }
  }
}

TEST(ObserverTest, TheKindsOfAStopAreTheProgramsExitCodes) {
  EXPECT_EQ(static_cast<int>(stopped(Stop::kInterrupted, "").kind()), 130);
  EXPECT_EQ(static_cast<int>(stopped(Stop::kTerminated, "").kind()), 75);
  EXPECT_FALSE(can_go_on(Error(ErrorKind::kContent, "damaged")));
}

TEST(ObserverTest, ALogObserverDrawsAndWarns) {
  std::ostringstream out;
  Log log(out, false, true);
  LogObserver observer(log);
  EXPECT_EQ(observer.step("training", 1, 4), Stop::kNo);
  observer.finding({"skipped", "'a.jpg' was skipped"});
  EXPECT_NE(out.str().find("training ["), std::string::npos);
  EXPECT_NE(out.str().find("warning: 'a.jpg' was skipped"), std::string::npos);
  EXPECT_EQ(log.warnings().size(), 1u);
}

}  // namespace
}  // namespace qprompt
