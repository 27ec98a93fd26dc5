#include "report.h"

#include <cmath>
#include <ctime>
#include <fstream>
#include <iomanip>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "json.h"

namespace gpu_check {

namespace {

std::string fixed(double value, int digits) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << value;
  return out.str();
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char each : text) {
    if (each == '"' || each == '\\') out += '\\';
    out += each == '\n' ? ' ' : each;
  }
  return out + '"';
}

/// The peers' figures, and what they say of ours.
class Peers {
 public:
  explicit Peers(const std::string& path) {
    if (!std::ifstream(path)) return;
    content_ = json::read(path);
  }

  std::string description() const {
    return content_.has("description") ? content_["description"].string : "no peers took part";
  }

  /// One of "eager" and "CUDA graph" in that precision; null where it did not run.
  const json::Value* find(const char* kind, const Measured& measured, const std::string& contender) const {
    if (!content_.has(kind) || !content_[kind].has(measured.name)) return nullptr;
    const json::Value& one = content_[kind][measured.name];
    const std::string name = contender + " " + (measured.precision == "exact" ? "float32" : measured.precision);
    return one.has(name) && one[name].has("milliseconds") ? &one[name] : nullptr;
  }

  /// Milliseconds of the faster of the two.
  std::optional<double> best(const char* kind, const Measured& measured) const {
    std::optional<double> least;
    for (const char* contender : {"eager", "CUDA graph"}) {
      const json::Value* found = find(kind, measured, contender);
      if (found == nullptr) continue;
      const double own = (*found)["milliseconds"].number;
      if (!least || own < *least) least = own;
    }
    return least;
  }

  /// "62 of 64 captions the same", "losses within 1.2e-06"; nothing where no peer took part.
  std::string agreement(const char* kind, const Measured& measured) const {
    const json::Value* peer = find(kind, measured, "eager");
    if (peer == nullptr) return "";
    if (peer->has("captions")) {
      Index same = 0;
      const auto& captions = (*peer)["captions"].array;
      const std::size_t count = std::min(captions.size(), measured.captions.size());
      for (std::size_t at = 0; at < count; ++at) {
        Ints caption;
        for (const auto& token : captions[at].array) caption.push_back(static_cast<std::int32_t>(token.number));
        same += caption == measured.captions[at] ? 1 : 0;
      }
      return std::to_string(same) + " of " + std::to_string(count) + " captions the same";
    }
    double worst = 0;
    const auto& losses = (*peer)["losses"].array;
    for (std::size_t step = 0; step < std::min(losses.size(), measured.losses.size()); ++step) {
      const double apart = std::fabs(losses[step].number - measured.losses[step]) / measured.losses[step];
      if (!(apart <= worst)) worst = apart;
    }
    std::ostringstream out;
    out << "losses within " << std::setprecision(2) << worst;
    return out.str();
  }

 private:
  json::Value content_;
};

/// A time as people compare it: captions a second in thousands for decoding many photos, else milliseconds.
std::string figure(const char* kind, const Measured& measured, double milliseconds) {
  const bool as_rate = std::string(kind) == "decode" && measured.count > 1;
  if (!as_rate) return fixed(milliseconds, milliseconds < 10 ? 2 : 1) + " ms";
  const double thousands = static_cast<double>(measured.count) / milliseconds;
  return fixed(thousands, thousands < 10 ? 2 : thousands < 100 ? 1 : 0) + " k/s";
}

std::string peer_figure(const char* kind, const Measured& measured, const Peers& peers, const char* contender) {
  const json::Value* found = peers.find(kind, measured, contender);
  return found == nullptr ? "-" : figure(kind, measured, (*found)["milliseconds"].number);
}

void write_table(std::ostream& out, const char* kind, const std::vector<Measured>& rows, const Peers& peers) {
  out << "| case | precision | native | ms of a call (range) | goal | reached | PyTorch eager | PyTorch in a CUDA "
         "graph | "
         "against the faster | agreement |\n|---|---|---|---|---|---|---|---|---|---|\n";
  for (const Measured& row : rows) {
    const auto best = peers.best(kind, row);
    const std::string beside_peers = peers.agreement(kind, row);
    if (row.timing.median == 0) {
      out << "| " << row.name << " | " << row.precision << " | failed | - | - | - | - | - | - | " << row.agreement
          << " |\n";
      continue;
    }
    out << "| " << row.name << " | " << row.precision << " | " << figure(kind, row, row.timing.median) << " | "
        << fixed(row.timing.median, 3) << " (" << fixed(row.timing.least, 3) << '-' << fixed(row.timing.most, 3)
        << ") | " << (row.goal > 0 ? figure(kind, row, row.goal) : "-") << " | "
        << (row.goal == 0                   ? "-"
            : row.timing.median <= row.goal ? "yes"
                                            : "no")
        << " | " << peer_figure(kind, row, peers, "eager") << " | " << peer_figure(kind, row, peers, "CUDA graph")
        << " | " << (best ? fixed(*best / row.timing.median, 2) + " x" : "-") << " | " << row.agreement
        << (beside_peers.empty() ? "" : "; PyTorch: " + beside_peers) << " |\n";
  }
}

std::string date() {
  char text[16];
  const std::time_t now = std::time(nullptr);
  std::strftime(text, sizeof(text), "%Y-%m-%d", std::gmtime(&now));
  return text;
}

void write_markdown(std::ostream& out, const Results& results, const Peers& peers) {
  out << results.device << ". Peers: " << peers.description() << ". " << date() << ".\n\n"
      << "Decoding: LSTM 3 x 300, vocabulary 2536, at most " << kMaxLength
      << " tokens, none ends early; features lie on the host, captions come back to the host. `k/s`: thousand captions "
         "a "
         "second.\n\n";
  write_table(out, "decode", results.decode, peers);
  out << "\nTraining, whole steps with Adam and dropout, two in flight; captions of 9 to 16 words.\n\n";
  write_table(out, "train", results.train, peers);
  out << "\nThe 30 000 captions of Flickr8k by their lengths, bucketed; the fourth epoch and later.\n\n";
  write_table(out, "epoch", results.epoch, peers);
}

std::string timing_json(const Timing& timing) {
  return "{\"milliseconds\": " + fixed(timing.median, 4) + ", \"range\": [" + fixed(timing.least, 4) + ", " +
         fixed(timing.most, 4) + "]}";
}

std::string row_json(const char* kind, const Measured& row, const Peers& peers) {
  std::ostringstream out;
  out << "{\"case\": " << quoted(row.name) << ", \"precision\": " << quoted(row.precision)
      << ", \"count\": " << row.count << ", \"native\": " << timing_json(row.timing);
  if (row.one_at_a_time.median > 0) out << ", \"nativeOneAtATime\": " << timing_json(row.one_at_a_time);
  if (row.goal > 0) {
    out << ", \"goalMilliseconds\": " << fixed(row.goal, 4)
        << ", \"reached\": " << (row.timing.median > 0 && row.timing.median <= row.goal ? "true" : "false");
  }
  for (const char* contender : {"eager", "CUDA graph"}) {
    const json::Value* found = peers.find(kind, row, contender);
    if (found == nullptr) continue;
    out << ", " << quoted(std::string("PyTorch ") + contender) << ": " << fixed((*found)["milliseconds"].number, 4);
  }
  const auto best = peers.best(kind, row);
  if (best && row.timing.median > 0) out << ", \"ratio\": " << fixed(*best / row.timing.median, 3);
  out << ", \"agreement\": " << quoted(row.agreement)
      << ", \"agreementWithPyTorch\": " << quoted(peers.agreement(kind, row)) << '}';
  return out.str();
}

std::string rows_json(const char* kind, const std::vector<Measured>& rows, const Peers& peers) {
  std::string out = "[";
  for (const Measured& row : rows) out += (&row == rows.data() ? "\n    " : ",\n    ") + row_json(kind, row, peers);
  return out + "]";
}

void write_json(std::ostream& out, const Results& results, const Peers& peers) {
  out << "{\n  \"device\": " << quoted(results.device) << ",\n  \"peers\": " << quoted(peers.description())
      << ",\n  \"decode\": " << rows_json("decode", results.decode, peers)
      << ",\n  \"train\": " << rows_json("train", results.train, peers)
      << ",\n  \"epoch\": " << rows_json("epoch", results.epoch, peers) << "\n}\n";
}

}  // namespace

void write_report(const Results& results, const std::string& folder) {
  const Peers peers(folder + "/peers.json");
  std::ofstream table(folder + "/benchmarks.md"), figures(folder + "/benchmarks.json");
  write_markdown(table, results, peers);
  write_json(figures, results, peers);
  table.close();
  figures.close();
  if (!table || !figures)
    throw std::runtime_error("Expected a folder that can be written but received " + folder + ".");
}

}  // namespace gpu_check
