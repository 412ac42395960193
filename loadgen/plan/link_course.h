// A link that changes by itself (a schedule, a recorded CSV), step by step.
#pragma once

#include <set>

#include "loadgen/plan/trace_file.h"

namespace tacoma {

/// Walks through a course: what the link is at each moment, without the events of the scenario.
class CourseCursor {
 public:
  /// `course` may be null: then nothing changes.
  CourseCursor(const LinkConfig& base, const LinkCourse* course) : now_(base), course_(course) {}

  const LinkConfig& now() const { return now_; }
  /// Goes on to `at`, which never goes back. True when a step was taken.
  bool advance(Instant at) {
    bool stepped = false;
    for (; next_at() <= at; ++taken_) {
      const LinkCourse::Step& step = course_->steps[taken_ % course_->steps.size()];
      if (step.rate) now_.rate = *step.rate;
      if (step.delay) now_.delay = *step.delay;
      if (step.loss) now_.loss = *step.loss;
      stepped = true;
    }
    return stepped;
  }
  /// The moments of all steps before `end`, but for the one at zero.
  void add_moments(Instant end, std::set<int64_t>& out) const {
    for (CourseCursor ahead = *this; ahead.next_at() < end; ++ahead.taken_)
      if (ahead.taken_ > 0) out.insert(ahead.next_at().ns());
  }

 private:
  Instant next_at() const {
    if (!course_) return Instant::never();
    const size_t steps = course_->steps.size();
    if (taken_ >= steps && course_->period <= Duration::zero()) return Instant::never();
    return Instant::at(course_->period * static_cast<int64_t>(taken_ / steps) + course_->steps[taken_ % steps].at);
  }

  LinkConfig now_;
  const LinkCourse* course_;
  size_t taken_ = 0;
};

/// What the link is at the beginning of the run.
inline LinkConfig at_start(const LinkConfig& base, const std::shared_ptr<const LinkCourse>& course) {
  CourseCursor cursor(base, course.get());
  cursor.advance(Instant());
  return cursor.now();
}

}  // namespace tacoma
