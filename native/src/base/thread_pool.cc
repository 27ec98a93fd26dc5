#include "base/thread_pool.h"

#include <cstdlib>

#include "base/cpu_info.h"

namespace showtell {

namespace {

constexpr int kMostThreads = 1024;
// Loops of one time step follow each other within microseconds; waking a sleeping thread costs tens of them.
constexpr int kSpins = 4000;

inline void pause_briefly() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

int default_size() {
  if (const char* text = std::getenv("SHOWTELL_THREADS")) {
    char* end = nullptr;
    const long wanted = std::strtol(text, &end, 10);
    if (end != text && *end == '\0' && wanted >= 1 && wanted <= kMostThreads) return static_cast<int>(wanted);
  }
  return usable_physical_cores();
}

}  // namespace

ThreadPool& ThreadPool::shared() {
  static ThreadPool* pool = new ThreadPool(default_size());
  return *pool;
}

ThreadPool::ThreadPool(int size) { start(size); }

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::resize(int size) {
  if (size < 1 || size > kMostThreads) {
    throw Error(ErrorCode::option, expected("1 to 1024", "thread count", std::to_string(size)));
  }
  std::lock_guard<std::mutex> running(run_mutex_);
  if (size == this->size()) return;
  stop();
  start(size);
}

void ThreadPool::start(int size) {
  stopping_ = false;
  size_ = size;
  const std::uint64_t seen = generation_.load();
  for (int worker = 1; worker < size; ++worker) {
    threads_.emplace_back([this, worker, seen] { work(worker, seen); });
  }
}

void ThreadPool::stop() {
  {
    std::lock_guard<std::mutex> lock(wake_mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void ThreadPool::run_share(int worker) {
  try {
    for (int part = worker; part < parts_; part += stride_) call_(context_, part);
  } catch (...) {
    std::lock_guard<std::mutex> lock(failure_mutex_);
    if (!failure_) failure_ = std::current_exception();
  }
}

void ThreadPool::work(int worker, std::uint64_t seen) {
  for (;;) {
    for (int spin = 0; spin < kSpins && generation_.load(std::memory_order_acquire) == seen; ++spin) pause_briefly();
    if (generation_.load(std::memory_order_acquire) == seen) {
      std::unique_lock<std::mutex> lock(wake_mutex_);
      wake_.wait(lock, [&] { return stopping_ || generation_.load(std::memory_order_acquire) != seen; });
    }
    if (stopping_) return;
    ++seen;
    run_share(worker);
    unfinished_.fetch_sub(1, std::memory_order_acq_rel);
  }
}

void ThreadPool::run_erased(int parts, Call call, const void* context) {
  std::unique_lock<std::mutex> running(run_mutex_, std::defer_lock);
  if (parts <= 1 || size() == 1 || !running.try_lock()) {
    for (int part = 0; part < parts; ++part) call(context, part);
    return;
  }
  call_ = call;
  context_ = context;
  parts_ = parts;
  stride_ = size();
  failure_ = nullptr;
  unfinished_.store(static_cast<int>(threads_.size()), std::memory_order_relaxed);
  {
    std::lock_guard<std::mutex> lock(wake_mutex_);
    generation_.fetch_add(1, std::memory_order_acq_rel);
  }
  wake_.notify_all();
  run_share(0);
  for (int spin = 0; unfinished_.load(std::memory_order_acquire) > 0; ++spin) {
    if (spin < kSpins)
      pause_briefly();
    else
      std::this_thread::yield();
  }
  if (failure_) std::rethrow_exception(failure_);
}

}  // namespace showtell
