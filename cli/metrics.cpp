// SPDX-License-Identifier: Apache-2.0
#include "metrics.hpp"

#include <array>
#include <string>
#include <utility>

namespace beckon::cli {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr double as_it_is = 1;
constexpr double seconds = 0.001;  // of milliseconds

/// Where a number of the broker's stands, and as what it is told. With a label there is an object,
/// whose keys are the label's values.
struct Told {
    const char* at;
    const char* name;
    MetricType type;
    const char* label;
    double unit;
    const char* help;
};

constexpr std::array of_counters{
    Told{"/requests", "beckon_requests_total", MetricType::Counter, "verb", as_it_is,
         "Requests since the broker started, refused ones included."},
    Told{"/refusals", "beckon_refusals_total", MetricType::Counter, "error", as_it_is,
         "Requests that were refused since the broker started, by the error."},
    Told{"/left_out", "beckon_refusals_left_out_total", MetricType::Counter, nullptr, as_it_is,
         "Refusals that operator/refused left out, there being too many."},
    Told{"/ends", "beckon_invitees_ended_total", MetricType::Counter, "state", as_it_is,
         "Who was asked, by how that ended, since the broker started."},
    Told{"/calls", "beckon_calls_total", MetricType::Counter, nullptr, as_it_is,
         "Calls that began since the broker started."},
    Told{"/events", "beckon_events_total", MetricType::Counter, nullptr, as_it_is,
         "Events told since the broker started, once for each user."},
    Told{"/open", "beckon_open_invitations", MetricType::Gauge, nullptr, as_it_is,
         "Invitations with somebody pending, or with a call that goes on."},
    Told{"/ended", "beckon_remembered_invitations", MetricType::Gauge, nullptr, as_it_is,
         "Invitations that have ended and are remembered for late answers."},
    Told{"/online", "beckon_online_users", MetricType::Gauge, nullptr, as_it_is,
         "Users with a device that can be rung; this program's own user is one."},
    Told{"/groups", "beckon_groups", MetricType::Gauge, nullptr, as_it_is, "Groups."},
    Told{"/kept_bytes", "beckon_kept_bytes", MetricType::Gauge, nullptr, as_it_is,
         "What is kept for users, as plugin_opt_max_total_data_bytes counts it."},
    Told{"/unstored", "beckon_unstored_changes", MetricType::Gauge, nullptr, as_it_is,
         "Changes that wait for the store."},
    Told{"/oldest_unstored_ms", "beckon_oldest_unstored_seconds", MetricType::Gauge, nullptr,
         seconds, "How long the oldest of them has waited."},
    Told{"/lateness_ms/p50", "beckon_deadline_lateness_median_seconds", MetricType::Gauge, nullptr,
         seconds, "How late the last deadlines were applied: half of them no later than that."},
    Told{"/lateness_ms/p99", "beckon_deadline_lateness_p99_seconds", MetricType::Gauge, nullptr,
         seconds, "The same: 99 of 100 no later than that."},
};
constexpr std::array of_status{
    Told{"/limits/max_total_data_bytes", "beckon_kept_max_bytes", MetricType::Gauge, nullptr,
         as_it_is, "The limit of beckon_kept_bytes."},
    Told{"/limits/max_pending", "beckon_open_invitations_max", MetricType::Gauge, nullptr, as_it_is,
         "The limit of beckon_open_invitations."},
};
/// What `store` says of itself.
constexpr std::array store_states{"ok", "failing", "memory"};

ClientMetric metric(MetricType type, double value, std::vector<ClientMetric::Label> labels = {}) {
    ClientMetric one;
    one.label = std::move(labels);
    (type == MetricType::Counter ? one.counter.value : one.gauge.value) = value;
    return one;
}

void add(std::vector<MetricFamily>& all, const Told& row, const Facts& told) {
    const Facts::json_pointer at(row.at);
    if (!told.contains(at)) {
        return;
    }
    MetricFamily family{row.name, row.help, row.type, {}};
    const Facts& value = told.at(at);
    if (row.label == nullptr && value.is_number()) {
        family.metric.push_back(metric(row.type, value.get<double>() * row.unit));
    } else if (row.label != nullptr && value.is_object()) {
        for (const auto& [which, count] : value.items()) {
            if (count.is_number()) {
                family.metric.push_back(
                    metric(row.type, count.get<double>() * row.unit, {{row.label, which}}));
            }
        }
    }
    all.push_back(std::move(family));
}

void add_store(std::vector<MetricFamily>& all, const std::string& store) {
    MetricFamily family{"beckon_store_state",
                        "1 for what the store is: ok, failing (it takes nothing), or memory (there "
                        "is none).",
                        MetricType::Gauge,
                        {}};
    for (const char* const state : store_states) {
        family.metric.push_back(
            metric(MetricType::Gauge, store == state ? 1 : 0, {{"state", state}}));
    }
    all.push_back(std::move(family));
}

}  // namespace

std::vector<MetricFamily> metrics_of(const BrokerKnown& known) {
    std::vector<MetricFamily> all{{"beckon_up",
                                   "1 while the broker's Beckon answers; else nothing else of it "
                                   "is told.",
                                   MetricType::Gauge,
                                   {metric(MetricType::Gauge, known.answers ? 1 : 0)}}};
    if (!known.answers) {
        return all;
    }
    if (known.status.is_object()) {
        all.push_back({"beckon_info",
                       "1, and what the broker's Beckon is.",
                       MetricType::Gauge,
                       {metric(MetricType::Gauge, 1,
                               {{"host", known.status.value("host", "")},
                                {"version", known.status.value("version", "")}})}});
        add_store(all, known.status.value("store", ""));
        for (const Told& row : of_status) {
            add(all, row, known.status);
        }
    }
    for (const Told& row : of_counters) {
        add(all, row, known.counters);
    }
    return all;
}

}  // namespace beckon::cli
