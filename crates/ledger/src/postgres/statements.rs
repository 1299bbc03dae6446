//! The state machine in PostgreSQL's SQL: what `sqlite/store.rs` does, one statement each.
//!
//! `{now}` stands for the server's clock, or for `$1` when a time is given. Where a request may
//! come again because a connection broke while it was committed, `$2` says that it does: what it
//! finds done by itself counts as done.

/// The columns of an entry, as `rows::entry` reads them.
macro_rules! entry {
    () => {
        "alert, channel, recipient, state, attempts, conflicts, doubted, digest, due_ms, \
         created_ms, updated_ms, first_try_ms, note"
    };
}

/// Every statement, by name.
pub(super) const STATEMENTS: [(&str, &str); 22] = [
    (
        "insert",
        "WITH new AS (
           INSERT INTO delivery (alert, channel, recipient, state, note, burials, unburied,
             due_ms, created_ms, updated_ms, payload_hash)
           VALUES ($2, $3, $4, CASE WHEN $7::text IS NULL THEN 'pending' ELSE 'failed' END,
             coalesce($7, ''), ($7 IS NOT NULL)::int, $7 IS NOT NULL, {now}, {now}, {now}, $5)
           ON CONFLICT (alert, channel, recipient) DO NOTHING RETURNING seq)
         INSERT INTO letter SELECT seq, $6::bytea FROM new RETURNING seq",
    ),
    (
        "known",
        "WITH other AS (
           UPDATE delivery SET conflicts = conflicts + 1
           WHERE alert = $1 AND channel = $2 AND recipient = $3 AND payload_hash <> $4)
         SELECT state, payload_hash = $4 AS same FROM delivery
         WHERE alert = $1 AND channel = $2 AND recipient = $3",
    ),
    (
        "claim",
        "WITH due AS (
           SELECT seq, digest FROM delivery
           WHERE channel = $2 AND state IN ('pending', 'retry_at')
             AND (due_ms <= {now} OR state = 'pending')
             AND ($5::text IS NULL OR recipient = $5)
           ORDER BY due_ms, seq LIMIT $3 FOR UPDATE SKIP LOCKED),
         others AS (
           SELECT seq FROM delivery
           WHERE state = 'retry_at' AND channel = $2 AND digest IN
             (SELECT digest FROM due WHERE digest IS NOT NULL)
           FOR UPDATE SKIP LOCKED),
         claimed AS (
           UPDATE delivery
           SET state = CASE WHEN $6 THEN 'sending' ELSE 'claimed' END,
             attempts = attempts + $6::boolean::int,
             first_try_ms = CASE WHEN $6 THEN coalesce(first_try_ms, {now}) ELSE first_try_ms END,
             due_ms = {now} + $4, fence = fence + 1, updated_ms = {now}
           WHERE seq IN (SELECT seq FROM due UNION SELECT seq FROM others)
           RETURNING seq, fence, alert, recipient, attempts - $6::boolean::int AS attempts,
             created_ms, first_try_ms, digest)
         SELECT claimed.*, payload FROM claimed JOIN letter USING (seq) ORDER BY seq",
    ),
    (
        "begin",
        "UPDATE delivery AS d
         SET attempts = attempts + (state = 'claimed')::int, state = 'sending',
             due_ms = {now} + $6, updated_ms = {now},
             first_try_ms = coalesce(first_try_ms, {now}), digest = $5
         FROM unnest($3::bigint[], $4::bigint[]) AS t (seq, fence)
         WHERE d.seq = t.seq AND d.fence = t.fence
           AND (state = 'claimed' AND due_ms > {now} OR $2 AND state = 'sending')
         RETURNING d.seq, d.fence",
    ),
    (
        "record",
        "WITH standing AS (
           SELECT d.seq, state, due_ms, doubted, d.fence = t.fence AS last,
             d.fence = t.fence AND state IN ('sending', 'in_doubt') AS own,
             d.fence > t.fence AND attempts > 0 AND state <> 'delivered' AS overtaken
           FROM delivery AS d JOIN unnest($3::bigint[], $4::bigint[]) AS t (seq, fence)
             ON d.seq = t.seq
           ORDER BY d.seq FOR UPDATE OF d),
         decided AS (
           SELECT seq, CASE
             WHEN own OR overtaken AND $5 = 'delivered' THEN CASE
               WHEN $5 = 'failed' AND doubted THEN 'in_doubt'
               WHEN $5 = 'retry_at' AND (state = 'in_doubt' OR due_ms <= {now}) THEN 'in_doubt'
               ELSE $5 END END AS next,
             CASE WHEN $2 AND last AND state IN ('delivered', 'failed', 'retry_at') THEN state END
               AS done
           FROM standing),
         changed AS (
           UPDATE delivery
           SET state = next, note = $7, updated_ms = {now},
               due_ms = CASE next WHEN 'retry_at' THEN $6 ELSE {now} END,
               refused = next = 'in_doubt' AND $5 = 'failed',
               burials = burials + (next = 'failed')::int, unburied = next = 'failed',
               digest = CASE WHEN next = 'retry_at' AND NOT doubted THEN NULL ELSE digest END
           FROM decided WHERE delivery.seq = decided.seq AND next IS NOT NULL)
         SELECT seq, coalesce(next, done) FROM decided",
    ),
    (
        "release",
        "UPDATE delivery AS d
         SET state = CASE WHEN $4::bigint IS NULL THEN 'pending' ELSE 'retry_at' END,
             due_ms = coalesce($4, {now}), updated_ms = {now}
         FROM unnest($2::bigint[], $3::bigint[]) AS t (seq, fence)
         WHERE d.seq = t.seq AND d.fence = t.fence AND state = 'claimed' RETURNING d.seq",
    ),
    (
        "sweep sending",
        "UPDATE delivery
         SET state = 'in_doubt', due_ms = {now}, updated_ms = {now},
             note = 'its lease ended before an answer was recorded'
         WHERE state IN ('claimed', 'sending') AND state = 'sending' AND due_ms <= {now}
         RETURNING seq",
    ),
    (
        "sweep claimed",
        "UPDATE delivery SET state = 'pending', due_ms = {now}, updated_ms = {now}
         WHERE state IN ('claimed', 'sending') AND state = 'claimed' AND due_ms <= {now}
         RETURNING seq",
    ),
    (
        "resend",
        "UPDATE delivery AS d
         SET state = 'retry_at', due_ms = $4, updated_ms = {now}, doubted = true
         FROM unnest($2::bigint[], $3::bigint[]) AS t (seq, fence)
         WHERE d.seq = t.seq AND d.fence = t.fence AND state = 'in_doubt' RETURNING d.seq",
    ),
    (
        "resolve delivered",
        "UPDATE delivery
         SET state = 'delivered', note = 'delivered, a person says', due_ms = {now},
             updated_ms = {now}
         WHERE alert = $2 AND channel = coalesce($3, channel)
           AND recipient = coalesce($4, recipient) AND state = 'in_doubt' RETURNING seq",
    ),
    (
        "resolve resend",
        "UPDATE delivery
         SET state = 'retry_at', doubted = true, first_try_ms = NULL, digest = NULL,
             note = 'to be sent again, a person says', due_ms = {now}, updated_ms = {now}
         WHERE alert = $2 AND channel = coalesce($3, channel)
           AND recipient = coalesce($4, recipient) AND state = 'in_doubt' RETURNING seq",
    ),
    (
        "buried",
        "UPDATE delivery SET unburied = false WHERE seq = $1 AND burials = $2 RETURNING seq",
    ),
    (
        "reopen",
        "UPDATE delivery
         SET state = 'pending', due_ms = {now}, updated_ms = {now}, fence = fence + 1,
             first_try_ms = NULL, digest = NULL, unburied = false
         WHERE alert = $2 AND channel = $3 AND recipient = $4
           AND state = 'failed' AND burials = $5 RETURNING seq",
    ),
    (
        "forget",
        "WITH gone AS (
           DELETE FROM delivery
           WHERE alert = $1 AND channel = $2 AND recipient = $3 AND state = 'failed'
             AND attempts = 0 RETURNING seq)
         DELETE FROM letter USING gone WHERE letter.seq = gone.seq RETURNING letter.seq",
    ),
    (
        "prune",
        "WITH gone AS (
           DELETE FROM delivery WHERE seq IN (
             SELECT seq FROM delivery
             WHERE state IN ('delivered', 'failed') AND updated_ms < $1 AND NOT unburied
             ORDER BY updated_ms LIMIT $2 FOR UPDATE SKIP LOCKED)
           RETURNING seq)
         DELETE FROM letter USING gone WHERE letter.seq = gone.seq RETURNING letter.seq",
    ),
    (
        "doubts",
        "SELECT seq, fence, alert, recipient, payload, attempts, created_ms, first_try_ms, \
         digest, refused, note FROM delivery JOIN letter USING (seq)
         WHERE state = 'in_doubt' AND channel = $1 AND first_try_ms >= $2 ORDER BY seq LIMIT $3",
    ),
    (
        "next due",
        "SELECT min(due_ms) FROM delivery
         WHERE channel = $1 AND state IN ('pending', 'retry_at')",
    ),
    (
        "dead",
        concat!(
            "SELECT ",
            entry!(),
            ", seq, burials, payload FROM delivery JOIN letter USING (seq)
             WHERE channel = $1 AND unburied ORDER BY seq LIMIT $2"
        ),
    ),
    (
        "standing",
        "SELECT channel, count(*) FILTER (WHERE state <> 'in_doubt'),
           count(*) FILTER (WHERE state = 'in_doubt') FROM delivery
         WHERE state IN ('pending', 'retry_at') OR state IN ('claimed', 'sending')
           OR state = 'in_doubt'
         GROUP BY channel ORDER BY channel COLLATE \"C\"",
    ),
    (
        "look",
        concat!(
            "SELECT ",
            entry!(),
            " FROM delivery WHERE alert = $1
             ORDER BY channel COLLATE \"C\", recipient COLLATE \"C\""
        ),
    ),
    (
        "letter",
        "SELECT payload FROM delivery JOIN letter USING (seq)
         WHERE alert = $1 AND channel = $2 AND recipient = $3",
    ),
    (
        "list",
        concat!(
            "SELECT ",
            entry!(),
            " FROM delivery
             WHERE updated_ms >= $3 AND ($2::text IS NULL OR state = $2)
               AND ($1::text IS NULL OR channel = $1)
               AND (state IN ('delivered', 'failed') OR state IN ('pending', 'retry_at')
                 OR state IN ('claimed', 'sending') OR state = 'in_doubt')
             ORDER BY updated_ms DESC, alert COLLATE \"C\" LIMIT $4"
        ),
    ),
];
