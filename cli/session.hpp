// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <beckon/beckon.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "facts.hpp"
#include "options.hpp"

namespace beckon::cli {

/// What the program ends with.
enum Exit : int {
    done = 0,         ///< it was done; somebody accepted
    rejected = 1,     ///< nobody accepted, and somebody rejected
    timed_out = 2,    ///< nobody answered in time
    cancelled = 3,    ///< it was cancelled, by Ctrl-C for example
    refused = 4,      ///< the broker refused it, and said why
    unreachable = 5,  ///< there is no broker, or no Beckon in it, or nobody knows how it ended
    usage = 64,       ///< wrong usage
    failed = 70,      ///< the program itself could not go on
};

/// A result, and what was found; meaningful when it is ok.
template <class T>
struct Found : Result {
    T found{};
};

/// Of a request's result: done, refused or unreachable; cancelled, if it was withdrawn.
Exit exit_of(const Result& result);
/// Of a ring's end: done, rejected, timed_out, cancelled or unreachable.
Exit exit_of(const InvitationEnd& end);

/// Tells what happens: as sentences, or as JSON lines.
class Output {
  public:
    explicit Output(bool json) : json_(json) {}

    [[nodiscard]] bool json() const { return json_; }
    /// A sentence about an invitation ends with `tag`. What went wrong goes to stderr, if it is a
    /// sentence.
    void tell(const Facts& facts, const std::string& tag = {}) const;
    /// To stdout, as it is, but safe to print.
    static void line(const std::string& text);
    /// To stderr, for people.
    static void remark(const std::string& line);

  private:
    bool json_;
};

/// What is said of the connection.
enum class OfConnection {
    trouble,  ///< to stderr, what is wrong, and that it is right again
    all,      ///< its states: with --json, as facts
    nothing,  ///< `Session::trouble` is asked instead
};

/// One client, whose listeners and callbacks are called from within `poll`, and nowhere else.
class Session : public ConnectionListener {
  public:
    /// `settings` are to be complete. Whoever is called by a listener or a callback outlives it.
    Session(const Settings& settings, const Output& output,
            OfConnection tells = OfConnection::trouble);

    Client& client() { return client_; }
    SignalingManager& signaling() { return client_.getSignalingManager(); }
    GroupManager& groups() { return client_.getGroupManager(); }

    /// Why there is no connection; empty when there is, or none yet.
    [[nodiscard]] const std::string& trouble() const { return trouble_; }
    /// Connects, and waits until the broker's Beckon has answered: ok, `not_connected`,
    /// `no_beckon`, or `withdrawn` by Ctrl-C.
    Result connect();
    static constexpr std::size_t least_typed = 6;
    /// For Ctrl-C that comes right before the waiting begins.
    static constexpr std::chrono::milliseconds moment{500};
    /// Makes the calls that are due, and waits for the first: at most that long, or until Ctrl-C
    /// or, with `keys`, a key.
    void poll(std::chrono::milliseconds most = moment, bool keys = false);
    /// Polls until it has happened, and returns true; or until Ctrl-C.
    bool until(const std::function<bool()>& happened);
    /// The id that `typed` stands for: itself or, of what is open, the one that alone begins with
    /// it, if it has `least_typed` letters at least and is no other's whole id. Throws `CLI::Error`
    /// where several do. To be asked when there is a connection.
    std::string whole_id(const std::string& typed);
    /// Connects, makes one request by `call`, which takes the callback, and waits for its result;
    /// absent: Ctrl-C was faster.
    template <class R = Result, class Call>
    std::optional<R> result_of(const Call& call) {
        if (const Result connected = connect(); !connected.ok()) {
            std::optional<R> none;
            if (exit_of(connected) != cancelled) {
                static_cast<Result&>(none.emplace()) = connected;
            }
            return none;
        }
        // Shared with the callback, which may come after the waiting was given up.
        const auto result = std::make_shared<std::optional<R>>();
        call([result](const R& arrived) { *result = arrived; });
        until([&] { return result->has_value(); });
        return *result;
    }
    /// As `result_of`, by a call whose callback takes what was found beside the result.
    template <class T, class Call>
    std::optional<Found<T>> found_by(const Call& call) {
        return result_of<Found<T>>([&](const auto& told) {
            call([told](const Result& result, const T& found) { told(Found<T>{{result}, found}); });
        });
    }
    /// For a whole subcommand that asks, by a call as of `found_by`: tells what `put` makes of what
    /// was found, and returns what to end with.
    template <class T, class Call, class Put>
    Exit tell_found(const std::string& name, const Call& call, const Put& put) {
        const auto found = found_by<T>(call);
        if (!found) {
            return cancelled;
        }
        Facts facts = reply_to(name, static_cast<const Result&>(*found));
        if (found->ok()) {
            put(facts, found->found);
        }
        output_.tell(facts);
        return exit_of(*found);
    }
    /// The same for one that asks for something to be done: tells what became of it, and returns
    /// what to end with.
    template <class R = Result, class Call>
    Exit request(const std::string& name, const Call& call) {
        const std::optional<R> result = result_of<R>(call);
        if (!result) {
            return cancelled;
        }
        output_.tell(reply_to(name, *result));
        return exit_of(*result);
    }

    void onConnectionStateChanged(ConnectionState state, const std::string& why) override;

  private:
    /// Why the client says that there is no connection, with why TLS fails, which it cannot know.
    std::string cause_of(const std::string& why);

    const Output& output_;
    const ClientOptions options_;
    OfConnection tells_;
    std::string trouble_;
    /// What the client said of it.
    std::string said_{};
    /// Never destroyed, as Paho takes 100 ms to end its threads: the program ends right after this,
    /// by `_Exit`. It calls nobody but within `poll`.
    Client& client_;
};

}  // namespace beckon::cli
