-- A ledger as version 1 of the schema left it.
PRAGMA application_id = 0x414C444C;
PRAGMA user_version = 1;
CREATE TABLE delivery (
  seq          INTEGER PRIMARY KEY,
  alert        TEXT NOT NULL,
  channel      TEXT NOT NULL,
  recipient    TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state IN
    ('pending', 'claimed', 'sending', 'delivered', 'failed', 'retry_at', 'in_doubt')),
  due_ms       INTEGER NOT NULL, -- due at, or leased until
  fence        INTEGER NOT NULL DEFAULT 0, -- claims so far: an older ticket is stale
  attempts     INTEGER NOT NULL DEFAULT 0,
  conflicts    INTEGER NOT NULL DEFAULT 0,
  created_ms   INTEGER NOT NULL,
  updated_ms   INTEGER NOT NULL,
  first_try_ms INTEGER,
  note         TEXT NOT NULL DEFAULT '',
  payload_hash BLOB NOT NULL,
  payload      BLOB NOT NULL,
  UNIQUE (alert, channel, recipient)
) STRICT;
CREATE INDEX due      ON delivery (channel, due_ms, seq) WHERE state IN ('pending', 'retry_at');
CREATE INDEX leased   ON delivery (due_ms)               WHERE state IN ('claimed', 'sending');
CREATE INDEX doubtful ON delivery (channel, seq)         WHERE state = 'in_doubt';
CREATE INDEX finished ON delivery (updated_ms)           WHERE state IN ('delivered', 'failed');
INSERT INTO delivery (alert, channel, recipient, state, due_ms, fence, attempts, created_ms,
    updated_ms, first_try_ms, payload_hash, payload)
  VALUES ('a', 'c', 'r', 'in_doubt', 5, 3, 1, 1, 4, 2, x'00', CAST('{}' AS BLOB));
