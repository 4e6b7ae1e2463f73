// SPDX-License-Identifier: Apache-2.0
#pragma once

struct sqlite3;

namespace beckon {

/// The name of a VFS between SQLite and its default one, which guards the index of the log: that
/// is memory shared with whoever else has the file open (`GuardedMemory`). Once it is lost,
/// nothing is read or written any more until all connections to the file are closed: so what is
/// made of lost memory reaches neither a disk nor anybody.
const char* guarded_vfs();

bool has_lost_memory(sqlite3* database);

}  // namespace beckon
