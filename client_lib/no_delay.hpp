// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace beckon {

/// Has what is written to servers at this port sent at once (TCP_NODELAY).
///
/// Paho leaves Nagle's algorithm on, has no option for it, and does not tell its socket: a request
/// right after an acknowledgement, such as an accept from within a ring, then waits for the
/// broker's own delayed one, some 40 ms. So the socket is looked for among those of the process. On
/// one that is somebody else's the option costs a few packets and changes nothing else; where the
/// socket cannot be found (no /proc, a proxy's port), what is sent is slower.
void send_at_once_to(int port);

}  // namespace beckon
