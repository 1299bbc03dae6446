//! A private server is there, is killed, comes back with its data, and is gone.

use std::net::{Ipv4Addr, TcpStream};

use private_postgres::{Error, PrivatePostgres};

#[test]
fn what_was_committed_is_there_after_kill_9() -> Result<(), Error> {
    let mut server = PrivatePostgres::start()?;
    let database = server.database("a test")?;
    database.query("CREATE TABLE t (n int)")?;
    for round in 1..=3 {
        database.query(&format!("INSERT INTO t VALUES ({round})"))?;
        server.kill()?;
        assert!(database.query("SELECT 1").is_err());
        server.start_again()?;
        assert_eq!(
            database.query("SELECT count(*) FROM t")?.trim(),
            round.to_string()
        );
    }
    Ok(())
}

#[test]
fn two_databases_are_apart_and_both_end_with_the_server() -> Result<(), Error> {
    let mut server = PrivatePostgres::start()?;
    let (one, other) = (server.database("same")?, server.database("same")?);
    one.query("CREATE TABLE t (n int)")?;
    assert!(other.query("SELECT * FROM t").is_err());
    server.stop()?;
    server.start_again()?;
    assert_eq!(one.query("SELECT count(*) FROM t")?.trim(), "0");
    let port = server.port();
    drop(server);
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
    Ok(())
}
