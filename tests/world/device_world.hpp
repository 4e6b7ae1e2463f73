// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "any_device.hpp"
#include "device/device.hpp"
#include "fake_journal.hpp"
#include "host/commit_gate.hpp"
#include "promises.hpp"

/// One world in virtual time, for tests: a broker (a real commit gate with its switchboard, watched
/// by `Promises`), users with any number of devices, and between them a network that
/// behaves as MQTT does. Both halves of the protocol meet as bytes.
///
///   Device ── Send ──► line ──► take_in ──► CommitGate ──► Switchboard
///      ▲                                       │  ▲
///      └── line ◄── session's queue ◄── reply, event
///                                              ▼  │
///                                            Journal ──► Medium
///
/// A line keeps its order both ways, and takes as long as the test says. It can be
/// cut at any moment: what was under way to the broker is lost; what the broker had
/// sent and no acknowledgement has come for waits in the session, and comes again
/// after the next connect and before anything newer.
///
/// The broker keeps what it remembers in memory, or (`Settings::stores`) in a journal on a medium
/// that works, fails or hangs. Then it can be killed between what it decides, stores and says, and
/// started anew, in another run of the system if need be, with clocks that tell what they like.
/// What it says is judged in the order of its decisions, whenever nothing is on its way to the
/// medium; and at once by whether it is stored.
namespace beckon {

/// What went against a rule.
struct Broken : std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline void require(bool holds, const char* otherwise) {
    if (!holds) {
        throw Broken(otherwise);
    }
}
inline void require(bool holds, const InvitationId& id, const char* otherwise) {
    if (!holds) {
        throw Broken(id.str() + ": " + otherwise);
    }
}

inline std::string text_of(std::optional<UserId> by, std::optional<DeviceTag> by_device) {
    return (by ? " by " + by->str() : "") + (by_device ? "/" + by_device->str() : "");
}

class World {
  public:
    /// What a device told its application.
    using What = std::variant<Device::Result, Heard, Ended, Busy, GroupEvent, MessageEvent,
                              Device::LinkChanged>;
    struct Told {
        Instant at;
        What what;
    };

    /// One device and its line to the broker.
    class Site {
      public:
        Site(const Device::Options& options, std::string called,
             std::unique_ptr<AnyDevice> its_device)
            : user(options.user),
              name(std::move(called)),
              encoding(options.encoding),
              device_(std::move(its_device)),
              device(*device_) {}

        const UserId user;
        const std::string name;
        const Encoding encoding;
        DeviceTag tag{};

      private:
        std::unique_ptr<AnyDevice> device_;

      public:
        AnyDevice& device;
        std::vector<Told> told{};

        /// Bytes pass. (While they do not, one side or both may not have noticed.)
        [[nodiscard]] bool wired() const { return wired_; }
        /// The device believes that it is connected.
        [[nodiscard]] bool linked() const { return linked_; }
        /// Until then it sleeps: nothing reaches it, no timer runs.
        [[nodiscard]] Instant asleep_until() const { return asleep_until_; }

        template <class T>
        [[nodiscard]] std::vector<T> all() const {
            std::vector<T> all;
            for (const auto& one : told) {
                if (const auto* wanted = std::get_if<T>(&one.what)) {
                    all.push_back(*wanted);
                }
            }
            return all;
        }
        template <class Body>
        [[nodiscard]] std::vector<Heard> heard() const {
            auto heard = all<Heard>();
            std::erase_if(heard,
                          [](const Heard& one) { return !std::holds_alternative<Body>(one.body); });
            return heard;
        }
        [[nodiscard]] std::optional<Device::Result> result(Device::CallId call) const {
            for (const auto& one : all<Device::Result>()) {
                if (one.call == call) {
                    return one;
                }
            }
            return std::nullopt;
        }

      private:
        friend class World;
        /// QoS 1; with QoS 0 it is never in a queue.
        struct Packet {
            std::uint64_t number;
            std::string payload;
            bool is_reply;
            bool is_news;
            bool queued;
        };
        /// Rises with each connect and each cut: what belongs to another is lost.
        unsigned line_ = 0;
        bool wired_ = false;
        bool linked_ = false;
        /// When what it was told last, of either topic, arrives.
        std::map<bool, Instant> last_down_on_{};
        /// The broker believes that it is connected.
        bool attached_ = false;
        /// It has subscribed on this connection.
        bool present_ = false;
        bool has_session_ = false;
        Instant last_up_{};
        std::deque<Packet> session_{};
        Instant asleep_until_{};
        std::deque<std::function<void()>> unread_{};
    };

    /// What a faulty network does to a message.
    enum class Fate { arrives, lost, doubled, late };

    struct Settings {
        Limits limits{};
        /// See `Promises`.
        bool limits_bite = false;
        /// How long the next message takes.
        std::function<Duration()> delay = [] { return Duration(10); };
        std::function<Fate(const Site&, const Device::Send&)> to_broker = [](auto&&...) {
            return Fate::arrives;
        };
        std::function<Fate(const Site&, const Reply&)> reply = [](auto&&...) {
            return Fate::arrives;
        };
        std::function<Fate(const Site&, const AnyEvent&)> event = [](auto&&...) {
            return Fate::arrives;
        };
        /// Replies and events, two topics, do not wait for each other on the way to a device, once
        /// that has synced.
        bool topics_apart = false;
        /// The broker has a journal.
        bool stores = false;
        /// How long the journal's next step takes.
        std::function<Duration()> disk = [] { return Duration(5); };
        /// How late is late.
        std::function<Duration()> lateness = [] { return Duration(5'000); };
        /// Hears of each that is told.
        std::function<void(Site&, const Told&)> watch = [](auto&&...) {};
        /// Gets a line for each that happens.
        std::function<void(const std::string&)> trace{};
    };

    /// How a broker dies.
    enum class Death {
        forgets,       ///< What is on its way to the medium is not stored.
        stores_first,  ///< Some of that is stored; what it then says, nobody hears.
    };
    /// In what it is started again.
    struct Start {
        /// Another run of the system: its clock begins anew.
        bool other_boot = false;
        /// The kernel vouches for the wall clock, now and until the next start; which is right
        /// then.
        bool wall_is_right = true;
    };

    /// What the broker decided, as its events told it.
    struct Part {
        State state = State::pending;
        std::optional<UserId> by{};
        std::optional<DeviceTag> by_device{};
        std::string reason{};
        Instant ended_at{};
    };
    struct Decided {
        unsigned generation = 0;
        Instant made_at{};
        UserId inviter{};
        std::optional<GroupId> group{};
        /// Which made it.
        std::optional<DeviceTag> device{};
        Answer answer = Answer::all;
        Visibility visibility = Visibility::invitees;
        std::map<UserId, Part> parts{};
        /// Who ended the last that was pending.
        Part last{};
        bool was_added_to = false;
        /// When nobody was pending any more, somebody was called into the call.
        bool reopened = false;
        /// Of its call.
        std::optional<CallEnded> call_end{};
        /// Perhaps they are in it again.
        std::set<UserId> left_call{};

        [[nodiscard]] bool open() const {
            return std::any_of(parts.begin(), parts.end(), [](const auto& part) {
                return part.second.state == State::pending;
            });
        }
    };

    explicit World(Settings set);
    World() : World(Settings{}) {}
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    Settings settings;

    // ------------------------------------------------------------- who is there

    /// A device, not connected.
    Site& add(std::string_view user, const std::function<void(Device::Options&)>& change = {},
              const MakeDevice& make = make_device<Device>);
    /// A device, connected and synced.
    Site& add_ready(std::string_view user,
                    const std::function<void(Device::Options&)>& change = {});
    [[nodiscard]] const std::vector<std::unique_ptr<Site>>& sites() const { return sites_; }
    [[nodiscard]] Instant now() const { return now_; }
    [[nodiscard]] unsigned generation() const { return generation_; }

    // ---------------------------------------------------------------- the network

    /// The host of the device has noticed a loss, and connects again. The device hears
    /// of it once the inbox is subscribed to; what the session kept comes before.
    void connect(Site& site);
    /// Bytes pass no more; each side notices after a while.
    void cut(Site& site, Duration at_device = {}, Duration at_broker = {});
    /// The broker forgets what it kept for a device that is away.
    void lose_session(Site& site);
    /// The broker starts anew, and has nothing but what it has stored.
    void restart_broker(Duration noticed_after = {});
    /// Until it is started again, all who connect meet nobody. What its sessions held is there
    /// still, or is lost with it.
    void kill_broker(Death death, Duration noticed_after, bool keeps_sessions);
    void start_broker(Start how);
    [[nodiscard]] bool broker_is_up() const { return gate_ != nullptr; }
    void sleep(Site& site, Duration duration);

    // ------------------------------------------------------------------- the users

    Device::CallId call(Site& site, RequestBody body,
                        Device::Offline offline = Device::Offline::wait);
    void close(Site& site) { perform(site, site.device.close()); }

    // -------------------------------------------------------------------- the store

    void set_disk(Medium::Mode mode, bool unreadable = false);
    /// So far is the wall clock wrong from now on, where the kernel does not vouch for it.
    void step_wall_clock(Duration by) { wall_error_ += by; }
    /// As far as the broker knows, and the disk.
    [[nodiscard]] bool store_works() const;

    // ------------------------------------------------------------------------ time

    /// When something happens next.
    [[nodiscard]] std::optional<Instant> next() const;
    void run_until(Instant until);
    void run(Duration duration) { run_until(now_ + duration); }
    /// Until nothing is under way.
    void settle();

    // -------------------------------------------------------------- what is decided

    /// Each time that an invitation of this id was made.
    [[nodiscard]] const std::vector<Decided>& decided(const InvitationId& id) const;
    /// The one that the present broker knows of.
    [[nodiscard]] const Decided* present(const InvitationId& id) const;
    /// What the broker holds open for a user.
    [[nodiscard]] std::vector<InvitationInfo> open(const UserId& user);
    /// As some device that no test cares about asks it.
    Reply ask(const Sender& sender, RequestBody body);
    [[nodiscard]] Switchboard::Counts counts() const { return gate_->counts(); }

    // --------------------------------------------------------------------- as text

    static std::string spelled(const Request& request);
    static std::string spelled(const What& what);

  private:
    void note(const auto& line) const {
        if (settings.trace) {
            settings.trace(std::to_string(now_.time_since_epoch().count()) + " " + line());
        }
    }

    // ------------------------------------------------------------------------ time

    void at(Instant when, std::function<void()> then) { planned_.emplace(when, std::move(then)); }

    void step();

    // ------------------------------------------------------------------- the lines

    void up(Site& site, std::function<void()> arrives);
    void down(Site& site, std::function<void()> arrives, std::optional<bool> is_reply = {});
    /// Waits for whoever sleeps, in its order.
    void arrive(Site& site, Instant when, std::function<void()> arrives);

    void notice_at_device(Site& site);
    void notice_at_broker(Site& site);
    void set_present(Site& site, bool present);

    /// What happens to a message of the device's, or to one for it.
    void befalls(Fate fate, const std::function<void()>& arrives,
                 const std::function<void()>& arrives_late);

    // ------------------------------------------------------------------ the devices

    void perform(Site& site, const Device::Effects& effects);
    void perform(Site& site, const Device::Send& send);
    template <class Telling>
    void perform(Site& site, const Telling& telling);

    // ------------------------------------------------------------------- the broker

    /// What was asked of the broker in this life, and what became of it.
    struct Asked {
        Sender sender;
        /// Nothing: it was refused before the broker's judge saw it.
        std::optional<Request> request;
        Site* site = nullptr;
        Instant at{};
        std::size_t turn = 0;
        /// It may wait until the journal takes something, and is decided then.
        bool waits = false;
        int replies = 0;
        /// Where who waits for it finds it.
        std::optional<Reply>* reply_to = nullptr;
    };
    /// What the broker says in one go, and whether its store was sound then.
    struct Saying {
        Effects effects;
        std::optional<std::size_t> asked;
        bool sound;
    };
    /// What is still to be judged; `by_clock`, or `judge`.
    struct Said {
        Instant decided_at;
        std::size_t turn = 0;
        Effects by_clock{};
        std::function<void()> judge{};
    };

    struct Put {
        Rev rev;
        std::uint64_t ticket;
        Instant at;
    };

    void make_gate();
    void begin_life();
    [[nodiscard]] Instant host_time() const { return Instant(now_ - since_boot_zero_); }
    void watch_medium();
    /// Others after each start, where there is no store.
    void give_tag(std::size_t site);
    void advance_broker();
    void take(Site& site, const Device::Send& send);
    void ask_gate(Site* site, const Sender& sender, std::optional<Request> request,
                  std::optional<Reply> refusal);
    void end_turn();
    /// Does what the gate, the journal and the judges have to do after a call of the gate.
    void after_gate();
    void plan_journal();
    bool work();
    void forget_puts(const std::function<bool(const Put&)>& which);
    void say(Saying saying);
    void say_reply(const Reply& reply, Asked& asked);
    void require_stored(const Saying& saying) const;
    [[nodiscard]] Rev stored_rev(const InvitationId& id) const;
    void note_asked(Asked& asked, const Effects& effects);
    void note_by_clock(Effects effects);
    [[nodiscard]] bool is_said_again(const Delivery& delivery);
    [[nodiscard]] Instant decided_at(const Event& event) const;
    [[nodiscard]] Instant due_of(const Event& event) const;
    void no_more_in_doubt(std::uint64_t up_to);
    void require_on_time(const Event& event, Instant due) const;
    void decide_what_waits();
    void judge_when_quiet();
    void judge();
    void deliver_all(const Delivery& delivery);
    void deliver(const Delivery& delivery);

    void publish(Site& site, std::string payload, bool is_reply, bool is_news, bool queued,
                 Fate fate);
    void transmit(Site& site, const Site::Packet& packet);
    void receive(Site& site, const Site::Packet& packet);

    // -------------------------------------------------------------- what is decided

    void decide(const std::vector<UserId>& to, const Event& event, const NewInvitation& body);
    void decide(const std::vector<UserId>&, const Event& event, const InviteeAccepted& body);
    void decide(const std::vector<UserId>&, const Event& event, const InviteeRejected& body);
    void decide(const std::vector<UserId>&, const Event& event, const InvitationCancelled& body);
    void decide(const std::vector<UserId>&, const Event& event, const InvitationTimeout& body);
    void decide(const std::vector<UserId>&, const Event& event, const InvitationRevoked& body);
    void decide(const std::vector<UserId>&, const Event& event, const ParticipantLeft& body);
    void decide(const std::vector<UserId>&, const Event& event, const CallEnded& body);
    void decide(const std::vector<UserId>&, const Event&, const auto&) {}
    void end(const Event& event, const std::vector<UserId>& users, State how, std::string reason);

    Instant now_{Duration(1'000'000)};
    /// Rises when the broker starts with nothing, and when it starts.
    unsigned generation_ = 0;
    unsigned life_ = 0;
    Instant began_at_{};
    std::vector<std::unique_ptr<Site>> sites_{};
    /// In the order in which it was planned, where the time is the same.
    std::multimap<Instant, std::function<void()>> planned_{};
    std::map<InvitationId, std::vector<Decided>> decided_{};
    Device::CallId calls_ = 0;
    std::uint64_t packets_ = 0;

    // The clocks.
    Instant since_boot_zero_{};
    unsigned boots_ = 1;
    bool wall_is_right_ = true;
    Duration wall_error_{};

    // What is judged.
    std::unique_ptr<Promises> promises_{};
    std::deque<Asked> asked_{};
    std::size_t first_asked_ = 0;
    std::deque<Saying> sayings_{};
    std::vector<Said> unjudged_{};
    std::size_t turn_ = 0;
    /// Since then all that was decided has been stored, and said.
    Instant quiet_at_{};
    /// What was put when, and was not said before the journal's last step.
    std::map<InvitationId, std::vector<Put>> puts_{};
    /// Until then no request is decided that would have to be stored.
    bool takes_nothing_ = false;
    std::optional<std::uint64_t> trial_{};
    std::uint64_t stored_ = 0;
    /// What the store knows of the time: the clocks at the last commit. After a start that could
    /// not tell how long ago that was, it counts as that start.
    struct KeptClock {
        Instant at{};
        unsigned boot = 1;
        bool wall_is_right = true;
    };
    KeptClock kept_clock_{};
    /// An invitation or a group that is on its way to the medium; and until when which was. What
    /// was asked has no rev: it casts doubt on whatever the clock decides.
    struct Doubtful {
        std::uint64_t ticket;
        std::string name;
        Rev rev;
    };
    bool is_asked_ = false;
    std::vector<Doubtful> doubtful_{};
    std::map<std::string, std::map<Rev, Instant>> doubted_{};
    /// What the clock has said, and in which life.
    std::map<std::string, unsigned> said_by_clock_{};
    /// It says what nobody hears.
    bool is_dying_ = false;

    // Last, since they call what is above.
    Medium medium_{};
    FakeJournal* journal_ = nullptr;
    bool journal_is_planned_ = false;
    std::unique_ptr<CommitGate> gate_{};
};

}  // namespace beckon
