//! Files of every kind, and what opening them does.

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Opens, expects a refusal, and proves that the file is as it was.
fn refused(path: &Path) -> String {
    let before = std::fs::read(path).unwrap();
    let error = open(path).expect_err("refused").to_string();
    assert_eq!(before, std::fs::read(path).unwrap(), "overwritten");
    error
}

fn a_full_ledger(path: &Path) {
    let (connection, _lock) = open(path).unwrap();
    for i in 0..500 {
        connection
            .execute(
                "INSERT INTO delivery (id_hash, alert, channel, recipient, state, due_ms, \
                 created_ms, updated_ms, payload_hash)
                 VALUES (?1, ?1, 'c', 'r', 'pending', 0, 0, 0, x'00')",
                [i],
            )
            .unwrap();
        connection
            .execute("INSERT INTO letter VALUES (?, ?)", (i + 1, vec![7u8; 300]))
            .unwrap();
    }
}

#[test]
fn a_ledger_opens_again() {
    let folder = folder();
    let path = folder.path().join("l");
    a_full_ledger(&path);
    let (connection, _lock) = open(&path).unwrap();
    let rows: i64 = connection
        .query_row("SELECT count(*) FROM delivery", [], |r| r.get(0))
        .unwrap();
    assert_eq!(rows, 500);
}

#[test]
fn an_empty_file_becomes_a_ledger_and_others_cannot_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    File::create(folder.path().join("empty")).unwrap();
    assert!(open(&folder.path().join("empty")).is_ok());
    assert!(open(&folder.path().join("fresh")).is_ok());
    let mode = folder.path().join("fresh").metadata().unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_second_holder_is_refused_by_any_name() {
    let folder = folder();
    let path = folder.path().join("l");
    let _held = open(&path).unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for name in [&path, &link] {
        let error = open(name).err().unwrap().to_string();
        assert!(
            error.contains(&format!("process {}", std::process::id())),
            "{error}"
        );
    }
}

#[test]
fn a_foreign_file_is_left_alone() {
    let folder = folder();
    let text = folder.path().join("text");
    std::fs::write(&text, "dear diary").unwrap();
    assert!(refused(&text).contains("not a ledger"));
    assert!(!beside(&text, "-lock").exists());

    let other = folder.path().join("other");
    Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE t (x)")
        .unwrap();
    assert!(refused(&other).contains("another program"));
    assert!(
        open(folder.path())
            .err()
            .unwrap()
            .to_string()
            .contains("regular file")
    );
    let nowhere = open(&folder.path().join("no/such/l")).err().unwrap();
    assert!(matches!(nowhere, OpenError::Unusable { .. }), "{nowhere}");
}

#[test]
fn a_newer_ledger_is_refused() {
    let folder = folder();
    let path = folder.path().join("l");
    let (connection, _lock) = open(&path).unwrap();
    connection.pragma_update(None, "user_version", 9).unwrap();
    drop((connection, _lock));
    assert!(refused(&path).contains("version 9"));
}

#[test]
fn a_damaged_ledger_is_refused() {
    let folder = folder();
    let path = folder.path().join("l");
    a_full_ledger(&path);
    let whole = std::fs::read(&path).unwrap();

    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(refused(&path).contains("damaged"));

    let mut torn = whole.clone();
    let middle = torn.len() / 2;
    torn[middle..middle + 8192].fill(0xa5);
    std::fs::write(&path, &torn).unwrap();
    assert!(refused(&path).contains("damaged"));

    std::fs::write(&path, &whole[..60]).unwrap();
    assert!(refused(&path).contains("not a ledger"));

    std::fs::write(&path, &whole).unwrap();
    assert!(open(&path).is_ok());
}

/// A ledger of an earlier version is brought up with all that is in it.
#[test]
fn a_former_ledger_is_brought_up() {
    for former in [include_str!("version_1.sql"), include_str!("version_2.sql")] {
        let folder = folder();
        let path = folder.path().join("l");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(former).unwrap();
        drop(old);
        assert!(open_beside(&path).is_err(), "only its own process may");
        let (connection, _lock) = open(&path).unwrap();
        let kept: (String, String, i64, Vec<u8>) = connection
            .query_row(
                "SELECT alert, state, fence, payload FROM delivery JOIN letter USING (seq)
                 WHERE id_hash = ?",
                [id_hash("a")],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )
            .unwrap();
        let expected = ("a".to_owned(), "in_doubt".to_owned(), 3, b"{}".to_vec());
        assert_eq!(kept, expected);
        assert!(open_beside(&path).is_ok());
    }
}
