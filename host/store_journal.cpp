// SPDX-License-Identifier: Apache-2.0
#include "host/store_journal.hpp"

#include <algorithm>
#include <utility>

#include "history_reader.hpp"
#include "store_writer.hpp"
#include "unstored.hpp"
#include "worker.hpp"

namespace beckon {

StoreJournal::StoreJournal(Options options)
    : patience_at_end_(options.patience_at_end),
      gathered_(std::make_unique<Unstored>()),
      wake_(std::make_shared<Waker>()),
      writer_thread_(std::make_unique<Worker>()),
      reader_thread_(std::make_unique<Worker>()) {
    writer_ = std::make_shared<StoreWriter>(
        StoreWriter::Options{.store = std::move(options.store),
                             .new_secret = std::move(options.new_secret),
                             .clocks = options.clocks,
                             .wake = wake_});
    reader_ = std::make_shared<HistoryReader>(HistoryReader::Options{
        .history = options.history, .clocks = std::move(options.clocks), .wake = wake_});
}

StoreJournal::~StoreJournal() {
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

std::optional<std::string> StoreJournal::load(const Tell& tell) {
    auto damage = writer_->load(tell);
    read_head();
    return damage;
}

std::string StoreJournal::set_aside(const std::string& why) {
    auto sentence = writer_->set_aside(why);
    read_head();
    return sentence;
}

void StoreJournal::read_head() {
    secret_ = writer_->store().secret();
    last_number_ = writer_->store().last_number();
}

const std::string& StoreJournal::secret() const { return secret_; }
std::uint64_t StoreJournal::last_number() const { return last_number_; }

void StoreJournal::start(std::function<void()> wake) {
    wake_->set(std::move(wake));
    reader_thread_->start(
        [reader = reader_, source = std::shared_ptr<HistorySource>(
                               writer_->store().history_source())] { reader->run(*source); });
    writer_thread_->start([writer = writer_] { writer->run(); });
}

std::uint64_t StoreJournal::put(Changes changes) {
    gathered_->add(std::move(changes));
    return ++put_;
}

void StoreJournal::hand_over() {
    if (!gathered_->empty()) {
        writer_->hand_over(std::exchange(*gathered_, {}), put_);
    }
}

StoreJournal::Progress StoreJournal::progress() {
    auto now = writer_->progress();
    now.history = reader_->answers();
    return now;
}

StoreJournal::Waiting StoreJournal::waiting() const {
    const auto handed_over = writer_->waiting();
    const auto gathered = gathered_->size();
    return {handed_over.changes + gathered.changes, handed_over.bytes + gathered.bytes};
}

void StoreJournal::look_at_unstored(
    const std::function<void(std::uint64_t ticket, const Changes& changes)>& look) const {
    writer_->look_at_unstored(look);
    gathered_->look_at(put_, look);
}

Batch StoreJournal::give_up() {
    hand_over();
    return writer_->give_up();
}

void StoreJournal::reload() { writer_->reload(); }

void StoreJournal::ask_history(std::uint64_t asked, UserId user, std::size_t limit,
                               std::optional<HistoryMark> before) {
    reader_->ask({asked, user, limit, before});
}

}  // namespace beckon
