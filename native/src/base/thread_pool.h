// Threads that split loops into fixed parts. Which part does what depends on the number of threads alone, never on
// timing, so that results are bit-identical from run to run.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"

namespace showtell {

class ThreadPool {
 public:
  explicit ThreadPool(int size);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// The pool of the process. Lives until the process ends, so that no thread is joined while libraries unload.
  static ThreadPool& shared();

  int size() const { return size_.load(std::memory_order_relaxed); }
  /// Waits for a running loop. Throws an option error unless 1 <= size <= 1024.
  void resize(int size);

  /// Calls body(part) for part 0 ... parts - 1, each once. While another caller has the threads, the caller does all
  /// parts itself: the same parts, so the same result.
  template <typename Body>
  void run(int parts, const Body& body) {
    run_erased(
        parts, [](const void* context, int part) { (*static_cast<const Body*>(context))(part); }, &body);
  }

  /// Calls body(begin, end) for ranges that cover [0, count), none but the last shorter than `grain`.
  template <typename Body>
  void split(Index count, Index grain, const Body& body) {
    if (count <= 0) return;
    const Index most = std::max<Index>(1, count / std::max<Index>(grain, 1));
    const int parts = static_cast<int>(std::min<Index>(size(), most));
    if (parts == 1) return body(Index{0}, count);
    run(parts, [&](int part) { body(count * part / parts, count * (part + 1) / parts); });
  }

 private:
  using Call = void (*)(const void*, int);
  void run_erased(int parts, Call call, const void* context);
  void work(int worker, std::uint64_t seen);
  void run_share(int worker);
  void start(int size);
  void stop();

  std::atomic<int> size_{1};
  std::vector<std::thread> threads_;
  std::mutex run_mutex_;  // held by the caller whose loop runs
  std::mutex wake_mutex_;
  std::condition_variable wake_;
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<int> unfinished_{0};
  std::atomic<bool> stopping_{false};
  Call call_ = nullptr;
  const void* context_ = nullptr;
  int parts_ = 0;
  int stride_ = 1;
  std::mutex failure_mutex_;
  std::exception_ptr failure_;
};

}  // namespace showtell
