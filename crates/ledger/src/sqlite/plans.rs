//! Which index each query of the daily work uses.

/// A query that loses its index still answers, only slower with every entry kept.
#[test]
fn the_daily_work_reads_indexes_only() {
    let folder = tempfile::tempdir().unwrap();
    let (connection, _lock) = super::file::open(&folder.path().join("l")).unwrap();
    for (query, index) in [
        (
            "SELECT seq FROM delivery WHERE channel = ?3 AND state IN ('pending', 'retry_at') \
                 AND due_ms <= ?2 ORDER BY due_ms, seq LIMIT ?4",
            "USING INDEX due (channel=? AND due_ms<?)",
        ),
        (
            "SELECT seq FROM delivery WHERE id_hash = ? AND alert = ? AND channel = ?",
            "USING INDEX ids (id_hash=?)",
        ),
        (
            "SELECT seq FROM delivery WHERE state IN ('claimed', 'sending') \
                 AND state = 'sending' AND due_ms <= ?3",
            "USING INDEX leased (due_ms<?)",
        ),
        (
            "SELECT seq FROM delivery WHERE state = 'in_doubt' AND channel = ? \
                 AND first_try_ms >= ? ORDER BY seq LIMIT ?",
            "USING INDEX doubtful (channel=?)",
        ),
        (
            "SELECT seq FROM delivery WHERE state IN ('delivered', 'failed') \
                 AND updated_ms < ? ORDER BY updated_ms LIMIT ?",
            "USING INDEX finished (updated_ms<?)",
        ),
        (
            "SELECT min(due_ms) FROM delivery WHERE channel = ? \
                 AND state IN ('pending', 'retry_at')",
            "USING INDEX due (channel=?)",
        ),
    ] {
        let mut plan = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {query}"))
            .unwrap();
        let steps: Vec<String> = plan
            .raw_query()
            .mapped(|row| row.get(3))
            .collect::<rusqlite::Result<_>>()
            .unwrap();
        assert_eq!(steps.len(), 1, "{steps:?}");
        let step = steps[0].replace("COVERING ", "");
        assert!(step.contains(index), "{step}");
    }
}
