// SPDX-License-Identifier: Apache-2.0
#pragma once

/// All of the client library.
#include <beckon/client.hpp>
#include <beckon/groups.hpp>
#include <beckon/messages.hpp>
#include <beckon/operators.hpp>
#include <beckon/result.hpp>
#include <beckon/signaling.hpp>
#include <beckon/vocabulary.hpp>
