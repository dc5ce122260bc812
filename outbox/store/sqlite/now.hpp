#pragma once
// Microseconds since 1970 by SQLite's clock, as a part of SQL; steady within one statement.

#define OUTBOX_SQLITE_NOW "cast((julianday('now') - 2440587.5) * 86400000000.0 as integer)"
