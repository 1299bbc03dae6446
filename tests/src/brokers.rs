//! The brokers that all tests of a run share: one of each release, started when first needed.

use std::sync::OnceLock;

use anyhow::{Result, anyhow};
use private_broker::{PrivateBroker, Release, Settings};

/// The run's broker of this release, with the management API and a TLS listener.
///
/// It ends with the process. A test that kills its broker starts a [`PrivateBroker`] of its own.
///
/// # Errors
///
/// When it could not be started; every test that asks gets the same error.
pub fn shared_broker(release: Release) -> Result<&'static PrivateBroker> {
    static INSTALLED: OnceLock<Result<PrivateBroker, String>> = OnceLock::new();
    static DEBIAN_13: OnceLock<Result<PrivateBroker, String>> = OnceLock::new();
    let shared = match release {
        Release::Installed => &INSTALLED,
        Release::Debian13 => &DEBIAN_13,
    };
    let start = || {
        PrivateBroker::start(&Settings {
            release,
            management: true,
            tls: true,
            // Its parameters are what a topology has of them.
            plugins: &["rabbitmq_federation"],
            ..Settings::default()
        })
        .map_err(|error| error.to_string())
    };
    shared
        .get_or_init(start)
        .as_ref()
        .map_err(|error| anyhow!("{error}"))
}
