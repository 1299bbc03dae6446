-- A ledger as version 2 of the schema left it.
PRAGMA application_id = 0x414C444C;
PRAGMA user_version = 2;
CREATE TABLE delivery (
  seq          INTEGER PRIMARY KEY AUTOINCREMENT,
  alert        TEXT NOT NULL,
  channel      TEXT NOT NULL,
  recipient    TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state IN
    ('pending', 'claimed', 'sending', 'delivered', 'failed', 'retry_at', 'in_doubt')),
  due_ms       INTEGER NOT NULL, -- due at, or leased until
  fence        INTEGER NOT NULL DEFAULT 0, -- claims so far: an older ticket is stale
  attempts     INTEGER NOT NULL DEFAULT 0,
  conflicts    INTEGER NOT NULL DEFAULT 0,
  doubted      INTEGER NOT NULL DEFAULT 0, -- an earlier attempt was left in doubt
  refused      INTEGER NOT NULL DEFAULT 0, -- and a repeat was refused for good
  burials      INTEGER NOT NULL DEFAULT 0, -- times that it failed
  unburied     INTEGER NOT NULL DEFAULT 0, -- still to be published as undelivered
  created_ms   INTEGER NOT NULL,
  updated_ms   INTEGER NOT NULL,
  first_try_ms INTEGER,
  digest       TEXT,
  note         TEXT NOT NULL DEFAULT '',
  payload_hash BLOB NOT NULL,
  UNIQUE (alert, channel, recipient)
) STRICT;
-- Apart, so that a change of state does not write the words again.
CREATE TABLE letter (seq INTEGER PRIMARY KEY, payload BLOB NOT NULL) STRICT;
CREATE INDEX due      ON delivery (channel, due_ms, seq) WHERE state IN ('pending', 'retry_at');
CREATE INDEX leased   ON delivery (due_ms)               WHERE state IN ('claimed', 'sending');
CREATE INDEX doubtful ON delivery (channel, seq)         WHERE state = 'in_doubt';
CREATE INDEX finished ON delivery (updated_ms)           WHERE state IN ('delivered', 'failed');
CREATE INDEX unburied ON delivery (channel, seq)         WHERE unburied = 1;
CREATE INDEX together ON delivery (digest)
  WHERE state = 'retry_at' AND digest IS NOT NULL;
INSERT INTO delivery (alert, channel, recipient, state, due_ms, fence, attempts, created_ms,
    updated_ms, first_try_ms, payload_hash)
  VALUES ('a', 'c', 'r', 'in_doubt', 5, 3, 1, 1, 4, 2, x'00');
INSERT INTO letter VALUES (1, CAST('{}' AS BLOB));
