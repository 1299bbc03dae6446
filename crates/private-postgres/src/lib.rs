//! A real PostgreSQL of one's own, for tests and benchmarks.
//!
//! [`PrivatePostgres::start`] makes a cluster in a folder of its own and runs it on a free port
//! of the loopback interface, beside any other server and without touching it. Like a private
//! broker it cannot outlive the process that owns it. Everything here blocks.
//!
//! ```no_run
//! use private_postgres::PrivatePostgres;
//!
//! # fn main() -> Result<(), private_postgres::Error> {
//! let mut postgres = PrivatePostgres::start()?;
//! let database = postgres.database("ledger")?;
//! println!("{}", database.url());
//! postgres.kill()?; // SIGKILL, as a fault test wants it
//! postgres.start_again()?; // same folder, same port, same data
//! println!("{}", database.query("SELECT count(*) FROM delivery")?);
//! # Ok(())
//! # }
//! ```

mod account;
mod database;
mod installation;
mod server;

pub use database::Database;
pub use private_broker::Error;
pub use server::PrivatePostgres;
