// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Marks what the shared library shows; all else is hidden.
#if defined(__GNUC__)
#define BECKON_EXPORT __attribute__((visibility("default")))
#else
#define BECKON_EXPORT
#endif
