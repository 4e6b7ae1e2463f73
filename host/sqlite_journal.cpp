// SPDX-License-Identifier: Apache-2.0
#include "host/sqlite_journal.hpp"

#include <algorithm>
#include <utility>

#include "history_reader.hpp"
#include "store_writer.hpp"
#include "unstored.hpp"
#include "worker.hpp"

namespace beckon {

SqliteJournal::SqliteJournal(Options options)
    : patience_at_end_(options.patience_at_end),
      gathered_(std::make_unique<Unstored>()),
      wake_(std::make_shared<Waker>()),
      writer_thread_(std::make_unique<Worker>()),
      reader_thread_(std::make_unique<Worker>()) {
    const auto history = options.file.history;
    writer_ = std::make_shared<StoreWriter>(
        StoreWriter::Options{.file = std::move(options.file),
                             .new_secret = std::move(options.new_secret),
                             .clocks = options.clocks,
                             .wake = wake_});
    reader_ =
        std::make_shared<HistoryReader>(HistoryReader::Options{.place = writer_->file().place(),
                                                               .history = history,
                                                               .clocks = std::move(options.clocks),
                                                               .wake = wake_});
}

SqliteJournal::~SqliteJournal() {
    hand_over();
    reader_->stop();
    writer_->stop();
    const auto end = std::chrono::steady_clock::now() + patience_at_end_;
    for (const auto* const thread : {&writer_thread_, &reader_thread_}) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            end - std::chrono::steady_clock::now());
        (*thread)->end_within(std::max(left, std::chrono::milliseconds(0)));
    }
    wake_->set({});
}

std::optional<std::string> SqliteJournal::load(const Tell& tell) {
    auto damage = writer_->load(tell);
    read_head();
    return damage;
}

std::string SqliteJournal::set_aside(const std::string& why) {
    auto sentence = writer_->set_aside(why);
    read_head();
    return sentence;
}

void SqliteJournal::read_head() {
    secret_ = writer_->file().secret();
    last_number_ = writer_->file().last_number();
}

const std::string& SqliteJournal::secret() const { return secret_; }
std::uint64_t SqliteJournal::last_number() const { return last_number_; }

void SqliteJournal::start(std::function<void()> wake) {
    wake_->set(std::move(wake));
    reader_thread_->start(
        [reader = reader_, clock = writer_->file().clock()] { reader->run(clock); });
    writer_thread_->start([writer = writer_] { writer->run(); });
}

std::uint64_t SqliteJournal::put(Changes changes) {
    gathered_->add(std::move(changes));
    return ++put_;
}

void SqliteJournal::hand_over() {
    if (!gathered_->empty()) {
        writer_->hand_over(std::exchange(*gathered_, {}), put_);
    }
}

SqliteJournal::Progress SqliteJournal::progress() {
    auto now = writer_->progress();
    now.history = reader_->answers();
    return now;
}

SqliteJournal::Waiting SqliteJournal::waiting() const {
    const auto handed_over = writer_->waiting();
    const auto gathered = gathered_->size();
    return {handed_over.changes + gathered.changes, handed_over.bytes + gathered.bytes};
}

void SqliteJournal::look_at_unstored(
    const std::function<void(std::uint64_t ticket, const Changes& changes)>& look) const {
    writer_->look_at_unstored(look);
    gathered_->look_at(put_, look);
}

Batch SqliteJournal::give_up() {
    hand_over();
    return writer_->give_up();
}

void SqliteJournal::reload() { writer_->reload(); }

void SqliteJournal::ask_history(std::uint64_t asked, UserId user, std::size_t limit,
                                std::optional<HistoryMark> before) {
    reader_->ask({asked, user, limit, before});
}

}  // namespace beckon
