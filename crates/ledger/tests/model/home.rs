//! Where the ledger under test lives.

use std::{path::PathBuf, sync::Arc};

use ledger::{Clock, Ledger, Location, Postgres, Server, Sqlite, Swept};

pub(crate) enum Home {
    File(PathBuf),
    Server(Server),
}

impl Home {
    /// A database on a server, emptied.
    pub(crate) async fn emptied(url: &str) -> Self {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
            .await
            .unwrap();
        let connection = tokio::spawn(connection);
        client
            .batch_execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            .await
            .unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
        match Location::parse(url, None).unwrap() {
            Location::Server(server) => Self::Server(server),
            Location::File(path) => panic!("{} is no server", path.display()),
        }
    }

    /// Opens the ledger, and says what was recovered, if that is done at all.
    pub(crate) async fn open(&self, now_ms: i64) -> (Arc<dyn Ledger>, Option<Swept>) {
        match self {
            Self::File(path) => {
                let (ledger, swept) = Sqlite::open(path, now_ms).unwrap();
                (Arc::new(ledger), Some(swept))
            }
            // Others may be at work on it: only the end of a lease says that somebody is dead.
            Self::Server(server) => {
                let ledger = Postgres::open(server, Clock::Given).await.unwrap();
                (Arc::new(ledger), None)
            }
        }
    }
}
