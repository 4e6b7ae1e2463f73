// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "facts.hpp"

/// What Prometheus is told of a broker, by the conventions of its names: seconds, bytes, `_total`.
/// Pure; any thread.
namespace beckon::cli {

/// What is known of the broker now; what is not is null.
struct BrokerKnown {
    /// Its Beckon answers this program. If it does not, nothing else is told: it would be old.
    bool answers = false;
    /// `operator/counters`, and its `status` (contract, sections 8a and 2).
    Facts counters{};
    Facts status{};
};

std::vector<prometheus::MetricFamily> metrics_of(const BrokerKnown& known);

}  // namespace beckon::cli
