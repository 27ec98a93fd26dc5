#include <atomic>

#include "check.h"
#include "golden.h"

using namespace golden;

TEST(every_part_of_a_loop_runs_once) {
  ThreadPool pool(3);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::atomic<int>> hits(static_cast<std::size_t>(round % 11 + 1));
    pool.run(static_cast<int>(hits.size()), [&](int part) { ++hits[static_cast<std::size_t>(part)]; });
    for (const auto& hit : hits) CHECK(hit == 1);
  }
  std::vector<int> covered(1000);
  pool.split(1000, 10, [&](Index begin, Index end) {
    for (Index at = begin; at < end; ++at) ++covered[static_cast<std::size_t>(at)];
  });
  for (const int count : covered) CHECK(count == 1);
}

TEST(an_exception_in_a_part_reaches_the_caller) {
  ThreadPool pool(3);
  for (int round = 0; round < 20; ++round) {
    CHECK_THROWS(pool.run(5,
                          [](int part) {
                            if (part == 3) throw Error(ErrorCode::memory, "part 3");
                          }),
                 ErrorCode::memory);
  }
  CHECK_THROWS(pool.resize(0), ErrorCode::option);
}

TEST(loops_of_several_callers_and_resizing_do_not_disturb_each_other) {
  ThreadPool pool(2);
  std::vector<std::thread> callers;
  std::atomic<long> total{0};
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 200; ++round) pool.run(4, [&](int part) { total += part; });
    });
  }
  for (int size = 1; size < 5; ++size) pool.resize(size);
  for (auto& caller : callers) caller.join();
  CHECK(total == 3 * 200 * 6);
}

TEST(decoders_that_train_at_the_same_time_get_what_each_gets_alone) {
  ThreadPool::shared().resize(2);
  const Golden golden(path_of("reference-recipe"));
  const auto train = [&] {
    const auto decoder = golden.decoder();
    plain::Floats losses;
    for (int step = 0; step < 5; ++step) {
      losses.push_back(static_cast<float>(decoder->train_step(golden.batch, golden.update).loss_sum));
    }
    return losses;
  };
  const auto alone = train();
  plain::Floats results[2];
  std::thread other([&] { results[0] = train(); });
  results[1] = train();
  other.join();
  CHECK(results[0] == alone && results[1] == alone);
}

TEST_MAIN
